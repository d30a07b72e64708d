"""Numbers and sentences as people read them: units, and lines broken between words."""

import os
import re
import shlex
import unicodedata
from decimal import Decimal
from textwrap import fill

MIB, GIB = 1024**2, 1024**3  # bytes of memory; of disks and downloads, MB and GB are powers of ten
# What a terminal obeys rather than shows: a name holds none of it.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
LINE = 92  # characters: as many as a notebook shows in a row in a window of 1280 pixels


def digits(number: float) -> str:
    """A number in three digits at least, and never with an exponent.

    >>> digits(1312.4), digits(18.44), digits(0.36129), digits(0.000012), digits(0.1 + 0.2 - 0.3)
    ('1,312', '18.4', '0.361', '0.000012', '0')
    """
    if abs(number) >= 100:
        return f"{number:,.0f}"
    if abs(number) < 1e-10:  # what roundings leave
        return "0"
    return _written_out(f"{number:.3g}")


def usd(amount: float) -> str:
    """An amount of US dollars as people read it: cents where there are any.

    >>> usd(60), usd(0.075), usd(1234.5), usd(0), usd(0.00003)
    ('$60.00', '$0.075', '$1,234', '$0.00', '$0.00003')
    """
    if amount and abs(amount) < 0.1:
        return f"${_written_out(f'{amount:.2g}')}"
    return f"${amount:,.2f}" if abs(amount) < 1000 else f"${amount:,.0f}"


def _written_out(number: str) -> str:
    """A number in digits alone, without an exponent."""
    return f"{Decimal(number):f}" if "e" in number else number


def points(share: float) -> str:
    """A difference of shares in percentage points.

    >>> points(0.124), points(-0.05)
    ('+12 points', '-5 points')
    """
    rounded = round(100 * share)
    return f"{rounded:+d} point{'' if abs(rounded) == 1 else 's'}" if rounded else "0 points"


def number_of(count: int, what: str) -> str:
    """A number and what it counts, which is in the plural unless it is one.

    >>> number_of(1, "run"), number_of(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def in_lines(*lines: str) -> str:
    """Lines for people, broken between words: a notebook breaks what it prints anywhere.

    Args:
        lines: each begins a line of its own; empty ones are left out.

    >>> in_lines("one " * 30).count("\\n")
    1
    """
    return "\n".join(
        fill(line, LINE, break_long_words=False, break_on_hyphens=False) for line in lines if line
    )


def shell_quoted(text: object) -> str:
    """A path or a name as it can be typed into this system's shell.

    >>> shell_quoted("smollm2-135m")
    'smollm2-135m'
    """
    name = str(text)
    if os.name != "nt":
        return shlex.quote(name)
    return name if re.fullmatch(r"[\w@+=:,./\\-]+", name) else f'"{name}"'


def plain_answer(text: str) -> str:
    """An answer as it is compared: apart from case, white space and a final full stop.

    >>> plain_answer(" Paris  is there. ")
    'paris is there'
    """
    return " ".join(text.split()).removesuffix(".").casefold()


def printable(text: str) -> str:
    """A text that others wrote, for a terminal: no escape sequences, nothing that hides.

    >>> printable("a\\x1b[31mb\\tc")
    'a\ufffd[31mb\\tc'
    """
    return "".join(each if each in "\n\t" or _has_shape(each) else "\ufffd" for each in text)


def without_control(text: str) -> str:
    """A text that a model wrote, for a terminal: as it is, but for control characters.

    >>> without_control("a\\x1b[31mb\\tc")
    'a\ufffd[31mb\\tc'
    """
    return CONTROL.sub("\ufffd", text)


def _has_shape(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
