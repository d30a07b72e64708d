"""Many prompts, several models, one table."""
