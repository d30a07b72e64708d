"""Texts with labelled secrets and personal data, for measuring the scanner and for the lesson."""

import random
import re
import string
from dataclasses import dataclass

from labkit.checks import check_one_of
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
    """A span that should be found.

    Attributes:
        start: the index of its first character.
        end: the index after its last character.
        kind: one of `labkit.backends.guard.findings.KINDS`, or a kind without a rule.
    """

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its labels.

    Attributes:
        text: the text without marks.
        labels: the labels in the order of the text; empty where there is nothing to find.
    """

    text: str
    labels: tuple[Label, ...]


# In the order in which they were written; the note in the file says what was known then.
PARTS = ("examples", "fresh", "blind", "formats")


def read_examples(part: str | None = None) -> tuple[Example, ...]:
    """The labelled texts of ``data/scanner.json``, with the random parts of fake keys filled in.

    The texts are the same each time, while the repository holds nothing that looks like a key.

    Args:
        part: one of `PARTS`; None: all of them.
    Raises:
        ValueError: no such part.
        LabError: the lab's data folder is missing.
    """
    check_one_of("part", part, PARTS, or_none=True)
    data = read_data("scanner.json")
    rng = random.Random(data["seed"])
    parsed = {each: [parse(text, rng) for text in data[each]] for each in PARTS}
    return tuple(example for each in PARTS if part in (None, each) for example in parsed[each])


def parse(marked: str, rng: random.Random) -> Example:
    """Turns the marks in a text into labels.

    >>> parse("Hi ⟦person|Jo⟧!", random.Random(0))
    Example(text='Hi Jo!', labels=(Label(start=3, end=5, kind='person'),))
    """

    def draw(found: re.Match[str]) -> str:
        return "".join(rng.choices(_ALPHABETS[found[1]], k=int(found[2])))

    marked = _RANDOM.sub(draw, marked)
    text, labels, at = "", [], 0
    for found in _MARK.finditer(marked):
        text += marked[at : found.start()]
        labels.append(Label(len(text), len(text) + len(found[2]), found[1]))
        text, at = text + found[2], found.end()
    return Example(text + marked[at:], tuple(labels))


NAMES = ("login", "customer")


def sample_text(name: str) -> str:
    """A sample text of the lesson, with the random parts of fake keys filled in.

    Args:
        name: ``"login"``, a login function with a question about it; ``"customer"``, a record.
    Raises:
        ValueError: no such text.
        LabError: the lab's data folder is missing.
    """
    check_one_of("name", name, NAMES)
    data = read_data("leaks.json")
    return parse(data[name], random.Random(data["seed"])).text
