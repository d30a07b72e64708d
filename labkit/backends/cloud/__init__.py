"""Models of providers: their facts, their keys, and the tokens they count."""
