"""Whole vocabularies, and how byte-pair encoding builds them."""
