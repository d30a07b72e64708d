"""Checks of arguments: each error names the argument, its bound and the value given."""

import math
import reprlib
from collections.abc import Callable, Iterable
from numbers import Real
from pathlib import Path
from typing import Any


def check_type(name: str, value: Any, of: type | tuple[type, ...], source: str) -> None:
    """Raises a ValueError unless an argument is what another of the lab's verbs returns.

    Args:
        name: of the argument.
        value: what was given.
        of: its class, or several.
        source: where such a value comes from, such as ``"lab.predict"``.
    """
    if not isinstance(value, of):
        plain = value is None or isinstance(value, str | int | float)
        got = reprlib.repr(value) if plain else type(value).__name__
        raise ValueError(f"{name} must come from {source}; got {got}")


def check_whole(
    name: str, value: Any, least: int = 1, most: int | None = None, *, or_none: bool = False
) -> None:
    """Raises a ValueError unless an argument is a whole number from `least` to `most`.

    >>> check_whole("times", 3, 2, 100)
    """
    if or_none and value is None:
        return
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or value < least or (most is not None and value > most):
        bound = f"{least:,} or more" if most is None else f"{least:,} to {most:,}"
        end = ", or None" if or_none else ""
        raise ValueError(f"{name} must be a whole number, {bound}{end}; got {value!r}")


def check_one_of(name: str, value: Any, known: Iterable[str], *, or_none: bool = False) -> None:
    """Raises a ValueError unless an argument is one of the names that are known.

    >>> check_one_of("half", "practice", ("practice", "held out"))
    """
    names = tuple(known)
    if (or_none and value is None) or (isinstance(value, str) and value in names):
        return
    end = ", or None" if or_none else ""
    raise ValueError(f"{name} must be one of {', '.join(names)}{end}; got {value!r}")


def check_seed(seed: Any) -> None:
    """Raises a ValueError unless a seed is a whole number from which draws can begin."""
    check_whole("seed", seed, 0, 2**63 - 1)


def checked_several(name: str, values: Any, of: type, what: str) -> tuple:
    """An argument of one value or more as a tuple; a ValueError for anything else.

    Args:
        name: of the argument.
        values: what was given; a generator is read once.
        of: the class of each value; of a text, which is one value, no letters are taken.
        what: the bound in words, such as ``"one or more numbers, as in (0, 1)"``.
    """
    is_several = isinstance(values, Iterable) and not isinstance(values, str | bytes)
    several = tuple(values) if is_several else ()
    if not several or not all(isinstance(each, of) for each in several):
        raise ValueError(f"{name} must be {what}; got {reprlib.repr(several or values)}")
    return several


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, numpy's too; True and False are not.

    >>> is_number(0.5), is_number(True), is_number(float("nan"))
    (True, False, False)
    """
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def checked_path(name: str, value: Any) -> Path:
    """An argument as a path; a ValueError unless it is a file's name or a path."""
    if not isinstance(value, str | Path):
        raise ValueError(f"{name} must be a file's name or a Path; got {value!r}")
    return Path(value)


def check_number(name: str, value: Any, bound: str, allowed: Callable[[float], bool]) -> None:
    """Raises a ValueError unless an argument is a finite number within its bound.

    Args:
        name: of the argument.
        value: what was given.
        bound: in words, such as ``"above 0 and at most 1"``.
        allowed: the bound as a function.
    """
    if not is_number(value) or not allowed(value):
        raise ValueError(f"{name} must be a number, {bound}; got {value!r}")
