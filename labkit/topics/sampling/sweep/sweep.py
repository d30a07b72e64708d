"""Answers to one prompt over a grid of settings, and how varied they are."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from numbers import Real
from statistics import fmean, median

from labkit.backends.generate import collect_rows
from labkit.backends.prompts import Messages
from labkit.backends.reply import Reply
from labkit.backends.settings import Settings
from labkit.checks import check_whole, checked_several
from labkit.formatting import number_of
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry
from labkit.stats import share_interval
from labkit.topics.sampling.next_token.prediction import require_scores

from .diversity import distinct_n, loops, self_similarity


@dataclass(frozen=True, slots=True)
class SampleRange:
    """The middle and the range of a measure over several samples.

    Attributes:
        low: smallest value; of a share, the lower end of its 95 % confidence interval, which is
            the share itself at temperature 0, where the seed plays no part.
        middle: median; of a share, the share itself.
        high: largest value; of a share, the upper end.
    """

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class SweepCell:
    """The answers to one pair of settings.

    Attributes:
        temperature: temperature of these answers.
        top_p: top_p of these answers.
        replies: answer of each sample; fewer where the sweep was stopped.
    """

    temperature: float
    top_p: float
    replies: tuple[Reply, ...]

    @property
    def title(self) -> str:
        """The settings in words; top_p only where it cuts off something."""
        top_p = f", top_p {self.top_p:g}" if self.top_p < 1 else ""
        return f"temperature {self.temperature:g}{top_p}"

    @property
    def measures(self) -> dict[str, SampleRange | None]:
        """Each of `MEASURES` over the samples; None where it is undefined for all."""
        columns = zip(*(_measure(reply, self.replies) for reply in self.replies), strict=True)
        ranges = (_sample_range(values, drawn=self.temperature > 0) for values in columns)
        return dict(zip(MEASURES, ranges, strict=True))


# Name to title. Each is a number, or True or False, for every single answer.
MEASURES = {
    "self_similarity": "self-similarity to the other answers",
    "distinct_2": "distinct-2, share of token pairs that differ",
    "entropy_bits": "entropy, mean over an answer, in bits",
    "tokens": "length, in tokens",
    "stopped": "share that ended before max_tokens",
    "looped": "share that fell into a loop",
}


def _measure(reply: Reply, siblings: Sequence[Reply]) -> tuple[float | bool | None, ...]:
    ids = [step.token_id for step in reply.steps if step.token_id is not None]
    entropies = [step.entropy_bits for step in reply.steps if step.entropy_bits is not None]
    others = [other.text for other in siblings if other is not reply]
    similarities = [self_similarity([reply.text, other]) for other in others]
    return (
        fmean(similarities) if similarities else None,
        distinct_n([ids], 2),
        fmean(entropies) if entropies else None,
        len(reply.steps),
        reply.finish == "stop",
        loops(ids).at_end,
    )


def _sample_range(values: Sequence[float | bool | None], *, drawn: bool) -> SampleRange | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    if isinstance(known[0], bool):
        share = fmean(known)
        low, high = share_interval(share, len(known)) if drawn else (share, share)
        return SampleRange(low, share, high)
    return SampleRange(min(known), median(known), max(known))


@dataclass(frozen=True, slots=True, repr=False)
class Sweep:
    """Answers over a grid of settings (measured).

    Attributes:
        model: name of the model.
        prompt: prompt of all answers.
        replies: answers with their settings: by temperature, then top_p, then sample.
        elapsed_s: seconds for all, including reading the prompt.
    """

    model: str
    prompt: str | Messages
    replies: tuple[Reply, ...]
    elapsed_s: float

    @property
    def cells(self) -> tuple[SweepCell, ...]:
        """The answers by their settings, in the order of the sweep."""
        groups: dict[tuple[float, float], list[Reply]] = {}
        for reply in self.replies:
            chosen = reply.settings
            groups.setdefault((chosen.temperature, chosen.top_p), []).append(reply)
        return tuple(SweepCell(*pair, tuple(replies)) for pair, replies in groups.items())

    @property
    def tokens(self) -> int:
        """Number of tokens in all answers."""
        return sum(len(reply.steps) for reply in self.replies)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """How alike the answers are at the lowest and at the highest temperature."""
        ends = self.cells[:1] + self.cells[1:][-1:]
        known = [(cell, cell.measures["self_similarity"]) for cell in ends]
        return tuple(
            BookEntry(
                f"self_similarity_{index}",
                f"alike at {cell.title}",
                *(each.middle, "", each.low, each.high),
                model=self.model,
            )
            for index, (cell, each) in enumerate(known)
            if each
        )

    @property
    def how(self) -> str:
        """How it came about, for a title."""
        stopped = any(reply.finish == "interrupted" for reply in self.replies)
        return "stopped, measured" if stopped or not self.replies else "measured"

    @property
    def summary(self) -> str:
        """Number of answers, and the self-similarity at the first and the last settings."""
        if not self.replies:
            return f"{self.model}: stopped before the first token"
        ends = [
            f"{cell.title}: self-similarity {_middle(cell.measures['self_similarity'])}"
            for cell in (self.cells[0], self.cells[-1])
        ]
        return (
            f"{self.model}: {number_of(len(self.replies), 'answer')}, "
            f"{number_of(self.tokens, 'token')} in "
            f"{self.elapsed_s:.1f} s; {'; '.join(dict.fromkeys(ends))} ({self.how})"
        )

    def __repr__(self) -> str:
        return self.summary


def _middle(samples: SampleRange | None) -> str:
    return "unknown" if samples is None else f"{samples.middle:.2f}"


def sweep(
    model,
    prompt: str | Messages,
    *,
    temperatures: Sequence[float] = (0.0, 0.5, 1.0, 1.5),
    top_ps: Sequence[float] = (1.0,),
    samples: int = 8,
    max_tokens: int = 40,
    seed: int | None = 0,
    raw: bool = False,
    batch_size: int | None = None,
    **settings,
) -> Sweep:
    """Answers to one prompt at every pair of temperature and top_p, written in one batch.

    The prompt is read once; where memory is short, the answers run in several batches. Sample
    number n has the seed ``seed + n`` at every pair of settings, so that samples of the same
    number differ only in the settings. An answer is what ``labkit.generate`` gives with its
    settings and seed, up to rounding: batches of other sizes sum in another order, and where two
    tokens are nearly equal, the texts can differ.

    Interrupting it stops the model and keeps the answers so far.

    Args:
        model: from ``labkit.load``.
        prompt: as for ``labkit.stream``.
        temperatures: temperatures, each 0 or more; one that is named twice is run once.
        top_ps: values of top_p, each above 0 and at most 1.
        samples: number of answers for each pair.
        max_tokens: limit of each answer.
        seed: seed of the first sample; None: a fresh one.
        raw: as for ``labkit.stream``.
        batch_size: answers per batch; None: as many as memory allows.
        settings: more of ``labkit.backends.settings.Settings``, the same for all.
    Raises:
        ValueError: the prompt or a setting is out of range; raised at once.
        LabError: the model does not give its scores.
    """
    require_scores(model, "sweep")
    check_whole("samples", samples, 1, 1000)
    check_whole("batch_size", batch_size, or_none=True)
    for name in ("temperature", "top_p"):
        if name in settings:
            value = settings[name]
            raise ValueError(f"{name} must be given as {name}s=({value!r},); got {name}={value!r}")
    bound = "one or more numbers, as in (0, 1)"
    grid = (
        dict.fromkeys(checked_several("temperatures", temperatures, Real, bound)),
        dict.fromkeys(checked_several("top_ps", top_ps, Real, bound)),
        range(samples),
    )
    first = Settings(seed=seed).seeded().seed
    rows = [
        Settings(temperature=t, top_p=p, seed=first + n, max_tokens=max_tokens, **settings)
        for t, p, n in product(*grid)
    ]
    began = time.perf_counter()
    running = model.stream_rows(prompt, rows, raw=raw, batch_size=batch_size)
    total = sum(row.max_tokens for row in rows)
    with progress(total=total, unit="token", desc="sweep") as bar:
        replies = collect_rows(model.name, prompt, running, bar.update)
        bar.total = bar.n  # the bar ends full although some answers ended early
    return Sweep(model.name, prompt, replies, time.perf_counter() - began)
