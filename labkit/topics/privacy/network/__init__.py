"""Connections as they are attempted, and programs without a network."""
