"""Methods of answering a prompt: written, by the likeliest label, by the nearest example."""

from collections.abc import Callable, Sequence
from itertools import takewhile

from labkit.backends.constraints.constraint import Constraint
from labkit.backends.generate import generate
from labkit.backends.local.embedding import Embedder
from labkit.backends.local.model import LocalModel
from labkit.backends.prompts import Messages
from labkit.errors import LabError
from labkit.topics.control.constraints.constrain import constrained, uninterrupted
from labkit.topics.control.finetune.examples import TuningExample
from labkit.topics.control.finetune.loss import answer_logprobs
from labkit.topics.control.finetune.strength import most_tokens, written_answers

Answerer = Callable[[TuningExample], str]  # of its answer, only the length and lines are used


def with_shown(model: LocalModel, prompt: str, shown: Sequence[TuningExample]) -> str | Messages:
    """A prompt after solved examples: as messages, or as text for a base model."""
    if not shown:
        return prompt
    if not model.chat:
        solved = [f"{each.prompt}\n{each.answer}" for each in shown]
        return "\n\n".join([*solved, prompt])
    turns = [(each.prompt, each.answer) for each in shown]
    messages = [
        {"role": role, "content": text}
        for turn in turns
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]
    return [*messages, {"role": "user", "content": prompt}]


def writes(model: LocalModel, shown: Sequence[TuningExample] = ()) -> Answerer:
    """The model writes an answer, at temperature 0."""

    def answer(example: TuningExample) -> str:
        asked = with_shown(model, example.prompt, shown)
        return written_answers(model, [asked], [example.answer])[0]

    return answer


def writes_within(
    model: LocalModel, constraint: Constraint, shown: Sequence[TuningExample] = ()
) -> Answerer:
    """The model writes what the constraint allows, at temperature 0."""
    backend = constrained(model, constraint)

    def answer(example: TuningExample) -> str:
        asked = with_shown(model, example.prompt, shown)
        limit = most_tokens(model, [example.answer])
        reply = generate(backend, asked, temperature=0, max_tokens=limit)
        if reply.error:
            raise LabError(reply.error)
        return uninterrupted(reply).text.strip()

    return answer


def likeliest_label(model: LocalModel, labels: Sequence[str]) -> Answerer:
    """The label that the model finds likeliest as a whole answer."""

    def answer(example: TuningExample) -> str:
        found = answer_logprobs(model, example.prompt, labels)
        return labels[found.index(max(found))]

    return answer


def nearest_example(embedder: Embedder, train: Sequence[TuningExample]) -> Answerer:
    """The answer of the training example whose meaning is nearest.

    The lines that all prompts begin with say nothing about any of them, so they are left out.
    """
    columns = zip(*(each.prompt.splitlines(keepends=True) for each in train), strict=False)
    lines = takewhile(lambda column: len(set(column)) == 1, columns)
    shared = "".join(first for first, *_ in lines) if len(train) > 1 else ""
    vectors = embedder.embed([each.prompt.removeprefix(shared) for each in train])

    def answer(example: TuningExample) -> str:
        (vector,) = embedder.embed([example.prompt.removeprefix(shared)])
        return train[int((vectors @ vector).argmax())].answer

    return answer
