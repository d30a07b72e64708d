"""Programs with a line or a block cut out, whose tests fail without it."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labkit.sandbox.code_tasks import END, CodeTask, has_passed
from labkit.sandbox.sandbox import run_code
from labkit.topics.assistant.completion.complete import code_lines, indentation

KINDS = ("line", "block")
SHORTEST = 5  # characters of a line that is worth a suggestion
LONGEST_BLOCK = 6  # lines


@dataclass(frozen=True, slots=True)
class Cut:
    """A right program with a gap.

    Attributes:
        task: what the program is to do, with its tests.
        before: the program up to the gap.
        middle: what was cut out: whole lines.
        after: the rest of the function.
    """

    task: CodeTask
    before: str
    middle: str
    after: str

    def program(self, middle: str) -> str:
        """The program with something in the gap, its tests behind it."""
        return f"{self.before}{middle}{self.after}\n\n{self.task.tests}\n\nprint({END!r})\n"


def draw_cuts(tasks: Sequence[CodeTask], kind: str, seed: int) -> Iterator[Cut]:
    """A cut in each task, in an order of the seed's; tasks without one are passed over.

    Args:
        tasks: with their solutions.
        kind: ``"line"``, or ``"block"``: lines to the end of their indentation, 2 to 6 of them.
        seed: of the draws.
    """
    draw = random.Random(seed)
    for task in draw.sample(list(tasks), len(tasks)):
        found = list(_spans(task.solution, kind))
        draw.shuffle(found)
        for start, end in found:
            cut = _cut(task, start, end)
            if not has_passed(run_code(cut.program(""))):  # its tests do notice
                yield cut
                break


def _cut(task: CodeTask, start: int, end: int) -> Cut:
    lines = code_lines(task.solution)
    before, middle, after = lines[:start], lines[start:end], lines[end:]
    return Cut(task, task.prompt + "".join(before), "".join(middle), "".join(after))


def _spans(solution: str, kind: str) -> Iterator[tuple[int, int]]:
    """First line, and the one after the last, of each piece that can be cut out.

    >>> list(_spans("    a = [1, 2]\\n    return a[0]\\n", "line"))
    [(0, 1), (1, 2)]
    >>> list(_spans("    a = [1, 2]\\n    return a[0]\\n", "block"))
    [(0, 2)]
    """
    lines = code_lines(solution)
    for start, line in enumerate(lines):
        if len(line.strip()) < SHORTEST or line.lstrip().startswith("#"):
            continue
        if kind == "line":
            yield start, start + 1
            continue
        depth, end = indentation(line), start + 1
        while end < len(lines) and (not lines[end].strip() or indentation(lines[end]) >= depth):
            end += 1
        if 2 <= end - start <= LONGEST_BLOCK:
            yield start, end
