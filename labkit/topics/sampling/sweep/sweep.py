"""Many answers to one prompt over a grid of settings, and how varied they are."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean, median

from labkit.backends.generate import collect_rows
from labkit.backends.prompts import Messages
from labkit.backends.reply import Reply
from labkit.backends.settings import Settings
from labkit.checks import check_whole
from labkit.stats import share_interval
from labkit.topics.sampling.next_token.prediction import require_scores

from .diversity import distinct_n, loops, self_similarity

MOST_SAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Spread:
    """A number over several samples.

    Attributes:
        low: the least; of a share, the lower end of its 95 % confidence interval.
        middle: the median; of a share, the share itself.
        high: the most; of a share, the upper end.
    """

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Cell:
    """The answers to one pair of settings.

    Attributes:
        temperature: of these answers.
        top_p: of these answers.
        replies: one for each sample; fewer where the sweep was stopped.
    """

    temperature: float
    top_p: float
    replies: tuple[Reply, ...]

    @property
    def measures(self) -> dict[str, Spread | None]:
        """Each of `MEASURES` over the samples; None where no sample has it."""
        columns = zip(*(_measure(reply, self.replies) for reply in self.replies), strict=True)
        return dict(zip(MEASURES, map(_spread, columns), strict=True))


# Name: what it says. Each is a number, or True or False, for every single answer.
MEASURES = {
    "self_similarity": "self-similarity to the other answers",
    "distinct_2": "distinct-2, share of token pairs that differ",
    "entropy_bits": "entropy, mean over an answer, in bits",
    "tokens": "length, in tokens",
    "stopped": "share that ended by itself",
    "looped": "share that fell into a loop",
}


def _measure(reply: Reply, siblings: Sequence[Reply]) -> tuple[float | bool | None, ...]:
    ids = [step.token_id for step in reply.steps]
    entropies = [step.entropy_bits for step in reply.steps]
    others = [other.text for other in siblings if other is not reply]
    likeness = [self_similarity([reply.text, other]) for other in others]
    return (
        fmean(likeness) if likeness else None,
        distinct_n([ids], 2),
        fmean(entropies),
        len(ids),
        reply.finish == "stop",
        loops(ids).at_end,
    )


def _spread(values: Sequence[float | bool | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    if isinstance(known[0], bool):
        low, high = share_interval(share := fmean(known), len(known))
        return Spread(low, share, high)
    return Spread(min(known), median(known), max(known))


@dataclass(frozen=True, slots=True, repr=False)
class Sweep:
    """Answers over a grid of settings (measured).

    Attributes:
        model: name of the model.
        prompt: what it was asked.
        replies: all answers with their settings: by temperature, then top_p, then sample.
        elapsed_s: seconds for all, the prompt included.
    """

    model: str
    prompt: str | Messages
    replies: tuple[Reply, ...]
    elapsed_s: float

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The answers by their settings, in the order asked for."""
        groups: dict[tuple[float, float], list[Reply]] = {}
        for reply in self.replies:
            chosen = reply.settings
            groups.setdefault((chosen.temperature, chosen.top_p), []).append(reply)
        return tuple(Cell(*pair, tuple(replies)) for pair, replies in groups.items())

    @property
    def tokens(self) -> int:
        """Tokens written in all answers."""
        return sum(len(reply.steps) for reply in self.replies)

    @property
    def summary(self) -> str:
        """How many answers, and how the first and last settings differ."""
        if not self.replies:
            return f"{self.model}: stopped before the first token"
        told = [
            f"temperature {cell.temperature:g}"
            + (f", top_p {cell.top_p:g}" if cell.top_p < 1 else "")
            + f": self-similarity {_told(cell.measures['self_similarity'])}"
            for cell in (self.cells[0], self.cells[-1])
        ]
        return (
            f"{self.model}: {len(self.replies)} answers, {self.tokens:,} tokens in "
            f"{self.elapsed_s:.1f} s; {'; '.join(dict.fromkeys(told))} (measured)"
        )

    def __repr__(self) -> str:
        return self.summary


def _told(spread: Spread | None) -> str:
    return "unknown" if spread is None else f"{spread.middle:.2f}"


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
    """Many answers to one prompt at once, over every pair of temperature and top_p.

    The prompt is read once and all answers run in one batch, or in several where memory is short.
    Sample number n has the seed ``seed + n`` at every pair of settings, so that samples of the
    same number differ in nothing but the settings. An answer is what ``labkit.generate`` gives
    with its settings and seed, up to the arithmetic: sums in batches of another size come in
    another order, and where two tokens are as good as equal, the texts can part.

    Interrupting it stops the model and keeps what was written.

    Args:
        model: from ``labkit.load``.
        prompt: as for ``labkit.stream``.
        temperatures: each 0 or more.
        top_ps: each above 0 and at most 1.
        samples: answers for each pair.
        max_tokens: for each answer.
        seed: of the first sample; None: a fresh one.
        raw: as for ``labkit.stream``.
        batch_size: how many run together; None: as many as there is memory for.
        settings: more of ``labkit.backends.reply.Settings``, the same for all.
    Raises:
        ValueError: for a prompt or a setting out of bounds, at once.
        LabError: for a model that cannot run rows in a batch.
    """
    from tqdm.auto import tqdm

    require_scores(model, "sweep")
    check_whole("samples", samples, 1, MOST_SAMPLES)
    first = Settings(seed=seed).seeded().seed
    rows = [
        Settings(temperature=t, top_p=p, seed=first + n, max_tokens=max_tokens, **settings)
        for t, p, n in product(
            _several("temperatures", temperatures), _several("top_ps", top_ps), range(samples)
        )
    ]
    began = time.perf_counter()
    running = model.stream_rows(prompt, rows, raw=raw, batch_size=batch_size)
    total = sum(row.max_tokens for row in rows)
    with tqdm(total=total, unit="token", desc="sweep", leave=False) as bar:
        replies = collect_rows(model.name, prompt, running, bar.update)
        bar.total = bar.n  # answers that ended early leave no unfinished bar behind
    return Sweep(model.name, prompt, replies, time.perf_counter() - began)


def _several(name: str, values: Iterable[float]) -> tuple[float, ...]:
    found = () if isinstance(values, str) or not isinstance(values, Iterable) else tuple(values)
    if not found:
        raise ValueError(f"{name} must be one number or more, as in (0, 1); got {values!r}")
    return found
