"""From one forward pass to a token: every score, every stage, every draw."""
