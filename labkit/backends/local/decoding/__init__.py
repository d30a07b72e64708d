"""Ways to decode other than one token after another: batches, drafts, beams, a cursor."""
