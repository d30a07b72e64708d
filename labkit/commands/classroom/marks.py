"""Assignments of a class: handed out, collected, graded and given back."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from labkit.classroom.learners import hand_over
from labkit.classroom.settings import ClassSettings, class_command, class_folder, read_settings
from labkit.errors import LabError
from labkit.filesystem.write import replaced
from labkit.formatting import number_of


def assignment(args):
    """Makes an assignment, and gives it to all who are here and who will come."""
    from labkit.classroom.marks.course import make_assignment

    settings = read_settings(class_folder(args.folder))
    settings.course.mkdir(mode=0o700, exist_ok=True)
    released = make_assignment(settings.course, args.notebook)
    settings.handout.mkdir(mode=0o755, exist_ok=True)
    with replaced(settings.handout / released.name) as file:
        file.write(released.read_bytes())
    there = hand_over.learners(settings)
    for learner in there:
        with _reported(learner):
            path = f"assignments/{released.name}"
            hand_over.hand_out(settings, learner, path, released.read_bytes())
    print(f"{released.stem} lies in the folder assignments of those who are here ({len(there)})")
    print("and of those who come: the folder icon above their list of files, then assignments.")
    print("Who had it keeps what they saved.")
    print("Later: class collect, class grade, with the same name.")
    return 0


def collect(args):
    """Copies what learners have done into the class's folder."""
    settings = read_settings(class_folder(args.folder))
    if args.notebook:
        return _collect_assignment(settings, Path(args.notebook).stem)
    collected = settings.path / "collected"
    collected.mkdir(exist_ok=True)
    collected.chmod(0o700)  # for the leader alone, as the homes are for each learner
    for learner in hand_over.learners(settings):
        with _reported(learner):
            _collect_all(settings, learner, collected / learner)
    print(f"All notebooks and lab books are copied to {collected}.")
    return 0


def _collect_all(settings: ClassSettings, learner: str, folder: Path) -> None:
    for pattern in ("notebooks/*.ipynb", "assignments/*.ipynb", "book/*.json"):
        for name in hand_over.list_files(settings, learner, pattern):
            if content := _handed_in(settings, learner, name):
                _write(folder / name, content)


@contextlib.contextmanager
def _reported(learner: str) -> Iterator[None]:
    """What goes wrong with one learner's files is a line, and the others come next."""
    try:
        yield
    except LabError as error:
        print(f"{learner}: {error.problem}")


def _handed_in(settings: ClassSettings, learner: str, name: str) -> bytes | None:
    """A learner's file; None, and a line that says why, where it cannot be read."""
    with _reported(learner):
        return hand_over.hand_in(settings, learner, name)
    return None


def _require_assignment(settings: ClassSettings, name: str) -> None:
    if not (settings.handout / f"{name}.ipynb").is_file():
        first = class_command(settings.path, "assignment", name)
        raise LabError(f"There is no assignment {name!r}.", f"First: {first}")


def _collect_assignment(settings: ClassSettings, name: str) -> int:
    _require_assignment(settings, name)
    missing, there = [], hand_over.learners(settings)
    if not there:
        raise LabError("Nobody has been in this class yet, so there is nothing to collect.")
    for learner in there:
        if content := _handed_in(settings, learner, f"assignments/{name}.ipynb"):
            _write(settings.course / "submitted" / learner / name / f"{name}.ipynb", content)
        else:
            missing.append(learner)
    came = [each for each in there if each not in missing]
    print(f"{name} is collected of {number_of(len(came), 'learner')}: {', '.join(came) or 'none'}.")
    if missing:
        print(f"Missing: {', '.join(missing)}.")
    return 0


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as file:
        file.write(content)


def grade(args):
    """Grades an assignment, and puts each learner's feedback into their folder."""
    from labkit.classroom.marks.grading import grade as grade_all

    settings, name = read_settings(class_folder(args.folder)), Path(args.notebook).stem
    _require_assignment(settings, name)
    marks = grade_all(settings.course, name)
    print(marks)
    for each in marks.marks:
        if each.feedback:
            with _reported(each.learner):
                page = f"feedback/{each.feedback.name}"
                hand_over.hand_back(settings, each.learner, page, each.feedback.read_bytes())
    return 0
