"""One number that a learner found, with how it came about. Results give them as `book_entries`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labkit.formatting import digits, usd
from labkit.stats import Spread


@dataclass(frozen=True, slots=True)
class BookEntry:
    """One number.

    Attributes:
        name: what later notebooks look for, with its unit at the end: ``"decode_tokens_per_s"``.
        label: what it is, for people: ``"writing speed"``.
        value: the number; of several runs their median.
        unit: what it is counted in, such as ``"tokens/s"``; "" for a plain count.
        low, high: least and most of several runs, or the ends of an interval; None: one number.
        origin: ``"measured"``, ``"computed"``, ``"recorded"`` or ``"assumed"``.
        model: which model it is about; "" if about none.
        note: what makes it doubtful, such as ``"disturbed"``.
        guess: what the learner had guessed, in the same unit.
    """

    name: str
    label: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    origin: str = "measured"
    model: str = ""
    note: str = ""
    guess: float | None = None

    @property
    def text(self) -> str:
        """The number with its unit."""
        return with_unit(self.value, self.unit)

    @property
    def guess_text(self) -> str:
        """The guess with its unit; "" without one."""
        return "" if self.guess is None else with_unit(self.guess, self.unit)

    @property
    def spread(self) -> str:
        """From where to where it goes; "" where it is one number."""
        if self.low is None or self.high is None or self.low == self.high:
            return ""
        return f"{digits(self.low)} to {digits(self.high)}"


def entry_of_spread(
    name: str, label: str, spread: Spread | None, unit: str, **more: Any
) -> tuple[BookEntry, ...]:
    """The entry of a number that was measured several times; none where it is unknown."""
    if spread is None:
        return ()
    return (BookEntry(name, label, spread.median, unit, spread.low, spread.high, **more),)


def entry_of_share(
    name: str, label: str, share: float, interval: Sequence[float] | None, **more: Any
) -> BookEntry:
    """The entry of a share, 0 to 1, in percent; its interval has the low and the high end."""
    return BookEntry(name, label, 100 * share, "%", *(100 * end for end in interval or ()), **more)


def entries_of(result: Any) -> tuple[BookEntry, ...]:
    """The numbers in a result, or in what a panel has given so far; empty if it gives none."""
    if hasattr(result, "book_entries"):
        return tuple(result.book_entries)
    inner = getattr(result, "result", None)
    return () if inner is None else entries_of(inner)


def with_unit(value: float, unit: str) -> str:
    """A number and its unit as one reads them: a currency before it, all else behind it.

    >>> with_unit(12, "tokens/s"), with_unit(3, "USD"), with_unit(3, ""), with_unit(1, "weeks")
    ('12 tokens/s', '$3.00', '3', '1 week')
    """
    if unit == "USD":
        return usd(value)
    number = digits(value)
    is_one = number == "1" and unit.isalpha() and len(unit) > 1
    return f"{number} {unit.removesuffix('s') if is_one else unit}".rstrip()
