"""Grades an assignment: each learner in a course of their own, one for each core at a time.

nbgrader grades one learner after the other and keeps all marks in one database. Here each learner
has a copy of the course with that learner alone, so that they run side by side and none can stop
the others; the marks are joined afterwards.
"""

import contextlib
import csv
import io
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import filelock

from labkit.classroom.settings import class_command
from labkit.errors import LabError
from labkit.filesystem.write import write_text
from labkit.formatting import in_lines
from labkit.models.machine import inspect_machine
from labkit.sandbox import sandbox

from .course import run_nbgrader

LONGEST_S = 3600  # for a learner's whole notebook; 09 takes 10 minutes on two free cores


@dataclass(frozen=True, slots=True)
class Mark:
    """What one learner has.

    Attributes:
        learner: their name.
        points: of all exercises; None: the notebook could not be graded.
        most: what could be had; None: as above.
        problem: why it could not be graded.
        feedback: nbgrader's page for the learner.
    """

    learner: str
    points: float | None
    most: float | None
    problem: str = ""
    feedback: Path | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Marks:
    """The marks of an assignment (measured).

    Attributes:
        assignment: its name.
        marks: one for each learner who handed it in.
        file: the table that a spreadsheet opens.
    """

    assignment: str
    marks: tuple[Mark, ...]
    file: Path

    def __repr__(self) -> str:
        return in_lines(
            f"{self.assignment}: {len(self.marks)} graded; {self.file}",
            *(f"{each.learner}: {_text(each)}" for each in self.marks),
        )


def _text(mark: Mark) -> str:
    if mark.points is None:
        return f"not graded: {mark.problem}"
    return f"{mark.points:g} of {mark.most:g} points"


def submitted(course: Path, assignment: str) -> list[str]:
    """Who handed it in."""
    return sorted(path.parent.name for path in (course / "submitted").glob(f"*/{assignment}"))


def grade(course: Path, assignment: str, *, at_once: int | None = None) -> Marks:
    """Grades all that was handed in.

    Args:
        course: the course's folder, with ``source`` and ``submitted``.
        assignment: its name.
        at_once: how many learners at a time; None: one for each core.
    Raises:
        LabError: nothing was handed in, nothing can be isolated on this system, or another grades.
    """
    if refusal := sandbox.namespace_refusal():
        raise LabError(f"Learners' code is not run: {refusal}.", "Grade on Linux.")
    learners = submitted(course, assignment)
    if not learners:
        first = class_command(course.parent, "collect", assignment)
        raise LabError(f"Nobody has handed in {assignment}.", f"First: {first}")
    with _only_one(course), ThreadPoolExecutor(at_once or inspect_machine().cores) as pool:
        marks = tuple(pool.map(lambda name: _grade_one(course, assignment, name), learners))
        return Marks(assignment, marks, _write_table(course, assignment, marks))


@contextlib.contextmanager
def _only_one(course: Path) -> Iterator[None]:
    """Two that grade would take the processor from each other, and notebooks their time."""
    try:
        with filelock.FileLock(course / ".grading.lock").acquire(timeout=0.1):
            yield
    except filelock.Timeout:
        raise LabError("This class is being graded already.", "Wait until that is done.") from None


def _grade_one(course: Path, assignment: str, learner: str) -> Mark:
    own = course / "grading" / assignment / learner
    try:
        _copy_course(course, own, assignment, learner)
        one = ("--assignment", assignment, "--student", learner)
        run_nbgrader(own, "autograde", *one, "--force", "--create", timeout_s=LONGEST_S)
        run_nbgrader(own, "generate_feedback", *one, "--force", timeout_s=LONGEST_S)
        points, most = _read_points(own, assignment, learner)
    except LabError as error:
        return Mark(learner, None, None, error.problem)
    pages = sorted((own / "feedback" / learner / assignment).glob("*.html"))
    return Mark(learner, points, most, "", pages[0] if pages else None)


def _copy_course(course: Path, own: Path, assignment: str, learner: str) -> None:
    """The course as if this learner were its only one, with the database of the release."""
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    for part in (f"source/{assignment}", f"submitted/{learner}/{assignment}"):
        shutil.copytree(course / part, own / part)
    shutil.copyfile(course / "gradebook.db", own / "gradebook.db")


def _read_points(own: Path, assignment: str, learner: str) -> tuple[float, float]:
    """What nbgrader has put into its database."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{own / 'gradebook.db'}", "labkit") as gradebook:
        found = gradebook.find_submission(assignment, learner)
        return float(found.score), float(found.max_score)


def _write_table(course: Path, assignment: str, marks: Sequence[Mark]) -> Path:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["learner", "points", "most", "problem", "feedback"])
    for each in marks:
        empty = "" if each.points is None else f"{each.points:g}"
        most = "" if each.most is None else f"{each.most:g}"
        writer.writerow([each.learner, empty, most, each.problem, each.feedback or ""])
    file = course / f"{assignment}.csv"
    write_text(file, table.getvalue())
    return file
