"""Texts token by token: the trace, the tree, beam search, and a walk by hand."""
