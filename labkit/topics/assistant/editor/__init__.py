"""A field for code in which a model suggests how it goes on."""
