"""A local model that helps to write code: measured, in a panel, and in one's own editor.

Notebook 11.
"""

from labkit.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
