"""Texts against one another, word by word."""
