"""What a request would carry, and what providers say becomes of it."""
