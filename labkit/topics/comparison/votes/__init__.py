"""Blind votes on two answers, and how many of them are needed."""
