"""A model on this machine, through transformers, with every score accessible."""
