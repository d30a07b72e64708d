"""Answers over a grid of settings, and how varied they are."""
