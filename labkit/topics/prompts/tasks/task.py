"""Tasks with right answers: those of the lab, and the learner's own from a file."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from labkit.backends.prompts import check_text
from labkit.checks import check_one_of, checked_path, checked_several
from labkit.data import FOLDER
from labkit.errors import LabError
from labkit.filesystem.read import parse, read_file, wrong_content
from labkit.formatting import without_control

from .checkers import CHECKERS, check_right

NAMES = ("sentiment", "triage", "fields", "format")
LONGEST_ITEM = 20_000  # characters
LARGEST_FILE = 20_000_000  # bytes
LARGEST_ANSWER = 4096  # tokens
MOST_OPTIONS = 20  # different answers, up to which they are options to choose from
HINT = "A task is a CSV file with the columns text and answer, or JSON: see data/tasks."
Half = Literal["practice", "held out"]
PRACTICE, HELD_OUT = "practice", "held out"


@dataclass(frozen=True, slots=True)
class SolvedExample:
    """A text with its right answer, to be shown in a prompt.

    Attributes:
        text: what is asked about.
        answer: the right answer.
    """

    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class Item:
    """A text with its right answer, to be asked.

    Attributes:
        text: what is asked about.
        answer: the right answer; of the task "format", the name of the form that is asked for.
        half: which half it belongs to: prompts are improved on one and judged on the other.
        pattern: of the checker "pattern": what an answer must match, or ``"json"``.
    """

    text: str
    answer: str
    half: Half = PRACTICE
    pattern: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Task:
    """A task with right answers, and the parts of a prompt for it.

    Attributes:
        name: its name.
        title: the question that its items answer.
        source: where the items are from.
        checker: ``"options"``: the answer is the likeliest option; else the model writes one,
            which one of `CHECKERS` judges.
        options: the answers to choose from.
        system, instruction, format_hint: parts of a prompt.
        input_name, output_name: what an item and its answer are called in a prompt.
        examples: solved ones for a prompt; none of them is an item.
        items: what is asked.
        max_tokens: limit of a written answer.
        wordings: other wordings of the instruction.
    """

    name: str
    title: str
    source: str
    checker: str
    options: tuple[str, ...]
    system: str
    instruction: str
    format_hint: str
    input_name: str
    output_name: str
    examples: tuple[SolvedExample, ...]
    items: tuple[Item, ...]
    max_tokens: int = 24
    wordings: tuple[str, ...] = ()
    labkit_task: Literal[1] = field(default=1, kw_only=True)

    def half(self, half: str | None) -> tuple[Item, ...]:
        """The items of one half; None: all of them.

        Raises:
            ValueError: there is no such half.
        """
        check_one_of("half", half, (PRACTICE, HELD_OUT), or_none=True)
        return tuple(item for item in self.items if half in (None, item.half))

    @property
    def chance(self) -> float | None:
        """Share that a blind choice among the options gets right; None without options."""
        return 1 / len(self.options) if self.options else None

    @property
    def summary(self) -> str:
        """Its question, and its items."""
        counts = Counter(item.answer for item in self.items)
        kinds = f" ({', '.join(f'{n} {name}' for name, n in counts.items())})"
        shown = kinds if len(counts) <= MOST_OPTIONS else ""
        held = len(self.half(HELD_OUT))
        count = f"{len(self.items)} items{shown}, {held} of them held out"
        return without_control(f"{self.name}: {self.title} {count}")

    def __repr__(self) -> str:
        return self.summary


def list_tasks() -> tuple[Task, ...]:
    """The lab's own tasks."""
    return tuple(map(load_task, NAMES))


def load_task(
    name: str | Path, *, instruction: str = "", options: Iterable[str] | None = None
) -> Task:
    """A task of the lab, or one of your own from a file.

    A file's items fall into a practice half and a held-out half, one by one in turn among those
    with the same answer. Where it has at most twenty different answers, they are the options.

    Args:
        name: ``"sentiment"``, ``"triage"``, ``"fields"`` or ``"format"``; or the path of a .csv
            file with the columns ``text`` and ``answer``, or of a .json file with a list of such
            objects, or with a task in the form of the folder ``data/tasks``.
        instruction: what to do with a text, for a file without instruction.
        options: the answers to choose from, likewise; None: those in the file.
    Raises:
        LabError: no such task or file, or a file that does not hold one.
        ValueError: instruction or options are not texts, or the task has its own.
    """
    check_text(instruction, "instruction")
    if options is not None:
        options = checked_several("options", options, str, 'one or more texts, as in ("yes", "no")')
        for option in options:
            check_text(option, "an option")
    options = tuple(dict.fromkeys(option.strip() for option in options or ()))
    path = FOLDER / "tasks" / f"{name}.json" if name in NAMES else checked_path("name", name)
    if path.suffix.lower() not in (".csv", ".json"):
        raise LabError(
            f"There is no task {str(name)!r}.", f"The lab has {', '.join(NAMES)}. {HINT}"
        )
    content = read_file(path, LARGEST_FILE)
    is_whole = path.suffix.lower() == ".json" and content.lstrip()[:1] == b"{"
    for argument, value in (("instruction", instruction), ("options", options)):
        if is_whole and value:
            raise ValueError(f"{argument} must be left out: {path.stem} has its own; got {value!r}")
    try:
        if is_whole:
            return _checked(parse(content, Task))
        return _checked(_of_rows(content, path, instruction, options))
    except ValueError as error:
        raise wrong_content(path, "a task", str(error), HINT) from None


def _of_rows(content: bytes, path: Path, instruction: str, options: tuple[str, ...]) -> Task:
    is_csv = path.suffix.lower() == ".csv"
    rows = _read_csv(content) if is_csv else parse(content, tuple[SolvedExample, ...])
    if not rows:
        raise ValueError("it has no items")
    found = tuple(dict.fromkeys(row.answer for row in rows))
    options = options or (found if len(found) <= MOST_OPTIONS else ())
    return Task(
        name=path.stem,
        title=instruction or "What is the right answer?",
        source=path.name,
        checker="options" if options else "exact",
        options=options,
        system="",
        instruction=instruction or "Answer about the text.",
        format_hint=f"Answer with one of: {', '.join(options)}." if options else "",
        input_name="Text",
        output_name="Answer",
        examples=(),
        items=tuple(_halved(rows)),
    )


def _read_csv(content: bytes) -> list[SolvedExample]:
    try:
        lines = io.StringIO(content.decode("utf-8-sig"), newline="")
        csv.field_size_limit(LARGEST_FILE)
        reader = csv.DictReader(lines)
        columns = set(reader.fieldnames or ())
        if not {"text", "answer"} <= columns:
            raise ValueError(f"it has the columns {', '.join(sorted(columns)) or 'none'}")
        return [SolvedExample(row["text"] or "", (row["answer"] or "").strip()) for row in reader]
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except csv.Error as error:
        raise ValueError(str(error)) from None


def _halved(rows: Sequence[SolvedExample]):
    seen: Counter[str] = Counter()
    for row in rows:
        half: Half = HELD_OUT if seen[row.answer] % 2 else PRACTICE
        seen[row.answer] += 1
        yield Item(row.text, row.answer, half)


def _checked(task: Task) -> Task:
    """The task; a ValueError says what types alone cannot.

    Raises:
        ValueError: no items, an item too long or empty, answers that are not options, options that
            stand twice or without their checker.
    """
    if not task.items:
        raise ValueError("it has no items")
    if not 1 <= task.max_tokens <= LARGEST_ANSWER:
        raise ValueError(f"max_tokens: it must be 1 to {LARGEST_ANSWER:,}")
    if task.checker not in ("options", *CHECKERS):
        raise ValueError(f"checker: it must be one of options, {', '.join(CHECKERS)}")
    if task.options and task.checker != "options":
        raise ValueError(f"options: with the checker {task.checker} there must be none")
    if len(set(task.options)) < len(task.options):
        raise ValueError("options: each must be there once")
    for number, item in enumerate((*task.examples, *task.items), 1 - len(task.examples)):
        where = f"item {number}" if number > 0 else f"example {number + len(task.examples)}"
        if not item.text.strip() or not item.answer.strip():
            raise ValueError(f"{where}: its text or its answer is empty")
        if len(item.text) > LONGEST_ITEM:
            raise ValueError(
                f"{where}: it has {len(item.text):,} characters, more than {LONGEST_ITEM:,}"
            )
        if number > 0 and (problem := check_right(task.checker, item.answer, item.pattern)):
            raise ValueError(f"{where}: {problem}")
        if task.checker == "options" and item.answer not in task.options:
            raise ValueError(
                f"{where}: its answer {item.answer[:40]!r} is not one of {', '.join(task.options)}"
            )
    if task.checker == "options" and len(task.options) < 2:
        raise ValueError("options: there must be two or more different answers")
    return task
