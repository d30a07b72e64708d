"""From one forward pass to a choice: every score, every stage, every draw."""

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labkit.backends.local.sampler import draw_from_scores, scores_by_stage
from labkit.backends.prompts import Messages
from labkit.backends.settings import Settings
from labkit.checks import check_whole
from labkit.errors import LabError


def entropy_bits(probabilities) -> float:
    """How undecided the model is, in bits.

    Args:
        probabilities: (vocab,) float, sums to 1.
    Returns:
        Entropy in bits: 0 when one token is certain, log2(vocab) when all are alike.
    Raises:
        ValueError: if the probabilities do not sum to 1.
    Source: Shannon 1948, section 6.

    >>> entropy_bits([0.5, 0.5])
    1.0
    """
    probabilities = np.asarray(probabilities)
    total = float(probabilities.sum(dtype=np.float64))
    if not math.isclose(total, 1, abs_tol=1e-3):
        raise ValueError(f"probabilities must sum to 1; got a sum of {total:.4g}")
    above = probabilities[probabilities > 0]
    return float(-(above * np.log2(above)).sum(dtype=np.float64)) + 0.0


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities of scores: (vocab,) float32 to the same; -inf to 0."""
    raised = np.exp(scores - scores.max())
    return raised / raised.sum()


@dataclass(frozen=True, repr=False, eq=False)
class Prediction:
    """What a model thinks comes next: a score for every token of its vocabulary.

    Attributes:
        model: name of the model.
        prompt: what it read.
        ids: the prompt's tokens.
        scores: (vocab,) float32, read-only; the logits of one forward pass (measured).
        elapsed_s: seconds that the pass took.
        text_of: token id to the text that it stands for.
    """

    model: str
    prompt: str | Messages
    ids: tuple[int, ...]
    scores: np.ndarray
    elapsed_s: float
    text_of: Callable[[int], str]

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(vocab,) float32, by the model's own scores."""
        return softmax(self.scores)

    @cached_property
    def entropy_bits(self) -> float:
        """How undecided the model is, in bits."""
        return entropy_bits(self.probabilities)

    @property
    def summary(self) -> str:
        """The leading token and the entropy, in a line."""
        return "; ".join(self._told)

    @property
    def _told(self) -> tuple[str, str]:
        best = int(self.scores.argmax())
        return (
            f"{self.model}: {len(self.scores):,} scores in one pass of {self.elapsed_s:.2f} s",
            f"ahead is {self.text_of(best)!r} with {self.probabilities[best]:.1%}, "
            f"entropy {self.entropy_bits:.2f} bits (measured)",
        )

    def __repr__(self) -> str:
        return "\n".join(self._told)


def predict(model, prompt: str | Messages, *, raw: bool = False) -> Prediction:
    """One forward pass, with the score of every token of the vocabulary kept.

    Args:
        model: from ``labkit.load``.
        prompt: a text or chat messages, as for ``labkit.stream``.
        raw: go on with the text as it stands, with a chat model too.
    Raises:
        ValueError: an empty prompt, or one beyond the context.
        LabError: for a model that does not show its scores.
    """
    require_scores(model, "predict")
    began = time.perf_counter()
    ids, scores = model.scores(prompt, raw=raw)
    elapsed_s = time.perf_counter() - began
    scores.setflags(write=False)
    return Prediction(model.name, prompt, tuple(ids), scores, elapsed_s, model.text_of)


def require_scores(model, verb: str) -> None:
    """Raises a LabError unless the model is one on this machine, with all its scores."""
    if not hasattr(model, "scores"):
        raise LabError(
            f"{verb} needs every score of the vocabulary; {getattr(model, 'name', model)!r} does "
            "not give them.",
            'A model that runs in this process does: labkit.load("smollm2-135m").',
        )


@dataclass(frozen=True, slots=True, repr=False)
class Stage:
    """The scores after one stage of the chain.

    Attributes:
        name: ``"scores"`` (what the model gave) or one of ``STAGES``.
        setting: the stage's value; None for the first.
        probabilities: (vocab,) float32; 0 for a token that was cut off.
        kept: how many tokens are left.
        cut: probability that the tokens cut off here had before this stage, 0 to 1.
        entropy_bits: of what is left.
    """

    name: str
    setting: float | None
    probabilities: np.ndarray
    kept: int
    cut: float
    entropy_bits: float


@dataclass(frozen=True, repr=False, eq=False)
class ChainRun:
    """A prediction on its way through the chain, stage by stage (computed).

    What is told of it is worked out when it is asked for, so that a slider waits for nothing else.

    Attributes:
        prediction: what went in.
        settings: the stages and their order.
        scores: stage to (vocab,) float32, as it left them; the first is the prediction's, the
            last is drawn from.
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
    def kept(self) -> int:
        """How many tokens are left at the end."""
        return int(np.isfinite(self.final_scores).sum())

    @cached_property
    def entropy_bits(self) -> float:
        """Of what is drawn from."""
        return entropy_bits(self.drawn_from)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """What each stage left."""
        return _stages(self.scores, self.settings)

    @property
    def summary(self) -> str:
        """What is left at the end, in a line."""
        named = ", ".join(f"{s.name} {s.setting:g}" for s in self.stages[1:]) or "nothing changed"
        return f"{named}: {self.left} (computed)"

    @property
    def left(self) -> str:
        """How many tokens are left, and how undecided it is, in a line."""
        return (
            f"{self.kept:,} of {len(self.prediction.scores):,} tokens left · entropy "
            f"{self.prediction.entropy_bits:.2f} → {self.entropy_bits:.2f} bits"
        )

    def __repr__(self) -> str:
        rows = [
            f"{s.name:<20}{'' if s.setting is None else f'{s.setting:g}':>8}{s.kept:>10,} tokens"
            f"{s.cut:>9.2%} cut off{s.entropy_bits:>8.2f} bits"
            for s in self.stages
        ]
        return "\n".join(rows)


def run_chain(prediction: Prediction, **settings) -> ChainRun:
    """Sends a prediction's scores through the chain, and keeps what each stage leaves.

    Args:
        prediction: from `predict`.
        settings: see ``labkit.backends.reply.Settings``: temperature (1 unless given), top_k,
            top_p, min_p, typical_p, repetition_penalty, presence_penalty, order.
    Raises:
        ValueError: for a setting out of bounds.
    """
    chosen = Settings(**{"temperature": 1.0, **settings})
    return ChainRun(prediction, chosen, scores_by_stage(prediction.scores, prediction.ids, chosen))


def _stages(scores: Mapping[str, np.ndarray], settings: Settings) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for name, left in scores.items():
        alive = np.flatnonzero(np.isfinite(left))  # few, mostly: the rest costs nothing
        shares = softmax(left[alive])
        probabilities = np.zeros_like(left)
        probabilities[alive] = shares
        cut = 1 - float(stages[-1].probabilities[alive].sum()) if stages else 0.0
        setting = getattr(settings, name, None)
        stages.append(
            Stage(name, setting, probabilities, len(alive), max(0.0, cut), entropy_bits(shares))
        )
    return tuple(stages)


@dataclass(frozen=True, slots=True, repr=False)
class Draws:
    """Tokens drawn from the same scores, again and again (measured), against the expected.

    Attributes:
        run: the chain whose last stage was drawn from.
        times: how many draws.
        seed: of the random numbers; the first draw is what a reply with this seed begins with.
        counts: token id and how often it was drawn, most often first.
    """

    run: ChainRun
    times: int
    seed: int
    counts: tuple[tuple[int, int], ...]

    @property
    def summary(self) -> str:
        """The token drawn most often, against its probability."""
        token_id, count = self.counts[0]
        share = self.run.drawn_from[token_id]
        if self.times == 1:
            text = self.run.prediction.text_of(token_id)
            return f"drew {text!r}, which had {share:.2%} (seed {self.seed})"
        return (
            f"{self.times:,} draws, {len(self.counts)} different tokens; "
            f"{self.run.prediction.text_of(token_id)!r} came {count:,} times, "
            f"{share * self.times:,.1f} expected (seed {self.seed})"
        )

    def __repr__(self) -> str:
        return self.summary


def draw(run: ChainRun | Prediction, times: int = 1, *, seed: int | None = None) -> Draws:
    """Draws the next token so many times.

    Args:
        run: from `run_chain`; or from `predict`, to draw as the model itself scores.
        times: 1 to 1,000,000.
        seed: of the random numbers; None: a fresh one, recorded.
    Raises:
        ValueError: for what cannot be drawn from, or times out of bounds.
    """
    run = run_chain(run) if isinstance(run, Prediction) else run
    if not isinstance(run, ChainRun):
        raise ValueError(f"run must come from labkit.sampling.run_chain; got {type(run).__name__}")
    check_whole("times", times, 1, 1_000_000)
    seed = random.getrandbits(32) if seed is None else Settings(seed=seed).seed
    drawn = draw_from_scores(run.final_scores, times, seed)
    return Draws(run, times, seed, tuple(Counter(drawn.tolist()).most_common()))
