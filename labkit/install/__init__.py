"""Finding or creating the environment that the lab runs in; standard library alone."""
