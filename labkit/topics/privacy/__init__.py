"""Notebook 05: what leaves the machine, what does not, and how to make sure."""
