"""Votes in files: saved as they are cast, read back, and the votes of a class joined."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit.errors import LabError

from .votes import CHOICES, Ballot, Vote, Votes, count_votes

FORMAT = 1


def save_votes(votes: Votes, path: str | Path) -> Path:
    """Writes votes as JSON: both names, and for every vote which backend was A; no answers.

    Args:
        votes: the votes of one person or several.
        path: the file's path, also returned; an existing file is replaced atomically.
    Raises:
        LabError: the file cannot be written.
    """
    path = Path(path)
    record = {
        "labkit_votes": FORMAT,
        "names": votes.names,
        "ballots": [asdict(ballot) for ballot in votes.ballots],
    }
    fresh = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        fresh.write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")
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
            f"There is no file {path}.", "labkit.comparison.vote_panel writes such files."
        ) from None
    except OSError as error:
        raise LabError(f"{path} cannot be read: {error.strerror}.", "Name another file.") from None
    except (ValueError, KeyError, TypeError):
        raise LabError(
            f"{path} does not hold votes of this lab, or is damaged.",
            "Name a file that labkit.comparison.vote_panel wrote.",
        ) from None


def join_votes(files: str | Path | Iterable[str | Path]) -> Votes:
    """The votes of a class, counted together.

    A file that cannot be read, or that is about other backends than the first valid one, is left
    out, with a sentence that says why. Of several copies of a ballot, such as an early and a late
    one, only the fullest counts.

    Args:
        files: the paths of the files; or a folder, whose ``.json`` files are read.
    Raises:
        LabError: no file holds votes.
    """
    paths = _paths(files)
    valid: list[Votes] = []
    left_out = []
    for path in paths:
        try:
            votes = read(path)
        except LabError as error:
            left_out.append(error.problem)
            continue
        if valid and set(votes.names) != set(valid[0].names):
            left_out.append(f"{path} is about {' and '.join(votes.names)}: not counted.")
        else:
            valid.append(votes)
    if not valid:
        raise LabError(
            "No votes were found."
            if len(paths) < 2
            else f"None of {len(paths)} files holds votes.",
            "\n    ".join(left_out[:10]) or "Name the files, or the folder that holds them.",
        )
    ballots = [ballot for votes in valid for ballot in votes.ballots]
    return count_votes(valid[0].names, *ballots, left_out=left_out)


def _paths(files: str | Path | Iterable[str | Path]) -> list[Path]:
    if not isinstance(files, str | Path):
        return [Path(file) for file in files]
    path = Path(files)
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def _votes(record: Any) -> Votes:
    """Raises KeyError, TypeError or ValueError for anything else than votes."""
    if not isinstance(record, dict) or record["labkit_votes"] != FORMAT:
        raise ValueError("another format")
    names = tuple(_text(name) for name in record["names"])
    if len(names) != 2 or names[0] == names[1]:
        raise ValueError("names must be two")
    return count_votes(names, *(_ballot(each, names) for each in record["ballots"]))


def _ballot(record: Mapping[str, Any], names: tuple[str, str]) -> Ballot:
    votes = tuple(
        Vote(_text(v["prompt"]), _text(v["a"]), _text(v["b"]), _text(v["choice"]))
        for v in record["votes"]
    )
    if not all({v.a, v.b} == set(names) and v.choice in CHOICES for v in votes):
        raise ValueError("a vote on something else")
    return Ballot(_text(record["ballot_id"]), _text(record["voter"]), votes)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


WRITERS = {Votes: save_votes}
