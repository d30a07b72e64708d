"""One prompt, several models, at the same time."""
