"""A lesson as learners are given it: without what anybody computed or answered in it."""

import ast
import json
from collections.abc import Iterable


def freshened(lesson: bytes) -> bytes:
    """A notebook's file without outputs, and with None for what an exercise's answer was.

    The teacher of a class tries the lessons first, in the same files.
    """
    try:
        notebook = json.loads(lesson)
        code = [each for each in notebook["cells"] if each["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):  # another format, or cut off: not a lesson of ours
        return lesson
    notebook.get("metadata", {}).pop("widgets", None)
    for cell in code:
        cell |= {"outputs": [], "execution_count": None}
        if cell.get("metadata", {}).get("nbgrader", {}).get("solution"):
            cell["source"] = unanswered("".join(cell["source"])).splitlines(keepends=True)
    return (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode()


def unanswered(exercise: str) -> str:
    """An exercise's code with None for each name that begins with my_; what else is there stays.

    >>> unanswered("my_text = 'mine'\\nmy_long = [\\n    1,\\n]\\ncheck(my_text, my_long)")
    'my_text = None\\nmy_long = None\\ncheck(my_text, my_long)'
    """
    try:
        statements = ast.parse(exercise).body
    except SyntaxError:  # an answer that is not finished
        return exercise
    lines = exercise.split("\n")
    for statement in reversed(statements):
        if names := _answered(statement):
            lines[statement.lineno - 1 : statement.end_lineno] = [
                f"{each} = None" for each in names
            ]
    return "\n".join(lines)


def _answered(statement: ast.stmt) -> list[str]:
    """The names that begin with my_, of an assignment to them."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return []
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [name for target in targets for name in _names(target) if name.startswith("my_")]


def _names(target: ast.expr) -> Iterable[str]:
    return (each.id for each in ast.walk(target) if isinstance(each, ast.Name))
