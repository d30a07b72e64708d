"""A small and a large model as one backend: each prompt goes to the one that it needs."""
