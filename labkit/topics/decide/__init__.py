"""Local, cloud or both, for one's own work, and a router that acts on it. Notebook 10."""

from labkit.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
