"""The sampling chain on one row of scores, in numpy: what a slider and a served model need.

Each function is transformers' own logits processor of that stage, which is its oracle in
tests/backends/local/test_sampler.py.
"""

import random
from collections.abc import Callable, Sequence

import numpy as np

from labkit.backends.settings import Settings

Processor = Callable[[np.ndarray], np.ndarray]


def scores_by_stage(
    scores: np.ndarray, ids: Sequence[int], settings: Settings
) -> dict[str, np.ndarray]:
    """The scores after each stage of the chain.

    Args:
        scores: (vocab,) float32, the model's logits.
        ids: tokens so far.
        settings: stages and their order.
    Returns:
        Stage to (vocab,) float32, in order; ``"scores"`` comes first: the model's own.
    """
    stages = {"scores": scores}
    for stage, process in _chain(settings, np.asarray(ids, dtype=int)).items():
        scores = stages[stage] = process(scores)
    return stages


def draw_from_scores(scores: np.ndarray, times: int, seed: int) -> np.ndarray:
    """Draws one token repeatedly; the first is what a stream with this seed begins with.

    Args:
        scores: (vocab,) float32, after the last stage.
        times: number of draws.
        seed: seed of the random numbers.
    Returns:
        (times,) int64, token ids.
    """
    generator = random.Random(seed)
    sums = _softmax(scores).cumsum(dtype=np.float64)
    marks = np.array([generator.random() for _ in range(times)]) * sums[-1]
    return np.searchsorted(sums, marks, side="right")


def _chain(settings: Settings, ids: np.ndarray) -> dict[str, Processor]:
    """The processors of these settings, by stage; at temperature 0 nothing is filtered."""
    s, drawn = settings, settings.temperature > 0
    seen, counts = np.unique(ids, return_counts=True)
    heat = _divided(s.temperature) if drawn else _greedy
    processors: dict[str, Processor | bool] = {
        "repetition_penalty": s.repetition_penalty != 1 and _repeated(s.repetition_penalty, seen),
        "presence_penalty": s.presence_penalty != 0 and _lowered(s.presence_penalty, seen),
        "frequency_penalty": s.frequency_penalty != 0
        and _lowered(s.frequency_penalty * counts.astype(np.float32), seen),
        "temperature": s.temperature != 1 and heat,
        "top_k": drawn and s.top_k is not None and _top_k(s.top_k),
        "top_p": drawn and s.top_p < 1 and _top_p(s.top_p),
        "min_p": drawn and s.min_p > 0 and _min_p(s.min_p),
        "typical_p": drawn and s.typical_p < 1 and _typical_p(s.typical_p),
    }
    chosen = {stage: processors[stage] for stage in s.order}
    return {stage: each for stage, each in chosen.items() if callable(each)}


def _repeated(penalty: float, seen: np.ndarray) -> Processor:
    def process(scores: np.ndarray) -> np.ndarray:
        own = scores[seen]
        return _replaced(scores, seen, np.where(own < 0, own * penalty, own / penalty))

    return process


def _lowered(penalty: float | np.ndarray, seen: np.ndarray) -> Processor:
    return lambda scores: _replaced(scores, seen, scores[seen] - penalty)


def _divided(temperature: float) -> Processor:
    return lambda scores: scores / np.float32(temperature)


def _greedy(scores: np.ndarray) -> np.ndarray:
    return _kept(scores, np.arange(len(scores)) == scores.argmax())


def _top_k(count: int) -> Processor:
    def process(scores: np.ndarray) -> np.ndarray:
        count_here = min(count, len(scores))
        return _kept(scores, scores >= np.partition(scores, -count_here)[-count_here])

    return process


def _top_p(share: float) -> Processor:
    def process(scores: np.ndarray) -> np.ndarray:
        order = np.argsort(scores, kind="stable")
        sums = _softmax(scores[order]).cumsum(dtype=np.float64).astype(np.float32)
        keep = sums > np.float32(1 - share)
        keep[-1] = True
        return _kept(scores, order[keep])

    return process


def _min_p(share: float) -> Processor:
    def process(scores: np.ndarray) -> np.ndarray:
        probabilities = _softmax(scores)
        return _kept(scores, probabilities >= np.float32(share) * probabilities.max())

    return process


def _typical_p(mass: float) -> Processor:
    """Source: Meister et al. 2022, "Locally Typical Sampling"."""

    def process(scores: np.ndarray) -> np.ndarray:
        probabilities = _softmax(scores)
        with np.errstate(divide="ignore", invalid="ignore"):
            logprobs = np.log(probabilities)
            entropy = -np.nansum(logprobs * probabilities)
            order = np.argsort(np.abs(-logprobs - entropy), kind="stable")
        sums = probabilities[order].cumsum(dtype=np.float64).astype(np.float32)
        last = max(0, min(int((sums < np.float32(mass)).sum()), len(scores) - 1))
        distance = np.abs(-logprobs - entropy)
        return _kept(scores, distance <= distance[order[last]])

    return process


def _softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max())
    return weights / weights.sum(dtype=np.float32)


def _replaced(scores: np.ndarray, indices: np.ndarray, values: np.ndarray) -> np.ndarray:
    changed = scores.copy()
    changed[indices] = values
    return changed


def _kept(scores: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """The scores, -inf for all tokens but these: a mask, or their numbers."""
    kept = np.full_like(scores, -np.inf)
    kept[keep] = scores[keep]
    return kept
