"""From scores to a token: temperature, filters, chance. Notebook 02."""

from labkit.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
