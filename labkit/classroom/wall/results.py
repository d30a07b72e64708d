"""What learners have found, read from their files: a class's homes, or a folder of what came in.

A learner is a subfolder (a home of `labkit class`), or the file name's beginning up to a dot or
``--`` in a folder into which everybody puts an export: ``ada.json``, ``ada--votes.json``,
``ada--02_sampling.ipynb``. Prompts and answers are not read.
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
from labkit.lab_book.store import Guess, read_guess_file
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

    def last(self, name: str) -> BookEntry | None:
        """The newest number of that name."""
        return next((each for each in reversed(self.entries) if each.name == name), None)

    def guess(self, name: str) -> float | None:
        """What they guessed of it."""
        of_it = [each for each in self.guesses if name in (each.name, f"any {each.unit}")]
        beside = [each.guess for each in self.entries if each.name == name]
        known = [each.value for each in of_it] or [each for each in beside if each is not None]
        return known[-1] if known else None


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
        named = {each.name or f"any {each.unit}" for one in self.learners for each in one.guesses}
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


def read_class(folder: str | Path) -> ClassResults:
    """All that lies in a folder now: of a class, or of files that came in.

    Raises:
        LabError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise LabError(
            f"There is no folder {folder}.", "Name the one into which the class puts its files."
        )
    files: dict[str, list[Path]] = {}
    for path in chain.from_iterable(sorted(each.iterdir()) for each in _of_learners(folder)):
        if path.is_dir() and not path.name.startswith("."):
            files.setdefault(path.name, []).extend(_files_of(path))
        elif path.suffix in (".json", ".ipynb"):
            files.setdefault(path.stem.partition("--")[0], []).append(path)
    left_out: list[str] = []
    return ClassResults(
        tuple(read_learner(name, paths, left_out) for name, paths in files.items()), tuple(left_out)
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


def read_learner(name: str, paths: list[Path], left_out: list[str]) -> LearnerResults:
    """What one learner's files hold; of each that cannot be read, a sentence in `left_out`."""
    guesses, entries, votes = [], [], []
    exercises: dict[tuple[str, str], bool] = {}
    for path in paths:
        try:
            content = json.loads(read_file(path))
            if "labkit_book" in content:
                guesses += read_guess_file(path)
                entries += [(page.date, each) for page in read_book(path) for each in page.entries]
            elif "labkit_votes" in content:
                votes.append(read_votes(path))
            elif "cells" in content:
                for exercise, solved in list(_exercises(content)):
                    key = plain_stem(path.stem.rpartition("--")[2]), exercise
                    exercises[key] = exercises.get(key, False) or solved
        except (LabError, ValueError, TypeError, AttributeError, RecursionError) as error:
            left_out.append(f"{path.name} of {name}: {str(error).partition(chr(10))[0]}")
    entries = [each for _, each in sorted(entries, key=lambda pair: pair[0])]
    done = tuple((*key, solved) for key, solved in sorted(exercises.items()))
    return LearnerResults(name, tuple(guesses), tuple(entries), tuple(votes), done)


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
