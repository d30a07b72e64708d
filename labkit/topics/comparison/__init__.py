"""Notebook 04: local and cloud, side by side."""
