"""A model on this machine, in transformers: every score is there to be seen."""
