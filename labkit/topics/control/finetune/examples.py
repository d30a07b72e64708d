"""Examples to train on: the lab's own, or the learner's from a table or a file."""

import csv
import io
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from labkit.backends.prompts import check_text
from labkit.data import FOLDER, read_data
from labkit.errors import LabError
from labkit.filesystem.read import parse, read_file, wrong_content

NAMES = ("format", "style", "facts", "mail")
PROMPTS = ("prompt", "instruction", "text", "question", "input")
DETAILS = ("input", "context", "question")  # what an instruction is about
ANSWERS = ("answer", "label", "completion", "output", "response")
ONE_IN = 5  # of the learner's own different examples, one in five is held out
LARGEST_FILE = 20_000_000  # bytes
HINT = "Examples are CSV with the columns prompt and answer, or JSON lines with those keys."


@dataclass(frozen=True, slots=True)
class TuningExample:
    """What is asked, and what the model is to answer.

    Attributes:
        prompt: a user's message.
        answer: the answer to learn.
    """

    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class TuningProbe:
    """A question whose answer should, or should not, have become likelier.

    Attributes:
        kind: what it tests, such as ``"reversed question"``.
        prompt: a user's message.
        answer: the answer whose probability is read.
    """

    kind: str
    prompt: str
    answer: str


@dataclass(frozen=True, slots=True, repr=False)
class ExampleSet:
    """Examples, of which some are held out.

    Attributes:
        name: its name.
        title: what they teach.
        source: where they are from.
        train: what the model is trained on.
        held_out: what it never sees.
        probes: questions that are asked before and after.
        secret: one of those to train on, whose answer was not meant to be learned; None: there is
            none.
    """

    name: str
    title: str
    source: str
    train: tuple[TuningExample, ...]
    held_out: tuple[TuningExample, ...] = ()
    probes: tuple[TuningProbe, ...] = ()
    secret: TuningExample | None = None
    labkit_examples: Literal[1] = field(default=1, kw_only=True)

    @property
    def summary(self) -> str:
        """What they teach, and how many there are."""
        counts = f"{len(self.train):,} to train on, {len(self.held_out):,} held out"
        return f"{self.name}: {self.title}. {counts}"

    def __repr__(self) -> str:
        return self.summary


def list_examples() -> tuple[ExampleSet, ...]:
    """The lab's own sets of examples."""
    return tuple(map(load_examples, NAMES))


def load_examples(source: ExampleSet | str | Path | Iterable[Any]) -> ExampleSet:
    """Examples of the lab, of a file, or of a table typed into the cell.

    Args:
        source: ``"format"``, ``"style"``, ``"facts"`` or ``"mail"``; or the path of a CSV or JSONL
            file; or pairs ``(prompt, answer)`` or dicts with these keys. Of the learner's own, a
            fifth of the different ones is held out, the same ones each time. An `ExampleSet` comes
            back as it is.
    Raises:
        ValueError: there is no example, or one has no prompt or no answer.
        LabError: there is no such file, or it is damaged.
    """
    if isinstance(source, ExampleSet):
        return source
    if isinstance(source, Mapping) or not isinstance(source, Iterable | Path):
        raise ValueError(
            f"source must be one of {', '.join(NAMES)}, a .csv or .jsonl file, or a list of pairs "
            f"(prompt, answer); got {source!r:.80}"
        )
    if not isinstance(source, str | Path):
        return _own("own", list(source))
    if source == "mail":
        return _mail()
    if source in NAMES:
        path = FOLDER / "finetune" / f"{source}.json"
        try:
            return parse(read_file(path), ExampleSet)
        except ValueError as error:
            raise wrong_content(path, "examples", str(error), HINT) from None
    path = Path(source)
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise ValueError(
            f"source must be one of {', '.join(NAMES)}, a .csv or .jsonl file, or a table; "
            f"got {str(source)!r}"
        )
    try:
        text = read_file(path, LARGEST_FILE).decode("utf-8-sig")
        rows = _rows_of(text, path.suffix.lower())
    except (ValueError, RecursionError, csv.Error) as error:
        raise LabError(f"{path} cannot be read as examples: {error}.", HINT) from None
    return _own(path.stem, rows)


def _mail() -> ExampleSet:
    """The support mails of notebook 07 as examples."""
    task = read_data("tasks/triage.json")
    halves: dict[str, list[TuningExample]] = {"practice": [], "held out": []}
    for item in task["items"]:
        prompt = f"{task['instruction']}\n{item['text']}"
        halves[item["half"]].append(TuningExample(prompt, item["answer"]))
    train, held_out = (tuple(own) for own in halves.values())
    return ExampleSet("mail", task["title"], task["source"], train, held_out)


def _rows_of(text: str, suffix: str) -> list[Any]:
    if suffix == ".jsonl":
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    return list(csv.DictReader(io.StringIO(text), strict=True))


def _own(name: str, rows: Sequence[Any]) -> ExampleSet:
    if not rows:
        raise ValueError("there is no example: give at least one prompt with its answer")
    examples = [_example(row, number) for number, row in enumerate(rows, 1)]
    random.Random(0).shuffle(examples)  # labels may be sorted, or come in rotation
    different = list(dict.fromkeys(examples))
    apart = set(different[: len(different) // ONE_IN])
    train = tuple(each for each in examples if each not in apart)
    held_out = tuple(each for each in examples if each in apart)
    return ExampleSet(name, "your own examples", "yours", train, held_out)


def _example(row: Any, number: int) -> TuningExample:
    prompt, answer = _pair(row)
    if answer and not prompt:
        raise ValueError(
            f"example {number} has an answer ({str(answer)[:40]!r}) and no prompt: a model learns "
            "what to answer to what, so labels alone teach nothing"
        )
    if not prompt or not answer:
        raise ValueError(
            f"example {number} must have a prompt and an answer that are text; got {row!r:.80}"
        )
    check_text(prompt, f"the prompt of example {number}")
    check_text(answer, f"the answer of example {number}")
    return TuningExample(prompt, answer)


def _pair(row: Any) -> tuple[str, str]:
    """Prompt and answer of a row; empty where it has none."""
    if isinstance(row, TuningExample):
        return row.prompt, row.answer
    if isinstance(row, Mapping):
        found = [_first(row, PROMPTS), _first(row, ANSWERS)]
        if found[0] == row.get("instruction"):
            # Alpaca's "text" beside an "output" is the whole of both.
            found.append(_first(row, DETAILS if row.get("output") else (*DETAILS, "text")))
    elif isinstance(row, str):
        found = ["", row]
    else:
        found = list(row) if isinstance(row, Sequence) and len(row) == 2 else ["", ""]
    if not all(isinstance(each, str) for each in found):
        return "", ""
    prompt, answer, *more = map(str.strip, found)
    return "\n\n".join(filter(None, (prompt, *more))), answer


def _first(row: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """What stands under the first of these keys that a row has; empty where it has none."""
    return next((row[key] for key in keys if row.get(key)), "")
