"""What learners have found, read from their files: a class's homes, or a folder of what came in.

A learner is a subfolder (a home of `labkit class`), or the file name's beginning up to a dot or
``--`` in a folder into which everybody puts an export: ``ada.json``, ``ada--votes.json``,
``Ada--02_sampling.ipynb``. Prompts and answers are not read.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.exercise import SOLVED, TRIED
from labkit.filesystem.read import read_file
from labkit.lab_book.entry import BookEntry
from labkit.lab_book.store import Guess, Page, read_guess_file
from labkit.lab_book.store import read_file as read_book
from labkit.topics.comparison.votes.files import read as read_votes
from labkit.topics.comparison.votes.votes import Votes, count_votes

FOLDERS = (".", "book", "notebooks", "assignments")


@dataclass(frozen=True, slots=True)
class LearnerResults:
    """One learner's numbers.

    Attributes:
        name: theirs.
        guesses: what they guessed, before or beside a measurement.
        entries: what they measured, oldest first.
        votes: their blind votes.
        exercises: each whose check has run in one of their notebooks, as notebook and exercise, and
            whether it is solved in one of them.
    """

    name: str
    guesses: tuple[Guess, ...] = ()
    entries: tuple[BookEntry, ...] = ()
    votes: tuple[Votes, ...] = ()
    exercises: tuple[tuple[str, str, bool], ...] = ()

    def last(self, name: str, model: str | None = None) -> BookEntry | None:
        """The newest number of that name; with a model, the newest that is about it."""
        known = (each for each in reversed(self.entries) if each.name == name)
        return next((each for each in known if model in (None, each.model)), None)

    def guess(self, name: str) -> float | None:
        """What they guessed of it, a name of `ClassResults.guessed`."""
        beside = [each.guess for each in self.entries if each.name == name]
        known = [each.value for each in self._guesses_of(name)]
        known = known or [each for each in beside if each is not None]
        return known[-1] if known else None

    def truth(self, name: str) -> BookEntry | None:
        """The newest number that their guess of it is about, which it stands beside or answers."""
        of_it = self._guesses_of(name)
        answers = [each for each in self.entries if any(one.answers(each) for one in of_it)]
        named = [each for each in self.entries if each.name == name]
        beside = [each for each in named or answers if each.guess is not None]
        known = beside or answers
        return known[-1] if known else None

    def _guesses_of(self, name: str) -> list[Guess]:
        return [each for each in self.guesses if name == guess_name(each)]


def guess_name(guess: Guess) -> str:
    """What the wall calls that which was guessed: the number's name, or else its unit."""
    return guess.name or f"any {guess.unit}"


@dataclass(frozen=True, slots=True)
class ClassResults:
    """A class's numbers (measured).

    Attributes:
        learners: by name.
        left_out: a sentence for each file that could not be read.
    """

    learners: tuple[LearnerResults, ...]
    left_out: tuple[str, ...] = ()

    @property
    def guessed(self) -> tuple[str, ...]:
        """The names of all numbers that somebody guessed."""
        named = {guess_name(each) for one in self.learners for each in one.guesses}
        beside = {
            each.name for one in self.learners for each in one.entries if each.guess is not None
        }
        return tuple(sorted(named | beside))

    @property
    def votes(self) -> Votes | None:
        """All votes on the pair that most have voted on."""
        all_votes = [each for one in self.learners for each in one.votes]
        pairs = [frozenset(each.names) for each in all_votes]
        if not pairs:
            return None
        common = max(pairs, key=pairs.count)
        counted = [each for each in all_votes if set(each.names) == common]
        return count_votes(counted[0].names, *(one for each in counted for one in each.ballots))


@dataclass(frozen=True, slots=True)
class FileResults:
    """What one file holds.

    Attributes:
        state: of the file when it was read; a file that has another has changed.
        guesses, pages: of a lab book.
        votes: of a file of votes.
        exercises: of a notebook, each with whether it is solved.
        problem: why it could not be read; "": it could.
    """

    state: tuple[int, ...]
    guesses: tuple[Guess, ...] = ()
    pages: tuple[Page, ...] = ()
    votes: tuple[Votes, ...] = ()
    exercises: tuple[tuple[str, bool], ...] = ()
    problem: str = ""


def read_class(folder: str | Path, known: dict[Path, FileResults] | None = None) -> ClassResults:
    """All that lies in a folder now: of a class, or of files that came in.

    Args:
        folder: which one.
        known: what an earlier look has found, and this one adds to: only what has changed is read.
    Raises:
        LabError: there is no such folder.
    """
    folder, known = Path(folder), {} if known is None else known
    if not folder.is_dir():
        raise LabError(
            f"There is no folder {folder}.", "Name the one into which the class puts its files."
        )
    files: dict[str, list[Path]] = {}
    for path in chain.from_iterable(each.iterdir() for each in _of_learners(folder)):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            files.setdefault(path.name.lower(), []).extend(_files_of(path))
        elif path.suffix in (".json", ".ipynb"):
            name = path.name.partition("--")[0].partition(".")[0]
            files.setdefault(plain_stem(name).lower(), []).append(path)
    left_out: list[str] = []
    return ClassResults(
        tuple(read_learner(name, files[name], left_out, known) for name in sorted(files)),
        tuple(left_out),
    )


def _of_learners(folder: Path) -> list[Path]:
    """Where learners' files lie: the homes and the wall of a class, or else the folder itself."""
    if not (folder / "class.json").is_file():
        return [folder]
    return [each for each in (folder / "learners", folder / "wall") if each.is_dir()]


def _files_of(home: Path) -> Iterator[Path]:
    for part in FOLDERS:
        for suffix in ("json", "ipynb"):
            yield from sorted((home / part).glob(f"*.{suffix}"))


def read_learner(
    name: str, paths: list[Path], left_out: list[str], known: dict[Path, FileResults]
) -> LearnerResults:
    """What one learner's files hold; of each that cannot be read, a sentence in `left_out`."""
    guesses, pages, votes = [], [], []
    exercises: dict[tuple[str, str], bool] = {}
    for path in paths:
        state = _state(path)
        if path not in known or known[path].state != state:
            known[path] = _read(path, state)
        found = known[path]
        if found.problem:
            left_out.append(f"{path.name} of {name}: {found.problem}")
        guesses += found.guesses
        pages += found.pages
        votes += found.votes
        for exercise, solved in found.exercises:
            key = plain_stem(path.stem.rpartition("--")[2]), exercise
            exercises[key] = exercises.get(key, False) or solved
    pages.sort(key=lambda page: page.date)
    entries = tuple(each for page in pages for each in page.entries)
    done = tuple((*key, solved) for key, solved in sorted(exercises.items()))
    return LearnerResults(name, tuple(guesses), entries, tuple(votes), done)


def _state(path: Path) -> tuple[int, ...]:
    """What differs once a file was changed; empty where it cannot be seen."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _read(path: Path, state: tuple[int, ...]) -> FileResults:
    try:
        content = json.loads(read_file(path))
        if "labkit_book" in content:
            return FileResults(state, guesses=read_guess_file(path), pages=read_book(path))
        if "labkit_votes" in content:
            return FileResults(state, votes=(read_votes(path),))
        if "cells" in content:
            return FileResults(state, exercises=tuple(_exercises(content)))
    except (LabError, ValueError, TypeError, AttributeError, RecursionError) as error:
        return FileResults(state, problem=str(error).partition("\n")[0])
    return FileResults(state)


def plain_stem(stem: str) -> str:
    """A file's name without what JupyterLab or a browser adds to that of a copy.

    >>> plain_stem("02_sampling-Copy1"), plain_stem("02_sampling (2)")
    ('02_sampling', '02_sampling')
    """
    return re.sub(r"-Copy\d+$| \(\d+\)$", "", stem)


def _exercises(content: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """The exercises of a notebook whose check has run, and whether it said that they are solved."""
    for cell in content["cells"]:
        if (solved := check_of(cell)) is not None:
            yield str(cell["metadata"]["nbgrader"].get("grade_id", "")), solved


def check_of(cell: dict[str, Any]) -> bool | None:
    """Whether an exercise is solved, as its check said.

    None: the cell is no exercise by nbgrader's metadata, or its check has not run.
    """
    if not cell.get("metadata", {}).get("nbgrader", {}).get("solution"):
        return None
    texts = [
        "".join(each.get("data", {}).get("text/plain", "")) for each in cell.get("outputs", ())
    ]
    found = [each for each in texts if each.startswith((SOLVED, TRIED))]
    return any(each.startswith(SOLVED) for each in found) if found else None
