"""Finding or making the environment that the lab runs in; standard library alone."""
