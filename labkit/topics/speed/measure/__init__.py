"""How fast a model is here: timed runs, loading, memory, noise."""
