"""Models: the catalogue, downloads, conversion, memory needs and loading."""
