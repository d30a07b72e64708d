"""What a training gives: its options, its losses, and the model with the adapter."""

from dataclasses import dataclass, field

from labkit.backends.local.model import LocalModel
from labkit.checks import check_number, check_whole
from labkit.formatting import in_lines, number_of
from labkit.lab_book.entry import BookEntry

from .examples import ExampleSet, TuningExample

ALL, STOPPED, TIME, DIVERGED = "all steps", "stopped", "out of time", "diverged"


@dataclass(frozen=True, slots=True)
class TuningOptions:
    """How a model is trained.

    Attributes:
        steps: number of steps.
        minutes: limit of the time.
        rank: rank of the two small matrices beside each layer's weights.
        learning_rate: of AdamW.
        batch_size: examples per step.
        seed: of the first matrices, and of the examples' order.
    """

    steps: int = 40
    minutes: float = 4.0
    rank: int = 8
    learning_rate: float = 1e-3
    batch_size: int = 4
    seed: int = 0

    def __post_init__(self):
        check_whole("steps", self.steps)
        check_number("minutes", self.minutes, "above 0", lambda x: x > 0)
        check_whole("rank", self.rank, 1, 256)
        check_number("learning_rate", self.learning_rate, "above 0", lambda x: x > 0)
        check_whole("batch_size", self.batch_size, 1, 256)
        check_whole("seed", self.seed, 0)


@dataclass(frozen=True, slots=True)
class LossPoint:
    """A loss at a step.

    Attributes:
        step: number of steps before it.
        loss: mean over answer tokens, in nats.
        elapsed_s: seconds since the training began.
    """

    step: int
    loss: float
    elapsed_s: float


@dataclass(frozen=True, slots=True, repr=False)
class FineTuning:
    """A model with a trained adapter (measured).

    Attributes:
        base: the model that was trained, unchanged.
        tuned: a copy with the adapter.
        examples: what it was trained on.
        options: how.
        losses: loss of each step's examples, before the step.
        held_out: loss of held-out examples; empty without them.
        ended: ``"all steps"``, ``"stopped"``, ``"out of time"`` or ``"diverged"``.
        trained_parameters: number of the adapter's weights.
        notes: what to know about these examples.
        read: the examples that the adapter was trained on.
    """

    base: LocalModel
    tuned: LocalModel = field(compare=False)
    examples: ExampleSet
    options: TuningOptions
    losses: tuple[LossPoint, ...]
    held_out: tuple[LossPoint, ...]
    ended: str
    trained_parameters: int
    notes: tuple[str, ...] = ()
    read: frozenset[TuningExample] = frozenset()

    @property
    def elapsed_s(self) -> float:
        """Seconds that the training took."""
        return max((each.elapsed_s for each in (*self.losses, *self.held_out)), default=0.0)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the held-out loss at the end."""
        if not self.held_out or not self.held_out[-1].step:  # nothing since before the training
            return ()
        label = f"held-out loss after training on {self.examples.name}"
        last = self.held_out[-1].loss
        return (BookEntry("held_out_loss", label, last, "nats/token", model=self.base.name),)

    @property
    def title(self) -> str:
        """What was trained on what, and how far."""
        steps = f"{len(self.losses)} of {number_of(self.options.steps, 'step')}"
        took = f"{steps} in {self.elapsed_s:.0f} s"
        return f"{self.base.name} on {self.examples.name}: {took} ({self.ended})"

    @property
    def summary(self) -> str:
        """How long it took, and what became of the losses."""
        if not self.losses:
            return f"{self.base.name}: stopped before the first step"
        change = f"loss {self.losses[0].loss:.2f} → {self.losses[-1].loss:.2f}"
        return (
            f"{self.title}, {change}{self._held_out_change} nats a token, "
            f"{self.trained_parameters / 1e6:.1f} million weights trained (measured)"
        )

    @property
    def _held_out_change(self) -> str:
        """The held-out loss before and after, and at which step, if others came after it."""
        if not self.held_out:
            return ""
        before, after = self.held_out[0], self.held_out[-1]
        if not after.step:
            return f", held out {before.loss:.2f} before the first step"
        at = f" at step {after.step}" if after.step < len(self.losses) else ""
        return f", held out {before.loss:.2f} → {after.loss:.2f}{at}"

    def __repr__(self) -> str:
        return in_lines(self.summary, *self.notes)
