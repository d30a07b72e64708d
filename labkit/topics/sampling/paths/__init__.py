"""Token by token through a text: its trace, its tree, beams, and a walk by hand."""
