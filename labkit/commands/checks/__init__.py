"""What `doctor` looks at: each module has functions that give `Check`s.

On a bare interpreter nothing but the standard library is there: other packages are imported inside
the functions, and an ImportError becomes a line that says what cannot be known.
"""

from dataclasses import dataclass

FINE, WARNING, FAILING = "fine", "warning", "failing"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's.

    Attributes:
        name: what was looked at.
        status: ``"fine"``, ``"warning"`` or ``"failing"``.
        detail: what was found.
        mend: what to do about it; empty when there is nothing to do.
    """

    name: str
    status: str
    detail: str
    mend: str = ""


def listed(names, most=6):
    """Some names in a sentence, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    names = list(names)
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
