"""Votes in files: kept as they are cast, read again, a class's votes joined."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit.errors import LabError

from .votes import CHOICES, Ballot, Vote, Votes, count

FORMAT = 1


def save_votes(votes: Votes, path: str | Path) -> Path:
    """Writes votes as JSON: both names, every vote, and who stood where; no answers.

    Args:
        votes: of one person or of many.
        path: of the file; what stood there is replaced, whole or not at all.
    Returns:
        Where it is.
    Raises:
        LabError: it cannot be written there.
    """
    path = Path(path)
    told = {
        "labkit_votes": FORMAT,
        "names": votes.names,
        "ballots": [asdict(ballot) for ballot in votes.ballots],
    }
    fresh = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        fresh.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise LabError(
            f"{path} cannot be written: {error.strerror}.", "Name a file in a folder of yours."
        ) from None
    return path


def read(path: str | Path) -> Votes:
    """Votes that `save_votes` or the panel wrote, here or elsewhere.

    Raises:
        LabError: there is no such file, or it holds something else.
    """
    path = Path(path)
    try:
        return _votes(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise LabError(
            f"There is no file {path}.", "Votes are kept by labkit.comparison.vote_panel."
        ) from None
    except OSError as error:
        raise LabError(f"{path} cannot be read: {error.strerror}.", "Name another file.") from None
    except (ValueError, KeyError, TypeError):
        raise LabError(
            f"{path} holds no votes of this lab, or is damaged.",
            "Name a file that labkit.comparison.vote_panel wrote.",
        ) from None


def join_votes(files: str | Path | Iterable[str | Path]) -> Votes:
    """A class's votes, counted together.

    A file that cannot be read, or that is about two other backends than the first good one, is
    left out, and a sentence says so. A ballot that comes twice, in a copy of its file or saved
    early and late, is counted once: the fullest of them.

    Args:
        files: their paths; or a folder, whose ``.json`` files are read.
    Raises:
        LabError: none of them holds votes.
    """
    paths = _paths(files)
    good: list[Votes] = []
    left_out = []
    for path in paths:
        try:
            votes = read(path)
        except LabError as error:
            left_out.append(error.problem)
            continue
        if good and set(votes.names) != set(good[0].names):
            left_out.append(f"{path} is about {' and '.join(votes.names)}: not counted.")
        else:
            good.append(votes)
    if not good:
        raise LabError(
            "No votes were found."
            if len(paths) < 2
            else f"None of {len(paths)} files holds votes.",
            "\n    ".join(left_out[:10]) or "Name the files, or the folder that holds them.",
        )
    ballots = [ballot for votes in good for ballot in votes.ballots]
    return count(good[0].names, *ballots, left_out=left_out)


def _paths(files: str | Path | Iterable[str | Path]) -> list[Path]:
    if not isinstance(files, str | Path):
        return [Path(file) for file in files]
    path = Path(files)
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def _votes(told: Any) -> Votes:
    """Raises KeyError, TypeError or ValueError for anything else than votes."""
    if not isinstance(told, dict) or told["labkit_votes"] != FORMAT:
        raise ValueError("another format")
    names = tuple(_text(name) for name in told["names"])
    if len(names) != 2 or names[0] == names[1]:
        raise ValueError("names must be two")
    return count(names, *(_ballot(each, names) for each in told["ballots"]))


def _ballot(told: Mapping[str, Any], names: tuple[str, str]) -> Ballot:
    votes = tuple(
        Vote(_text(v["prompt"]), _text(v["a"]), _text(v["b"]), _text(v["choice"]))
        for v in told["votes"]
    )
    if not all({v.a, v.b} == set(names) and v.choice in CHOICES for v in votes):
        raise ValueError("a vote on something else")
    return Ballot(_text(told["ballot_id"]), _text(told["voter"]), votes)


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise TypeError("no text")
    return told


WRITERS = {
    Votes: save_votes,
}
