"""From scores to a draw: what each stage of the sampling chain keeps, and what is drawn."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from labkit.backends.local.processors import draw_from_scores, scores_by_stage
from labkit.backends.settings import STAGES, Settings
from labkit.checks import check_type, check_whole
from labkit.formatting import number_of

from .prediction import Prediction, entropy_bits, softmax


@dataclass(frozen=True, slots=True, repr=False)
class ChainStage:
    """The scores after one stage of the chain.

    Attributes:
        name: ``"scores"`` (the model's own) or one of ``STAGES``.
        setting: value of the stage's setting; None for the first.
        probabilities: (vocab,) float32; 0 for a token that was cut off.
        remaining: number of tokens that remain.
        cut_share: probability before this stage of the tokens that it cut off, 0 to 1.
        entropy_bits: entropy of the remaining distribution.
    """

    name: str
    setting: float | None
    probabilities: np.ndarray
    remaining: int
    cut_share: float
    entropy_bits: float


@dataclass(frozen=True, repr=False, eq=False)
class ChainRun:
    """A prediction after each stage of the sampling chain (computed).

    All derived numbers are computed on access, so that a slider waits only for those it shows.

    Attributes:
        prediction: prediction that the chain started from.
        settings: settings of the stages, and their order.
        scores: stage to (vocab,) float32 after it; the first is the prediction's own, the last is
            drawn from.
    """

    prediction: Prediction
    settings: Settings
    scores: Mapping[str, np.ndarray]

    @property
    def final_scores(self) -> np.ndarray:
        """(vocab,) float32 after the last stage."""
        return next(reversed(self.scores.values()))

    @cached_property
    def drawn_from(self) -> np.ndarray:
        """(vocab,) float32: the probability with which each token is drawn."""
        return softmax(self.final_scores)

    @cached_property
    def remaining(self) -> int:
        """Number of tokens that remain after the last stage."""
        return int(np.isfinite(self.final_scores).sum())

    @cached_property
    def entropy_bits(self) -> float:
        """Entropy of the distribution that is drawn from."""
        return entropy_bits(self.drawn_from)

    @cached_property
    def stages(self) -> tuple[ChainStage, ...]:
        """The distribution after each stage."""
        stages: list[ChainStage] = []
        for name, row in self.scores.items():
            ids = np.flatnonzero(np.isfinite(row))  # usually few: the rest costs nothing
            shares = softmax(row[ids])
            probabilities = np.zeros_like(row)
            probabilities[ids] = shares
            cut = max(0.0, 1 - float(stages[-1].probabilities[ids].sum())) if stages else 0.0
            setting, entropy = getattr(self.settings, name, None), entropy_bits(shares)
            stages.append(ChainStage(name, setting, probabilities, len(ids), cut, entropy))
        return tuple(stages)

    @property
    def summary(self) -> str:
        """The settings, and what remains after the last stage."""
        changes = ", ".join(f"{s.name} {s.setting:g}" for s in self.stages[1:]) or "nothing changed"
        return f"{changes}: {self.headline} (computed)"

    @property
    def headline(self) -> str:
        """Remaining tokens and entropy, in a line."""
        return (
            f"{self.remaining:,} of {len(self.prediction.scores):,} tokens remain · entropy "
            f"{self.prediction.entropy_bits:.2f} → {self.entropy_bits:.2f} bits"
        )

    def __repr__(self) -> str:
        return "\n".join(
            f"{s.name:<20}{'' if s.setting is None else f'{s.setting:g}':>8}"
            f"{s.remaining:>10,} tokens{s.cut_share:>9.2%} cut off{s.entropy_bits:>8.2f} bits"
            for s in self.stages
        )


def run_chain(prediction: Prediction, **settings) -> ChainRun:
    """Runs a prediction's scores through the sampling chain, stage by stage.

    Args:
        prediction: from `predict`.
        settings: see ``labkit.backends.settings.Settings``: temperature (1 by default), top_k,
            top_p, min_p, typical_p, repetition_penalty, presence_penalty, frequency_penalty,
            order.
    Raises:
        ValueError: a setting is out of range, or not one of the chain's.
    """
    check_type("prediction", prediction, Prediction, "lab.predict")
    chosen = chain_settings(settings)
    return ChainRun(prediction, chosen, scores_by_stage(prediction.scores, prediction.ids, chosen))


def chain_settings(settings: Mapping[str, Any]) -> Settings:
    """The settings of a chain, at temperature 1 by default.

    Raises:
        TypeError: there is no such setting.
        ValueError: a setting is out of range, or is that of an answer and not of a token.
    """
    chosen, allowed = Settings(**{"temperature": 1.0, **settings}), (*STAGES, "order")
    if others := [name for name in settings if name not in allowed]:
        raise ValueError(f"settings must be of {', '.join(allowed)}; got {others[0]!r}")
    return chosen


@dataclass(frozen=True, slots=True, repr=False)
class Draws:
    """Repeated draws of a token from the same scores (measured), beside what was to be expected.

    Attributes:
        run: chain whose last stage was drawn from.
        times: number of draws.
        seed: seed of the random numbers; a reply with this seed begins with the first draw.
        counts: (token id, number of draws), most frequent first.
    """

    run: ChainRun
    times: int
    seed: int
    counts: tuple[tuple[int, int], ...]

    @property
    def summary(self) -> str:
        """The token drawn most often, beside its probability."""
        token_id, count = self.counts[0]
        share, text = self.run.drawn_from[token_id], self.run.prediction.text_of(token_id)
        if self.times == 1:
            return f"drew {text!r}, which had {share:.2%} (seed {self.seed})"
        return (
            f"{number_of(self.times, 'draw')}, "
            f"{number_of(len(self.counts), 'different token')}; {text!r} came "
            f"{number_of(count, 'time')}, {share * self.times:,.1f} expected (seed {self.seed})"
        )

    def __repr__(self) -> str:
        return self.summary


def draw(run: ChainRun | Prediction, times: int = 1, *, seed: int | None = None) -> Draws:
    """Draws the next token repeatedly.

    Args:
        run: from `run_chain`; or from `predict`, to draw by the model's own scores.
        times: number of draws, 1 to 1,000,000.
        seed: seed of the random numbers; None: a fresh one, recorded.
    Raises:
        ValueError: run is not a chain or a prediction, or times is out of range.
    """
    run = run_chain(run) if isinstance(run, Prediction) else run
    check_type("run", run, ChainRun, "lab.sampling.run_chain")
    check_whole("times", times, 1, 1_000_000)
    seed = random.getrandbits(32) if seed is None else Settings(seed=seed).seed
    drawn = draw_from_scores(run.final_scores, times, seed)
    return Draws(run, times, seed, tuple(Counter(drawn.tolist()).most_common()))
