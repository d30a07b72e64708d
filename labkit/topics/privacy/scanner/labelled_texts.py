"""Texts with what should be found marked in them: the scanner's exam, and the lessons' samples."""

import random
import re
import string
from dataclasses import dataclass

from labkit.data import read_data

_MARK = re.compile(r"⟦([^|⟧]+)\|(.*?)⟧", re.DOTALL)
_RANDOM = re.compile(r"‹(abc|ABC|Abc|num|hex|b64|url) (\d+)›")
_ALPHABETS = {
    "abc": string.ascii_letters + string.digits,
    "ABC": string.ascii_uppercase + string.digits,
    "Abc": string.ascii_letters,
    "num": string.digits,
    "hex": "0123456789abcdef",
    "b64": string.ascii_letters + string.digits + "+/",
    "url": string.ascii_letters + string.digits + "-_",
}


@dataclass(frozen=True, slots=True)
class Label:
    """A stretch that should be found.

    Attributes:
        start: its first character.
        end: one beyond its last.
        kind: of `labkit.backends.guard.findings.KINDS`, or one that no rule looks for.
    """

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Example:
    """A text and what should be found in it.

    Attributes:
        text: without marks.
        labels: in the order of the text; none where there is nothing to find.
    """

    text: str
    labels: tuple[Label, ...]


PARTS = ("examples", "fresh")  # written before the scanner's rules were last changed, and after


def read_examples(part: str | None = None) -> tuple[Example, ...]:
    """The labelled texts of ``data/scanner.json``, the random parts of their fake keys drawn anew.

    The same file gives the same texts each time; the repository holds nothing that looks like a
    key.

    Args:
        part: one of `PARTS`; None: all of them.
    Raises:
        ValueError: no such part.
        LabError: the lab's data is missing.
    """
    if part not in (None, *PARTS):
        raise ValueError(f"part must be one of {', '.join(PARTS)}, or None; got {part!r}")
    told = read_data("scanner.json")
    rng = random.Random(told["seed"])
    parsed = {each: [parse(text, rng) for text in told[each]] for each in PARTS}
    return tuple(example for each in PARTS if part in (None, each) for example in parsed[each])


def parse(marked: str, rng: random.Random) -> Example:
    """A marked text without its marks.

    >>> parse("Hi ⟦person|Jo⟧!", random.Random(0))
    Example(text='Hi Jo!', labels=(Label(start=3, end=5, kind='person'),))
    """
    marked = _RANDOM.sub(lambda found: _draw(found[1], int(found[2]), rng), marked)
    text, labels, at = "", [], 0
    for found in _MARK.finditer(marked):
        text += marked[at : found.start()]
        labels.append(Label(len(text), len(text) + len(found[2]), found[1]))
        text, at = text + found[2], found.end()
    return Example(text + marked[at:], tuple(labels))


def _draw(alphabet: str, length: int, rng: random.Random) -> str:
    return "".join(rng.choices(_ALPHABETS[alphabet], k=length))


NAMES = ("login", "customer")


def sample_text(name: str) -> str:
    """One of the texts, the random parts of its fake keys filled in; the same each time.

    Args:
        name: ``"login"``, a login function with a question about it; ``"customer"``, a record.
    Raises:
        ValueError: no such text.
        LabError: the lab's data is missing.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}; got {name!r}")
    told = read_data("leaks.json")
    return parse(told[name], random.Random(told["seed"])).text
