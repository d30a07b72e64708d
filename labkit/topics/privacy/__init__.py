"""Notebook 05: what leaves the machine, what does not, and how to make sure."""

from labkit.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
