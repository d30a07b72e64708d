"""Secrets and personal data in a text: how many of them the scanner finds."""
