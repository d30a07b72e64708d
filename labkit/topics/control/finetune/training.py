"""LoRA training of a second copy of a model, step by step."""

import math
import time
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import torch

from labkit.backends.capabilities import WITH_WEIGHTS
from labkit.backends.local.model import LocalModel
from labkit.backends.local.overrides import require_no_adapter
from labkit.errors import LabError
from labkit.formatting import digits, number_of
from labkit.interrupts.cell import progress

from .adapter import with_adapter
from .examples import ExampleSet, TuningExample, load_examples
from .loss import Ids, batch_loss, batches, example_ids, mean_loss
from .result import ALL, DIVERGED, STOPPED, TIME, FineTuning, LossPoint, TuningOptions

LONGEST = 256  # tokens of prompt and answer
HELD_OUT = 12  # held-out examples that the curve is read on
EVERY = 10  # steps between two readings of it
TOO_HIGH = 3.0  # nats above the first loss
NOTHING_HELD_OUT = (
    "Nothing is held out, so nobody can say whether it learned more than the examples."
)
Encoded = tuple[TuningExample, Ids]


def fine_tune(
    model: LocalModel, examples: ExampleSet | Any = "format", **options: Any
) -> FineTuning:
    """Trains a small adapter beside a model's weights; the model itself stays as it is.

    An interrupt keeps the adapter as it is then.

    Args:
        model: from ``labkit.load``.
        examples: from `load_examples`, or what that takes.
        options: see `TuningOptions`: steps, minutes, rank, learning_rate, batch_size, seed.
    Raises:
        ValueError: an option is out of range, or no example fits.
        LabError: the model does not run here in torch or has an adapter already, or there is too
            little memory for a copy.
    """
    run = TrainingRun(model, examples, **options)
    with progress(total=run.options.steps, unit="step", desc=f"on {run.examples.name}") as bar:
        try:
            for point in run.steps():
                bar.update()
                bar.set_postfix_str(f"loss {point.loss:.2f}")
        except KeyboardInterrupt:
            pass
    return run.result()


def require_trainable(model: Any) -> None:
    """Raises a LabError unless a model's own weights, and no others, are in this process."""
    if not isinstance(model, LocalModel):
        raise LabError(
            f"{getattr(model, 'name', model)!r} does not run here in torch, so it cannot be "
            "trained here.",
            WITH_WEIGHTS,
        )
    require_no_adapter(model, "The copy that is trained")


class TrainingRun:
    """The training of one adapter; `result` can be asked for at any time.

    Attributes:
        examples: what it is trained on.
        options: how.
        losses, held_out: losses so far.
    """

    def __init__(self, model: LocalModel, examples: ExampleSet | Any, **options: Any):
        require_trainable(model)
        self.options = TuningOptions(**options)
        self.examples = load_examples(examples)
        self._base = model
        self._train, self._tests, self._notes = self._encoded()
        self.losses: list[LossPoint] = []
        self.held_out: list[LossPoint] = []
        self._ended = STOPPED
        self.tuned = with_adapter(model, self.options)
        self.tuned.name = f"{model.name} + {self.examples.name}"
        parameters = self.tuned.model.parameters()
        self._weights = [each for each in parameters if each.requires_grad]
        self._steps_taken = 0
        self._good = self._copy()

    def _encoded(self) -> tuple[list[Encoded], list[Ids], tuple[str, ...]]:
        used = self.options.steps * self.options.batch_size
        train, tests = (
            [(each, example_ids(self._base, each.prompt, each.answer)) for each in examples]
            for examples in (self.examples.train[:used], self.examples.held_out[:HELD_OUT])
        )
        longest = min(LONGEST, self._base.context)
        fitting, held_out = (
            [(example, ids) for example, ids in encoded if len(ids[0]) <= longest]
            for encoded in (train, tests)
        )
        if not fitting:
            raise ValueError(
                f"examples must have at most {longest} tokens each; the shortest of {len(train)} "
                f"has {min(len(ids) for _, (ids, _) in train)}"
            )
        notes = tuple(_notes(self.examples, self.options, train, len(fitting)))
        return fitting, [ids for _, ids in held_out], notes

    def steps(self) -> Iterator[LossPoint]:
        """Does the work; comes back after every step."""
        began = time.perf_counter()
        optimizer = torch.optim.AdamW(self._weights, lr=self.options.learning_rate)
        self._read_held_out(began)
        for step, batch in enumerate(batches(self._train, self.options)):
            loss = batch_loss(self.tuned, [ids for _, ids in batch])
            value = loss.item()
            self.losses.append(LossPoint(step, value, time.perf_counter() - began))
            if not math.isfinite(value) or value > self.losses[0].loss + TOO_HIGH:
                self._restore(step)
                return
            if step and step % EVERY == 0:  # its loss was judged just now
                self._good = self._copy()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
            optimizer.step()
            self._steps_taken += 1
            if self._steps_taken % EVERY == 0 or self._steps_taken == self.options.steps:
                self._read_held_out(began)
            yield self.losses[-1]
            if time.perf_counter() - began > 60 * self.options.minutes:
                self._ended = TIME
                if self.held_out and self.held_out[-1].step < len(self.losses):
                    self._read_held_out(began)
                return
        self._ended = ALL

    def _read_held_out(self, began: float) -> None:
        if self._tests:
            loss = mean_loss(self.tuned, self._tests)
            self.held_out.append(LossPoint(len(self.losses), loss, time.perf_counter() - began))

    def _copy(self) -> tuple[int, list[torch.Tensor]]:
        """The number of steps so far, and the weights."""
        return self._steps_taken, [each.detach().clone() for each in self._weights]

    def _restore(self, step: int) -> None:
        self._steps_taken, copies = self._good
        with torch.no_grad():
            for weight, good in zip(self._weights, copies, strict=True):
                weight.copy_(good)
        self.held_out = [each for each in self.held_out if each.step <= self._steps_taken]
        self._ended = DIVERGED
        self._notes += (
            f"It diverged at step {step}: the loss was {digits(self.losses[-1].loss)}. The adapter "
            f"is the one after {number_of(self._steps_taken, 'step')}; a learning rate below "
            f"{float(self.options.learning_rate):g} is calmer.",
        )

    def result(self) -> FineTuning:
        """What there is so far."""
        taken = islice(batches(self._train, self.options), self._steps_taken)
        return FineTuning(
            self._base,
            self.tuned,
            self.examples,
            self.options,
            tuple(self.losses),
            tuple(self.held_out),
            self._ended,
            sum(each.numel() for each in self._weights),
            self._notes,
            frozenset(example for example, _ in chain.from_iterable(taken)),
        )


def _notes(
    examples: ExampleSet, options: TuningOptions, train: Sequence[Encoded], fitting: int
) -> Iterator[str]:
    """What to know about these examples, a sentence each."""
    if len(examples.train) == 1:
        yield "There is one example: it will be learned by heart, and nothing else."
    if not examples.held_out:
        yield NOTHING_HELD_OUT
    if len(examples.train) > len(train):
        yield (
            f"{len(train):,} of {len(examples.train):,} examples are read: "
            f"{number_of(options.steps, 'step')} of {options.batch_size}. More steps read more of "
            "them."
        )
    if fitting < len(train):
        left_out = number_of(len(train) - fitting, "example")
        yield f"Too long for a training step, so left out: {left_out}."
    tokens = sum(len(ids) - start - 1 for _, (ids, start) in train)
    if tokens > sum(len(each.answer) for each, _ in train):
        yield (
            "The answers take more tokens than they have characters: the model hardly knows this "
            "script, and learns it slowly."
        )
