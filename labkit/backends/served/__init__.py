"""A model on a shared server, whose tokens and scores are as accessible as in this process."""
