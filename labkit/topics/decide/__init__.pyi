"""The public names of ``labkit.decide``."""
