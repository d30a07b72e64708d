"""Votes in files: saved as they are cast, read back, and the votes of a class joined."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from labkit.errors import LabError
from labkit.filesystem.read import read_each, read_shared, wrong_content
from labkit.filesystem.write import write_json

from .pairs import NEITHER
from .votes import CHOICES, Ballot, Votes, count_votes

FORMAT = 1
WHAT, HINT = "votes", "Name a file that lab.comparison.vote_panel wrote."


@dataclass(frozen=True, slots=True)
class _VotesFile:
    """A file's content."""

    labkit_votes: Literal[1]
    names: tuple[str, str]
    ballots: tuple[Ballot, ...]


def save_votes(votes: Votes, path: str | Path) -> Path:
    """Writes votes as JSON: both names, and for every vote which backend was A; no answers,
    but a digest of both.

    Args:
        votes: the votes of one person or several.
        path: the file's path, also returned; an existing file is replaced atomically.
    Raises:
        LabError: the file cannot be written.
    """
    return write_json(path, asdict(_VotesFile(FORMAT, votes.names, votes.ballots)))


def read(path: str | Path) -> Votes:
    """Votes that `save_votes` or the panel wrote, here or elsewhere.

    Raises:
        LabError: there is no such file, or it holds something else.
    """
    content = read_shared(path, _VotesFile, WHAT, hint=HINT)
    names, votes = content.names, [vote for each in content.ballots for vote in each.votes]
    if names[0] == names[1]:
        raise wrong_content(path, WHAT, "both names are the same", HINT)
    if {*names} & {*NEITHER}:
        raise wrong_content(path, WHAT, "a name is that of a vote for neither", HINT)
    if not all({vote.a, vote.b} == {*names} and vote.choice in CHOICES for vote in votes):
        raise wrong_content(path, WHAT, "a vote is on something else", HINT)
    return count_votes(names, *content.ballots)


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
    found, left_out = read_each(files, read)
    valid: list[Votes] = []
    for path, votes in found.items():
        if valid and set(votes.names) != set(valid[0].names):
            left_out.append(f"{path} is about {' and '.join(votes.names)}: not counted.")
        else:
            valid.append(votes)
    if not valid:
        raise LabError(
            "No votes were found."
            if len(left_out) < 2
            else f"None of {len(left_out)} files holds votes.",
            "\n    ".join(left_out[:10]) or "Name the files, or the folder that holds them.",
        )
    ballots = [ballot for votes in valid for ballot in votes.ballots]
    return count_votes(valid[0].names, *ballots, left_out=left_out)


WRITERS = {Votes: save_votes}
