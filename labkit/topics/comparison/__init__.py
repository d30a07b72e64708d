"""Notebook 04: local and cloud, side by side."""

from labkit.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
