"""What the wall keeps of a file that a laptop has posted: numbers and names, no prompt."""

import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.exercise import SOLVED, TRIED
from labkit.filesystem.write import json_text, replaced

from .results import check_of, plain_stem, read_learner

MOST_FILES = 40  # of a learner
STEM = re.compile(r"[\w-]{1,60}")


def keep(folder: Path, learner: str, name: str, content: bytes) -> None:
    """Puts what the wall needs of a lab book, votes or a notebook into its folder.

    Args:
        folder: of the wall.
        learner: whose file it is.
        name: the file's.
        content: the file's.
    Raises:
        LabError: it is not such a file, or the learner has too many.
    """
    stem, _, suffix = name.rpartition(".")
    stem = plain_stem(stem.rpartition("--")[2])
    if suffix not in ("json", "ipynb") or not STEM.fullmatch(stem):
        raise LabError(f"{name[:80]!r} is not the name of a file for the wall.")
    path = folder / f"{learner}--{stem}.{suffix}"
    if not path.exists() and len(list(folder.glob(f"{learner}--*"))) >= MOST_FILES:
        raise LabError(f"{learner} has {MOST_FILES} files here already.")
    reduced = json_text(_reduced(content)).encode()
    _require_readable(learner, path.name, reduced)
    with replaced(path) as file:
        file.write(reduced)


def _require_readable(learner: str, name: str, content: bytes) -> None:
    """Raises LabError unless the wall can read it."""
    left_out: list[str] = []
    with tempfile.TemporaryDirectory() as aside:
        with replaced(Path(aside) / name) as file:
            file.write(content)
        read_learner(learner, [Path(aside) / name], left_out, {})
    if left_out:
        raise LabError("It is not a lab book, votes or a notebook of this lab.")


def _reduced(content: bytes) -> dict[str, Any]:
    """Without prompts, answers and notes."""
    try:
        found = json.loads(content)
        if "labkit_votes" in found:
            for ballot in found["ballots"]:
                for vote in ballot["votes"]:  # votes on one prompt still belong together
                    vote["prompt"] = hashlib.sha256(vote["prompt"].encode()).hexdigest()[:12]
        elif "labkit_book" in found:
            for page in found["pages"]:
                for entry in page["entries"]:
                    entry["note"] = ""
        else:
            found = {"cells": [_marks(cell) for cell in found["cells"]], "nbformat": 4}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise LabError("It is not a lab book, votes or a notebook of this lab.") from None
    return found


def _marks(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell's name as an exercise, and what its check said; nothing of another cell."""
    if (solved := check_of(cell)) is None:
        return {}
    name = str(cell["metadata"]["nbgrader"].get("grade_id", ""))[:60]
    output = {"data": {"text/plain": SOLVED if solved else TRIED}}
    return {"metadata": {"nbgrader": {"solution": True, "grade_id": name}}, "outputs": [output]}
