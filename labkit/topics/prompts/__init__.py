"""What a better prompt gains, and what each of its parts costs. Notebook 07."""

from labkit.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
