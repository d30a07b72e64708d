"""Notebooks executed, and shown as pages that work offline."""
