"""What an answer may look like, and which tokens keep to it, by llguidance."""
