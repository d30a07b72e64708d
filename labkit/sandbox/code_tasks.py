"""Functions to be written, with the tests that a right one passes."""

import functools
import json
from dataclasses import dataclass
from typing import Literal

from labkit.data import FOLDER
from labkit.filesystem.read import parse, read_file
from labkit.models.storage.datasets import read_dataset

from .sandbox import SandboxRun

END = "all tests passed"
SETS = ("lab", "humaneval")


@dataclass(frozen=True, slots=True, repr=False)
class CodeTask:
    """A function to be written.

    Attributes:
        name: its name, or HumanEval's number of it.
        prompt: the beginning of the program, up to the end of the docstring.
        solution: a body that passes.
        tests: statements that raise an error unless the function is right.
    """

    name: str
    prompt: str
    solution: str
    tests: str

    def program(self, body: str, end: str = "") -> str:
        """The whole program: the beginning, a body, the tests, and a line to print at the end."""
        last = f"\nprint({end!r})\n" if end else ""
        return f"{self.prompt}{body}\n\n{self.tests}\n{last}"

    def __repr__(self) -> str:
        return self.prompt


def has_passed(run: SandboxRun) -> bool | None:
    """Whether a program with `END` as its last line got through all tests; None: it was not run."""
    if run.refusal:
        return None
    return run.succeeded and run.output.rstrip().endswith(END)


@dataclass(frozen=True, slots=True)
class _LabTask:
    name: str
    prompt: str
    solution: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _LabTasks:
    labkit_code_tasks: Literal[1]
    source: str
    tasks: tuple[_LabTask, ...]


@functools.cache
def code_tasks(tasks: str = "lab") -> tuple[CodeTask, ...]:
    """Tasks whose solutions are run.

    Args:
        tasks: ``"lab"``: 20 written for this lab, which no model has seen in training;
            ``"humaneval"``: the 164 of Chen et al. 2021, which every model has.
    Raises:
        ValueError: there is no such set.
        LabError: HumanEval could not be downloaded.
    """
    if tasks == "lab":
        own = parse(read_file(FOLDER / "tasks" / "code.json"), _LabTasks).tasks
        return tuple(
            CodeTask(t.name, t.prompt, t.solution, "\n".join(f"assert {e}" for e in t.tests))
            for t in own
        )
    if tasks != "humaneval":
        raise ValueError(f"tasks must be one of {', '.join(SETS)}; got {tasks!r}")
    found = map(json.loads, read_dataset("HumanEval.jsonl").splitlines())
    return tuple(
        CodeTask(
            each["task_id"],
            each["prompt"],
            each["canonical_solution"],
            f"{each['test']}\ncheck({each['entry_point']})",
        )
        for each in found
    )
