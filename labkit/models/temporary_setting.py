"""A setting of another library, changed for the length of a ``with`` block."""

import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

_ABSENT = object()
_lock = threading.Lock()
# Of each setting that is changed now: what it was, then the value of each open block by its mark.
_values: dict[tuple[int, str], dict[object, Any]] = {}


@contextmanager
def temporary_setting(settings: MutableMapping[str, Any], name: str, value: Any) -> Iterator[None]:
    """Sets a name in ``os.environ``, or in ``vars(module)``, and restores it afterwards.

    Of blocks that overlap in several threads, the last that is open counts.

    >>> settings = {"a": 1}
    >>> with temporary_setting(settings, "b", 2):
    ...     print(settings)
    {'a': 1, 'b': 2}
    >>> settings
    {'a': 1}
    """
    key, own = (id(settings), name), object()
    with _lock:
        values = _values.setdefault(key, {None: settings.get(name, _ABSENT)})
        values[own] = settings[name] = value
    try:
        yield
    finally:
        with _lock:
            del values[own]
            *_, last = values.values()
            if last is _ABSENT:
                settings.pop(name, None)
            else:
                settings[name] = last
            if len(values) == 1:
                del _values[key]
