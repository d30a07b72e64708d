"""What you can change in a model of your own: which tokens it may write, and its weights."""

from labkit.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
