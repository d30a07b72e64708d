"""The checks of `doctor`: each module has functions that yield `Check`s.

A bare interpreter has only the standard library: other packages are imported inside the functions,
and an ImportError becomes a line that says what cannot be known.
"""

from dataclasses import dataclass

FINE, WARNING, FAILING = "fine", "warning", "failing"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `doctor`."""

    name: str
    status: str  # `FINE`, `WARNING` or `FAILING`
    detail: str
    hint: str = ""  # what to do about it


def listed(names, most=6):
    """The first names as text, and the number of the others.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    names = list(names)
    text = ", ".join(names[:most])
    return f"{text} and {len(names) - most} more" if len(names) > most else text
