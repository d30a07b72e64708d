"""A setting of another library, changed for the length of a ``with`` block."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

_ABSENT = object()


@contextmanager
def temporary_setting(settings: MutableMapping[str, Any], name: str, value: Any) -> Iterator[None]:
    """Sets a name in ``os.environ``, or in ``vars(module)``, and restores it afterwards.

    >>> settings = {"a": 1}
    >>> with temporary_setting(settings, "b", 2):
    ...     print(settings)
    {'a': 1, 'b': 2}
    >>> settings
    {'a': 1}
    """
    before = settings.get(name, _ABSENT)
    settings[name] = value
    try:
        yield
    finally:
        if before is _ABSENT:
            settings.pop(name, None)
        else:
            settings[name] = before
