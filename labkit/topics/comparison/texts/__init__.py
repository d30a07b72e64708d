"""Texts compared word by word."""
