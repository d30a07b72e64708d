"""What can be loaded: the catalogue, fetching, conversion, what a model needs, loading."""
