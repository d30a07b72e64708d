"""From the model's scores to a choice: transformers' own logits processors, in a chosen order."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers.generation import logits_process as lp

from labkit.backends.settings import Settings


class PresencePenalty(lp.LogitsProcessor):
    """Takes a fixed amount off the score of each token that occurred, however often.

    transformers has none. Here, as for its repetition penalty, the prompt's tokens count too;
    servers differ in that. Source: the OpenAI API's reference, ``presence_penalty``.
    """

    def __init__(self, penalty: float):
        self.penalty = penalty

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """As every processor: ids (rows, length) and scores (rows, vocab) to scores."""
        return scores.scatter(1, input_ids, scores.gather(1, input_ids) - self.penalty)


class Greedy(lp.LogitsProcessor):
    """Temperature 0: leaves the best score alone."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """As every processor: ids (rows, length) and scores (rows, vocab) to scores."""
        best = scores.argmax(-1, keepdim=True)
        return torch.full_like(scores, -torch.inf).scatter(1, best, scores.gather(1, best))


def build_chain(settings: Settings) -> dict[str, Callable]:
    """The processors that these settings ask for, by stage, in the settings' order.

    Scores of shape (rows, vocab) go in with the ids so far, (rows, length); a token that is
    filtered out comes out as -inf. At temperature 0 nothing is filtered, as in transformers.
    """
    s = settings
    drawn = s.temperature > 0
    made = {
        "repetition_penalty": s.repetition_penalty != 1
        and lp.RepetitionPenaltyLogitsProcessor(float(s.repetition_penalty)),
        "presence_penalty": s.presence_penalty != 0 and PresencePenalty(s.presence_penalty),
        "temperature": s.temperature != 1
        and (lp.TemperatureLogitsWarper(float(s.temperature)) if drawn else Greedy()),
        "top_k": drawn and s.top_k is not None and lp.TopKLogitsWarper(s.top_k),
        "top_p": drawn and s.top_p < 1 and lp.TopPLogitsWarper(float(s.top_p)),
        "min_p": drawn and s.min_p > 0 and lp.MinPLogitsWarper(float(s.min_p)),
        "typical_p": drawn and s.typical_p < 1 and lp.TypicalLogitsWarper(float(s.typical_p)),
    }
    return {stage: made[stage] for stage in s.order if made[stage]}


def scores_by_stage(scores: np.ndarray, ids: Sequence[int], settings: Settings):
    """The scores as each stage of the chain leaves them.

    Args:
        scores: (vocab,) float32, the model's logits.
        ids: the tokens so far.
        settings: which stages, and in which order.
    Returns:
        Dict of stage to (vocab,) float32, in order; ``"scores"`` is first: what the model gave.
    """
    row, ids = torch.from_numpy(scores.copy())[None], torch.tensor([ids])
    stages = {"scores": scores}
    with _one_thread():
        for stage, processor in build_chain(settings).items():
            row = processor(ids, row)
            stages[stage] = row[0].numpy()
    return stages


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keeps this thread's torch operations to itself.

    They take tens of microseconds here; on a machine that also draws the page, waiting for a
    second core takes longer than the work.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def draw(probabilities: torch.Tensor, uniform: Sequence[Sequence[float]]) -> torch.Tensor:
    """Draws tokens: those under which the uniform numbers fall when all tokens are lined up.

    One number decides, so a row's token depends on its own seed and on nothing else that is
    drawn, on whichever device.

    Args:
        probabilities: (rows, vocab), each row with any positive sum.
        uniform: (rows, times) numbers in [0, 1).
    Returns:
        (rows, times) int64; never a token of probability 0.
    """
    device = probabilities.device
    if device.type == "mps":  # it has no float64, in which alone 50,000 sums stay exact enough
        probabilities = probabilities.cpu()
    sums = probabilities.cumsum(-1, dtype=torch.float64)
    marks = torch.tensor(uniform, dtype=torch.float64, device=sums.device) * sums[:, -1:]
    return torch.searchsorted(sums, marks, right=True).to(device)


def draw_from_scores(scores: np.ndarray, times: int, seed: int) -> np.ndarray:
    """So many draws of one token; the first is what a stream with that seed begins with.

    Args:
        scores: (vocab,) float32, as the last stage left them.
        times: how often.
        seed: of the random numbers.
    Returns:
        (times,) int64, token ids.
    """
    generator = random.Random(seed)
    uniform = [[generator.random() for _ in range(times)]]
    return draw(torch.from_numpy(scores.copy())[None].softmax(-1), uniform)[0].numpy()


@dataclass(frozen=True, slots=True)
class SampledToken:
    """The token that was taken, and how it stood among the others.

    Attributes:
        token_id: the token.
        logprob: its log-probability by the model's own scores.
        drawn_logprob: its log-probability in the distribution it was drawn from.
        entropy_bits: entropy of the model's own distribution.
        leading: the likeliest tokens by the model's own scores, with their log-probabilities.
    """

    token_id: int
    logprob: float
    drawn_logprob: float
    entropy_bits: float
    leading: tuple[tuple[int, float], ...]


class Sampler:
    """Takes one token after another for every row, by the row's settings and its seed.

    Args:
        rows: settings of each row, with seeds.
        leading: how many of the likeliest tokens to report.
    """

    def __init__(self, rows: Sequence[Settings], leading: int):
        self._rows = [(settings, random.Random(settings.seed)) for settings in rows]
        self._leading = leading
        self._group()

    def _group(self) -> None:
        """Rows that differ in nothing but the seed go through one chain together."""
        groups: dict[Any, list[int]] = {}
        for row, (settings, _) in enumerate(self._rows):
            groups.setdefault(replace(settings, seed=None), []).append(row)
        self._chains = [
            (torch.tensor(rows), list(build_chain(settings).values()))
            for settings, rows in groups.items()
        ]

    def keep(self, rows: Sequence[int]) -> None:
        """Goes on with these rows alone, numbered anew from 0."""
        self._rows = [self._rows[row] for row in rows]
        self._group()

    def choose(
        self, ids: torch.Tensor, scores: torch.Tensor
    ) -> tuple[torch.Tensor, list[SampledToken]]:
        """Chooses each row's next token.

        Args:
            ids: (rows, length) int, the tokens so far.
            scores: (rows, vocab) float32, the model's logits.
        Returns:
            The tokens as (rows, 1) on their device, and a `Choice` for each row.
        """
        logprobs = scores.log_softmax(-1)
        chained = self._through_chains(ids, scores)
        tokens = draw(chained.softmax(-1), [[generator.random()] for _, generator in self._rows])
        drawn = chained.gather(-1, tokens) - chained.logsumexp(-1, keepdim=True)
        top = logprobs.topk(min(self._leading, logprobs.shape[-1]))
        entropy = torch.special.entr(logprobs.exp()).sum(-1, keepdim=True) / math.log(2)
        own = logprobs.gather(-1, tokens)
        # Two transfers from the device, however many rows and numbers.
        whole = torch.cat((tokens, top.indices), dim=-1).tolist()
        real = torch.cat((own, drawn, entropy, top.values), dim=-1).tolist()
        return tokens, [
            SampledToken(token_id, *numbers[:3], tuple(zip(leading, numbers[3:], strict=True)))
            for (token_id, *leading), numbers in zip(whole, real, strict=True)
        ]

    def _through_chains(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if len(self._chains) == 1:
            return _through(self._chains[0][1], ids, scores)
        chained = scores
        for rows, chain in self._chains:
            if chain:
                chained = scores.clone() if chained is scores else chained
                rows = rows.to(scores.device)
                chained[rows] = _through(chain, ids[rows], scores[rows])
        return chained


def _through(chain: list[Callable], ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    for processor in chain:
        scores = processor(ids, scores)
    return scores
