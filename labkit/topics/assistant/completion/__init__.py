"""One suggestion: how it is asked for, and where it ends."""
