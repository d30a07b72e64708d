"""Functions that a model writes, run in the sandbox against their tests."""
