"""An answer under a constraint beside a free one: what the mask removed, and what it cost."""

from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean, median

from labkit.backends.constraints.constraint import SCHEMA, Constraint
from labkit.backends.generate import generate
from labkit.backends.llamacpp.constrained import ConstrainedLlamaCpp
from labkit.backends.llamacpp.model import LlamaCppModel
from labkit.backends.local.decoding.constrained import ConstrainedMode, MaskedStep
from labkit.backends.local.model import LocalModel
from labkit.backends.prompts import Messages
from labkit.backends.reply import Reply
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry


@dataclass(frozen=True, slots=True, repr=False)
class ConstrainedAnswer:
    """One prompt answered freely and under a constraint (measured).

    Attributes:
        constraint: what the answer may look like.
        free: the answer without it.
        reply: the answer with it.
        masks: what the mask did before each token; empty from llama.cpp, which does not report it.
    """

    constraint: Constraint
    free: Reply
    reply: Reply
    masks: tuple[MaskedStep, ...]

    @property
    def is_complete(self) -> bool:
        """Whether the constrained answer came to its end; if not, it is only a beginning."""
        return self.reply.finish == "stop" and keeps_to(self.constraint, self.reply) is not False

    @property
    def lost_nats(self) -> tuple[float, ...]:
        """Log-probability that the mask has cost up to each token."""
        return tuple(accumulate(each.lost_nats for each in self.masks))

    @property
    def removed(self) -> float | None:
        """Mean share of probability that the mask removed, per token; None: not reported."""
        return fmean(each.removed for each in self.masks) if self.masks else None

    @property
    def is_blank_loop(self) -> bool:
        """Whether it ran to its limit while it wrote white space, which JSON allows."""
        end = "".join(step.text for step in self.reply.steps[-8:])
        is_cut = self.reply.finish == "length" and self.constraint.kind == SCHEMA
        return is_cut and len(self.reply.steps) >= 8 and not end.strip()

    @property
    def mask_ms(self) -> float | None:
        """Median milliseconds to compute a mask; None: not reported."""
        return 1000 * median(each.mask_s for each in self.masks) if self.masks else None

    @property
    def token_ms(self) -> tuple[float | None, float | None]:
        """Milliseconds a token after the first, free and constrained; None: too few tokens."""
        return _token_ms(self.free), _token_ms(self.reply)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the share of probability that the mask removed."""
        if self.removed is None:
            return ()
        label = f"probability that the mask removed, {self.constraint.kind}, per token"
        return (
            BookEntry("removed_percent", label, 100 * self.removed, "%", model=self.reply.model),
        )

    @property
    def summary(self) -> str:
        """Whether the answers keep to the constraint, and what that cost."""
        judged = keeps_to(self.constraint, self.free)
        free = {True: "keeps to it", False: "does not keep to it", None: "is not judged"}[judged]
        cuts = {"interrupted": "stopped", "stop": "cut off at a stop string"}
        ended = cuts.get(self.reply.finish, "cut off at its limit")
        state = "complete" if self.is_complete else f"{ended}, so not valid"
        cost = ""
        if self.masks:
            cost = (
                f"; the mask removed {self.removed:.0%} of the probability per token, "
                f"{self.lost_nats[-1]:.1f} nats in all"
            )
        return (
            f"{self.reply.model}, {self.constraint.kind}: the free answer {free}, the constrained "
            f"one is {state}{cost}; {self._times} (measured)"
        )

    @property
    def _times(self) -> str:
        free, kept = (f"{each:.0f} ms" if each else "too few to say" for each in self.token_ms)
        mask = f", of which the mask {self.mask_ms:.2f} ms" if self.mask_ms is not None else ""
        return f"a token free: {free}, constrained: {kept}{mask}"

    def __repr__(self) -> str:
        return in_lines(self.summary, f"free: {self.free.text}", f"kept: {self.reply.text}")


def constrain(
    model: LocalModel | LlamaCppModel,
    prompt: str | Messages,
    constraint: Constraint,
    *,
    raw: bool = False,
    temperature: float = 0.0,
    max_tokens: int = 64,
    **settings,
) -> ConstrainedAnswer:
    """Answers a prompt freely, then under a constraint.

    Before each token, the mask takes away those that would break the constraint; the model
    chooses among the rest. An interrupt of the second answer keeps what was written; one of the
    first ends both.

    Args:
        model: from ``labkit.load`` or ``labkit.load_llamacpp``.
        prompt: as for `labkit.stream`.
        constraint: from `json_schema`, `regex`, `choices` or `grammar`.
        raw: as for `labkit.stream`.
        temperature: as in `Settings`; 0: the likeliest token that is left.
        max_tokens: limit of each answer; what ends there is not complete.
        settings: more of `Settings`.
    Raises:
        LabError: the model does not run here, or the constraint cannot be followed.
    """
    backend = constrained(model, constraint)
    options = {"temperature": temperature, "max_tokens": max_tokens, **settings}
    free = uninterrupted(generate(model, prompt, raw=raw, **options))
    reply = generate(backend, prompt, raw=raw, **options)
    masks = tuple(backend.masks) if isinstance(backend, ConstrainedMode) else ()
    return ConstrainedAnswer(constraint, free, reply, masks[: len(reply.steps)])


def constrained(
    model: LocalModel | LlamaCppModel, constraint: Constraint
) -> ConstrainedMode | ConstrainedLlamaCpp:
    """The model as a backend whose every answer keeps to a constraint.

    `labkit.generate`, `labkit.stream` and `labkit.measure` take it.

    Raises:
        ValueError: not a constraint.
        LabError: the model does not run here.
    """
    if not isinstance(constraint, Constraint):
        raise ValueError(
            "constraint must be made by json_schema, regex, choices or grammar; "
            f"got {constraint!r:.60}"
        )
    if isinstance(model, LocalModel):
        return ConstrainedMode(model, constraint)
    if isinstance(model, LlamaCppModel):
        return ConstrainedLlamaCpp(model, constraint)
    raise LabError(
        f"A mask is laid over a model's scores; {getattr(model, 'name', model)!r} does not give "
        "them here.",
        'A model that runs here does: lab.load("smollm2-135m").',
    )


def keeps_to(constraint: Constraint, reply: Reply) -> bool | None:
    """Whether an answer is what a constraint allows, white space around it left aside or not."""
    judged = [constraint.accepts(text) for text in (reply.text, reply.text.strip())]
    return True if True in judged else judged[-1]


def uninterrupted(reply: Reply) -> Reply:
    """An answer that counts; raises a KeyboardInterrupt if one cut it off."""
    if reply.finish == "interrupted":
        raise KeyboardInterrupt
    return reply


def _token_ms(reply: Reply) -> float | None:
    if len(reply.steps) < 3:
        return None
    span = reply.steps[-1].elapsed_s - reply.steps[0].elapsed_s
    return 1000 * span / (len(reply.steps) - 1)
