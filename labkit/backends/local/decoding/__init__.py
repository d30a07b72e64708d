"""Decoding beyond one token after another: batches, drafts, beams, trees, a cursor."""
