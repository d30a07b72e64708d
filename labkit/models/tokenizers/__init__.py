"""Tokenizers under one interface: the catalogue, their files, and their readers."""
