"""Notebook 03: where the time and the memory go."""
