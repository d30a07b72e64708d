"""What a small model cannot do, and whether it knows. Notebook 08."""

from labkit.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
