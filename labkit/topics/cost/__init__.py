"""Notebook 06: what an answer costs, in a cloud and on hardware of one's own."""

from labkit.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
