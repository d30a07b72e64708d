"""The lab book's files: one for each notebook, in the folder ``book`` of the lab's home.

A page is what one notebook found on one machine at one time. It has numbers, names of models and
versions; never a prompt, an answer or a key.
"""

import functools
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from labkit.checks import is_number
from labkit.errors import LabError
from labkit.filesystem.read import read_shared
from labkit.filesystem.write import write_json
from labkit.formatting import GIB
from labkit.models.machine import inspect_machine
from labkit.models.storage.store import home

from .entry import BookEntry

GUESSES = "guesses.json"
MOST_PAGES = 100  # of a notebook; the oldest go first
LONGEST_LOCK_S = 10  # a kernel that is stopped while it writes keeps others waiting no longer
PACKAGES = ("labkit", "torch", "transformers", "xllamacpp")
WHAT, HINT = "a lab book", "Name a file that book().export wrote."


@dataclass(frozen=True, slots=True)
class Guess:
    """What a learner guessed before measuring it.

    Attributes:
        name: of the entry; "" goes by the unit.
        value: the guess.
        unit: its unit.
        date: when, as ``2026-11-27T14:03:00+00:00``.
        model: which model the number is about; "": any.
    """

    name: str
    value: float
    unit: str
    date: str
    model: str = ""

    @property
    def about(self) -> tuple[str, str, str]:
        """What is guessed: one guess of it is kept."""
        return self.name, self.unit, self.model

    def answers(self, entry: BookEntry) -> bool:
        """Whether that number is the one that was guessed."""
        is_named = self.name == entry.name if self.name else self.unit == entry.unit
        return is_named and self.model in ("", entry.model)


@dataclass(frozen=True, slots=True)
class Page:
    """What one notebook found at one time.

    Attributes:
        notebook: its file's name without the ending.
        date: when, as ``2026-11-27T14:03:00+00:00``.
        machine: processor, cores and memory.
        versions: names and versions of the packages that count.
        entries: the numbers.
    """

    notebook: str
    date: str
    machine: str
    versions: tuple[tuple[str, str], ...]
    entries: tuple[BookEntry, ...]

    def __post_init__(self):  # of a page that somebody passed on, too: it names a file
        check_notebook(self.notebook)
        datetime.fromisoformat(self.date)

    @property
    def day(self) -> str:
        """The date without the time."""
        return self.date[:10]


@dataclass(frozen=True, slots=True)
class _BookFile:
    """A file's content."""

    labkit_book: Literal[1]
    pages: tuple[Page, ...] = ()
    guesses: tuple[Guess, ...] = ()


def folder() -> Path:
    """Where the lab book lies: ``LABKIT_BOOK``, or the folder ``book`` of the lab's home."""
    chosen = os.environ.get("LABKIT_BOOK")
    return Path(os.path.expanduser(chosen)) if chosen else home() / "book"


def check_notebook(name: str) -> None:
    """Raises ValueError unless that can be the name of a notebook, and so of a file."""
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]{0,59}", name):
        raise ValueError(
            f"notebook must be a name of letters, digits, - and _, such as '03_speed'; got {name!r}"
        )


def keep(notebook: str, entries: Sequence[BookEntry]) -> Page:
    """Adds a page to the file of a notebook; a number that is not finite is left out.

    Raises:
        ValueError: that is not a name of a notebook.
        LabError: the file cannot be written.
    """
    check_notebook(notebook)
    page = Page(notebook, now(), this_machine(), _versions(), tuple(_storable(entries)))
    _change(
        folder() / f"{notebook}.json",
        lambda content: replace(content, pages=(*content.pages, page)[-MOST_PAGES:]),
    )
    return page


def _storable(entries: Sequence[BookEntry]) -> Iterator[BookEntry]:
    """The finite numbers as Python's own: JSON has none of numpy's, and no NaN."""
    for each in entries:
        value, *others = (
            float(number) if is_number(number) else None
            for number in (each.value, each.low, each.high, each.guess)
        )
        if value is not None:
            low, high, guess = others
            yield replace(each, value=value, low=low, high=high, guess=guess)


def keep_guess(about: tuple[str, str, str], value: float | None) -> None:
    """Keeps a guess in place of an earlier one.

    Args:
        about: name, unit and model of the number, as `Guess.about`.
        value: the guess; None: the earlier one is removed.
    """
    name, unit, model = about
    fresh = () if value is None else (Guess(name, value, unit, now(), model),)

    def changed(content: _BookFile) -> _BookFile:
        others = [one for one in content.guesses if one.about != about]
        return replace(content, guesses=(*others, *fresh)[-MOST_PAGES:])

    _change(folder() / GUESSES, changed)


def read_guesses() -> tuple[Guess, ...]:
    """All guesses, oldest first; none where the file is missing or damaged."""
    return _read_or_empty(folder() / GUESSES).guesses


def with_guesses(entries: Sequence[BookEntry]) -> tuple[BookEntry, ...]:
    """The entries; a guess stands beside the first of them that it is about."""
    guesses, found = list(reversed(read_guesses())), []
    for each in entries:
        guess = next((one for one in guesses if one.answers(each)), None)
        if guess:
            guesses.remove(guess)
        found.append(replace(each, guess=guess and guess.value))
    return tuple(found)


def read_pages() -> tuple[tuple[Page, ...], tuple[str, ...]]:
    """All pages of this lab book, oldest first, and a line for each file that was passed over."""
    pages, passed_over = [], []
    try:
        paths = sorted(folder().glob("*.json"))
    except OSError as error:
        return (), (f"Passed over: the folder of the lab book: {error.strerror}.",)
    for path in paths:
        if path.name == GUESSES:
            continue
        try:
            pages += read_file(path)
        except LabError as error:
            passed_over.append(f"Passed over: {str(error).partition(chr(10))[0]}")
    return tuple(sorted(pages, key=lambda page: page.date)), tuple(passed_over)


def read_file(path: str | Path) -> tuple[Page, ...]:
    """The pages of a file, this lab book's or one that was exported.

    Raises:
        LabError: there is no such file, or it is not a lab book.
    """
    return read_shared(path, _BookFile, WHAT, hint=HINT).pages


def read_guess_file(path: str | Path) -> tuple[Guess, ...]:
    """The guesses in a file of a lab book, this one's or another's; see `read_file`."""
    return read_shared(path, _BookFile, WHAT, hint=HINT).guesses


def export(pages: Sequence[Page], path: str | Path) -> Path:
    """Writes pages to a file that `read_file` opens, here or on another machine."""
    return write_json(path, asdict(_BookFile(1, tuple(pages))))


def forget(notebook: str, keeps: Callable[[Page], bool]) -> None:
    """Removes pages of a notebook, and its file with the last of them.

    Args:
        notebook: its name.
        keeps: which pages stay.
    """
    check_notebook(notebook)
    _change(
        folder() / f"{notebook}.json",
        lambda content: replace(content, pages=tuple(filter(keeps, content.pages))),
    )


def latest(
    name: str, model: str | None = None, *, behind: bool = False
) -> tuple[BookEntry, Page] | None:
    """The last number of that name that was found on this machine, and its page.

    Args:
        name: of the entry.
        model: the model it must be about; None: any.
        behind: as a provider or a server offers it, which its name has in brackets.
    """
    here = this_machine()
    for page in reversed(read_pages()[0]):
        for entry in reversed(page.entries) if page.machine == here else ():
            about, bracket, _ = entry.model.partition(" (") if behind else (entry.model, True, "")
            if entry.name == name and bracket and model in (None, about):
                return entry, page
    return None


@functools.cache
def this_machine() -> str:
    """Processor, cores and memory, in words that are the same tomorrow."""
    machine = inspect_machine()
    return f"{machine.cpu}, {machine.cores} cores, {machine.memory_bytes / GIB:.0f} GiB"


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _versions() -> tuple[tuple[str, str], ...]:
    found = []
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def _change(path: Path, change: Callable[[_BookFile], _BookFile]) -> None:
    """Rewrites a file while no other kernel does. What cannot be read is set aside, not lost."""
    import filelock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=LONGEST_LOCK_S):
            content = _read_or_empty(path)
            if os.path.exists(path) and content == _BookFile(1):
                path.rename(path.with_name(f"{path.stem}.{time.time_ns()}.damaged"))
            changed = change(content)
            if changed == _BookFile(1):
                path.unlink(missing_ok=True)
            else:
                write_json(path, asdict(changed))
    except OSError as error:
        raise LabError(
            f"The lab book {path.parent} cannot be written: {error.strerror or str(error)}.",
            "Set LABKIT_BOOK to a folder of yours.",
        ) from None


def _read_or_empty(path: Path) -> _BookFile:
    try:
        return read_shared(path, _BookFile, WHAT, hint=HINT)
    except LabError:
        return _BookFile(1)
