"""The same held-out examples, answered by several methods, or by models of several kinds."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from labkit.backends.constraints.constraint import Constraint, choices
from labkit.backends.local.embedding import Embedder
from labkit.backends.local.model import LocalModel, load
from labkit.checks import check_type, check_whole, checked_several
from labkit.errors import LabError
from labkit.formatting import number_of, plain_answer
from labkit.interrupts.cell import progress
from labkit.models.catalogue import CATALOGUE, full_name
from labkit.models.storage.inventory import require_stored
from labkit.topics.control.finetune.examples import ExampleSet, TuningExample, load_examples
from labkit.topics.control.finetune.result import FineTuning
from labkit.topics.control.finetune.strength import AnsweredExample

from .answerers import Answerer, likeliest_label, nearest_example, writes, writes_within
from .result import MethodComparison, MethodResult

MOST_LABELS = 20
Case = tuple[str, Callable[[], tuple[Answerer, int]]]  # name, and what opens it: answerer, bytes


def compare_methods(
    tuning: FineTuning, *, constraint: Constraint | None = None, shots: int = 5, items: int = 12
) -> MethodComparison:
    """Training against prompting: held-out examples answered in several ways.

    The model alone; with solved examples in its prompt; within a constraint; with its trained
    adapter. Answers are written at temperature 0; right is one that is the same apart from case
    and white space. An interrupt keeps the methods that were done.

    Args:
        tuning: from `fine_tune`.
        constraint: what answers may look like; None: one of the answers of the examples, where
            there are at most 20 different ones, and twice as many examples.
        shots: solved examples in the prompt, spread over those that were trained on.
        items: held-out examples that are asked.
    Raises:
        ValueError: an argument is out of range, or nothing was held out.
    """
    check_type("tuning", tuning, FineTuning, "lab.control.fine_tune")
    if constraint is not None:
        makers = "lab.control.json_schema, regex, choices or grammar"
        check_type("constraint", constraint, Constraint, makers)
    examples = tuning.examples
    check_whole("shots", shots, 1, len(examples.train))
    shown = examples.train[:: len(examples.train) // shots][:shots]
    base, tuned, labels = tuning.base, tuning.tuned, labels_of(examples)
    if constraint is None and labels:
        constraint = choices(labels)
    solved = number_of(shots, "example")
    cases: list[Case] = [
        ("the model alone", lambda: (writes(base), _bytes(base))),
        (f"{solved} in the prompt", lambda: (writes(base, shown), _bytes(base))),
    ]
    if constraint:
        cases += [
            ("a constraint", lambda: (writes_within(base, constraint), _bytes(base))),
            (
                f"a constraint and {solved}",
                lambda: (writes_within(base, constraint, shown), _bytes(base)),
            ),
        ]
    cases.append(("fine-tuned", lambda: (writes(tuned), _bytes(tuned))))
    return _compare(f"{base.name} on {examples.name}", cases, _asked(examples, items))


def compare_classifiers(
    examples: ExampleSet | Any = "mail",
    models: Iterable[str | LocalModel] = ("all-minilm-l6-v2", "smollm2-135m", "coder"),
    *,
    items: int = 24,
) -> MethodComparison:
    """Which kind of model sorts texts best: accuracy, milliseconds and memory of each.

    An embedding model gives the answer of the training example whose meaning is nearest. A chat
    model, which sees no example, takes the answer that it finds likeliest; so does one with an
    adapter. Nothing is downloaded: what is not on this machine is named. An interrupt keeps the
    models that were done.

    Args:
        examples: from `load_examples`, or what that takes.
        models: loaded models, or names.
        items: held-out examples that are asked.
    Raises:
        ValueError: an argument is out of range, or there are too many different answers.
    """
    examples = load_examples(examples)
    labels = labels_of(examples)
    if len(labels) < 2:
        count = len({each.answer for each in examples.train})
        raise ValueError(
            f"examples must have 2 to {MOST_LABELS} different answers to choose from, and twice as "
            f"many examples to train on; those of {examples.name} have {count}, and "
            f"{len(examples.train)} to train on"
        )
    models = checked_several("models", models, object, "a list of models or names")
    for each in models:
        check_type("models", each, (str, LocalModel), "lab.load, or be names of models")
    cases = [(_name(each), _opens(each, examples.train, labels)) for each in models]
    return _compare(f"labels of {examples.name}", cases, _asked(examples, items))


def labels_of(examples: ExampleSet) -> list[str]:
    """The different answers of a set of examples, where it has few."""
    found = list(dict.fromkeys(each.answer for each in examples.train))
    return found if len(found) <= min(MOST_LABELS, len(examples.train) // 2) else []


def _asked(examples: ExampleSet, items: int) -> tuple[TuningExample, ...]:
    """The held-out examples that are asked, spread over all."""
    check_whole("items", items)
    held_out = examples.held_out
    if not held_out:
        raise ValueError(f"examples must have held-out ones; {examples.name} has none")
    count = min(items, len(held_out))
    return tuple(held_out[number * len(held_out) // count] for number in range(count))


def _name(model: str | LocalModel) -> str:
    if isinstance(model, LocalModel):
        return model.name
    name = full_name(model)
    is_embedding = name in CATALOGUE and CATALOGUE[name].kind == "embedding"
    return f"{name}, nearest example" if is_embedding else name


def _opens(model: str | LocalModel, train: Sequence[TuningExample], labels: Sequence[str]):
    def opened() -> tuple[Answerer, int]:
        own = model
        if isinstance(own, str):
            require_stored(own)
            name = full_name(own)
            if name in CATALOGUE and CATALOGUE[name].kind == "embedding":
                embedder = Embedder(name)
                size = sum(each.nbytes for each in embedder.model.parameters())
                return nearest_example(embedder, train), size
            own = load(name, accept_terms=True)  # it was accepted to get it
        return likeliest_label(own, labels), _bytes(own)

    return opened


def _bytes(model: LocalModel) -> int:
    return sum(each.nbytes for each in model.model.parameters())


def _compare(title: str, cases: Sequence[Case], asked: Sequence[TuningExample]) -> MethodComparison:
    done, missing = [], []
    with progress(total=len(cases) * len(asked), unit="answer", desc="methods") as bar:
        try:
            for name, opens in cases:
                bar.set_postfix_str(name)
                rows, lead = [], ""
                try:
                    answerer, size = opens()
                    lead = f"{name}: "
                    for row in _answered(answerer, asked):
                        rows.append(row)
                        bar.update()
                except LabError as error:
                    hint = f" To have it: {error.hint}" if error.hint else ""
                    missing.append(f"{lead}{error.problem}{hint}")
                    bar.total -= len(asked) - len(rows)  # a bar that is not full would stay
                    continue
                answers, seconds = zip(*rows, strict=True)
                done.append(MethodResult(name, answers, seconds, size))
        except KeyboardInterrupt:
            pass
    count = number_of(len(asked), "item")
    return MethodComparison(f"{title}, {count}", tuple(done), tuple(missing))


def _answered(
    answerer: Answerer, asked: Sequence[TuningExample]
) -> Iterator[tuple[AnsweredExample, float]]:
    answerer(asked[0])  # the first one also builds what is kept
    for each in asked:
        began = time.perf_counter()
        answer = answerer(each)
        right = plain_answer(answer) == plain_answer(each.answer)
        yield AnsweredExample(each, answer, right), time.perf_counter() - began
