"""Notebook 04: local and cloud, side by side. ``labkit.compare`` is this folder and its verb."""

import inspect
import sys
import types

from .analysis import compare as _compare


class _Verb(types.ModuleType):
    """A module that can be called."""

    __call__ = staticmethod(_compare)


# Python binds `labkit.compare` to this module as soon as anything in it is imported, so the verb of
# that name has to be the module itself.
compare = sys.modules[__name__]
compare.__class__ = _Verb
compare.__signature__ = inspect.signature(_compare)
