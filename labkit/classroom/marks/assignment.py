"""An assignment out of a lesson: its exercises get a solution, and a cell that gives points."""

import ast
import copy
import json
from pathlib import Path
from typing import Any

import nbformat

from labkit.classroom.learners.fresh_lesson import freshened
from labkit.errors import LabError
from labkit.install.checkout import ROOT

from .kernel import ANSWER_KEY

ANSWERS = ROOT / ANSWER_KEY  # apart from what learners are given
STUB = "# Put your answer above, as the value of what begins with my_."
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
TEST = """\
# Graded: what the check says of your answer. Leave this cell as it is.
from importlib import import_module, reload

_checks = reload(import_module("{module}"))
_checked = _checks.{call}
assert _checked.right, _checked.why"""


def lesson(name: str) -> Path:
    """A lesson's file by its name.

    Raises:
        LabError: no such notebook.
    """
    file = ROOT / "notebooks" / f"{Path(name).stem}.ipynb"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.ipynb")))
        raise LabError(f"There is no notebook {name!r}.", f"There are: {known}.")
    return file


def source_notebook(file: Path, answers: dict[str, str] | None = None) -> Any:
    """The teacher's version of a lesson, as nbgrader takes it.

    Args:
        file: the lesson.
        answers: the code of each exercise's solution, by its ``grade_id``; None: those of
            `ANSWERS`, where there are any.
    Raises:
        LabError: no cell of it is marked as an exercise.
    """
    notebook = nbformat.reads(freshened(file.read_bytes()).decode(), as_version=4)
    answers = read_answers(file.stem) if answers is None else answers
    module, cells = _checks_of(notebook), []
    for cell in notebook.cells:
        cells.append(cell)
        if is_exercise(cell):
            cell.source, test = _with_solution(cell, answers), _test_cell(cell, module)
            cells.append(test)
    if len(cells) == len(notebook.cells):
        raise LabError(f"{file.name} has no exercise that can be graded.", "Take another notebook.")
    notebook.cells = cells
    return notebook


def read_answers(name: str) -> dict[str, str]:
    """The code of each exercise's solution in a lesson; none where the key is missing."""
    key = json.loads(ANSWERS.read_text(encoding="utf-8")) if ANSWERS.is_file() else {}
    return {exercise: "\n".join(lines) for exercise, lines in key.get(name, {}).items()}


def is_exercise(cell: Any) -> bool:
    """Whether a cell carries nbgrader's metadata of an answer."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def _checks_of(notebook: Any) -> str:
    """The module that the lesson imports as ``exercises``."""
    for cell in notebook.cells:
        for node in ast.walk(ast.parse(cell.source)) if cell.cell_type == "code" else ():
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "exercises":
                return f"{node.module}.exercises"
    raise LabError("The notebook imports no checks of exercises.", "Take another notebook.")


def _with_solution(cell: Any, answers: dict[str, str]) -> str:
    """The cell with its solution before the check; where none is known, the learner's None."""
    lines = cell.source.splitlines()
    last = ast.parse(cell.source).body[-1].lineno - 1
    answer = answers.get(cell.metadata.nbgrader.grade_id, "pass")
    solution = [BEGIN, *answer.splitlines(), END]
    return "\n".join([*lines[:last], *solution, *lines[last:]])


def _test_cell(cell: Any, module: str) -> Any:
    check = ast.unparse(ast.parse(cell.source).body[-1]).removeprefix("exercises.")
    test = nbformat.v4.new_code_cell(TEST.format(module=module, call=check))
    test.id = f"{cell.id}-graded"
    metadata = copy.deepcopy(dict(cell.metadata.nbgrader))
    name = f"{metadata['grade_id']}-graded"
    metadata |= {"grade": True, "solution": False, "locked": True, "points": 1, "grade_id": name}
    test.metadata["nbgrader"] = metadata
    return test


def as_text(notebook: Any) -> str:
    """The notebook as a file holds it."""
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
