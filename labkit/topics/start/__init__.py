"""First steps: this machine, a first prompt. Notebook 00."""

from labkit.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
