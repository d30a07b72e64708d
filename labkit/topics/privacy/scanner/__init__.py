"""How many secrets and personal data the scanner finds, and how many it misses."""
