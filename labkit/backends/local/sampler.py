"""From scores to a token: transformers' own logits processors, in a chosen order, then a draw."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers.generation import logits_process as lp

from labkit.backends.settings import Settings


class PresencePenaltyProcessor(lp.LogitsProcessor):
    """Takes a fixed amount off the score of each token that occurred, however often.

    transformers has no such processor. As for its repetition penalty, the prompt's tokens count
    too; servers differ in that. Source: the OpenAI API's reference, ``presence_penalty``.
    """

    def __init__(self, penalty: float):
        self.penalty = penalty

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Processes scores (rows, vocab), given the ids so far (rows, length)."""
        return scores.scatter(1, input_ids, scores.gather(1, input_ids) - self.penalty)


class FrequencyPenaltyProcessor(lp.LogitsProcessor):
    """Takes an amount off the score of each token as often as it occurred.

    The prompt's tokens count too. Source: the OpenAI API's reference, ``frequency_penalty``;
    llama.cpp, src/llama-sampler.cpp, ``llama_sampler_penalties_apply``.
    """

    def __init__(self, penalty: float):
        self.penalty = penalty

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Processes scores (rows, vocab), given the ids so far (rows, length)."""
        counts = torch.zeros_like(scores)
        counts.scatter_add_(1, input_ids, torch.ones_like(input_ids, dtype=scores.dtype))
        return scores - self.penalty * counts


class GreedyProcessor(lp.LogitsProcessor):
    """Temperature 0: keeps only the best score."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Processes scores (rows, vocab), given the ids so far (rows, length)."""
        best = scores.argmax(-1, keepdim=True)
        return torch.full_like(scores, -torch.inf).scatter(1, best, scores.gather(1, best))


def build_chain(settings: Settings) -> dict[str, Callable]:
    """The processors of these settings, by stage, in the settings' order.

    Each takes the ids so far, (rows, length), and scores, (rows, vocab); a token that is filtered
    out comes out as -inf. At temperature 0 nothing is filtered, as in transformers.
    """
    s, drawn = settings, settings.temperature > 0
    processors: dict[str, Any] = {
        "repetition_penalty": s.repetition_penalty != 1
        and lp.RepetitionPenaltyLogitsProcessor(float(s.repetition_penalty)),
        "presence_penalty": s.presence_penalty != 0
        and PresencePenaltyProcessor(s.presence_penalty),
        "frequency_penalty": s.frequency_penalty != 0
        and FrequencyPenaltyProcessor(s.frequency_penalty),
        "temperature": s.temperature != 1
        and (lp.TemperatureLogitsWarper(float(s.temperature)) if drawn else GreedyProcessor()),
        "top_k": drawn and s.top_k is not None and lp.TopKLogitsWarper(s.top_k),
        "top_p": drawn and s.top_p < 1 and lp.TopPLogitsWarper(float(s.top_p)),
        "min_p": drawn and s.min_p > 0 and lp.MinPLogitsWarper(float(s.min_p)),
        "typical_p": drawn and s.typical_p < 1 and lp.TypicalLogitsWarper(float(s.typical_p)),
    }
    return {stage: processors[stage] for stage in s.order if processors[stage]}


def draw(probabilities: torch.Tensor, uniform: Sequence[Sequence[float]]) -> torch.Tensor:
    """Draws tokens by inverting the cumulative distribution at uniform random numbers.

    One number decides, so a row's token depends on its own seed alone, whatever else is drawn, on
    any device.

    Args:
        probabilities: (rows, vocab), each row with a positive sum.
        uniform: (rows, times) numbers in [0, 1).
    Returns:
        (rows, times) int64; never a token of probability 0.
    """
    device = probabilities.device
    if device.type == "mps":  # it lacks float64, which 50,000 sums need to stay exact enough
        probabilities = probabilities.cpu()
    sums = probabilities.cumsum(-1, dtype=torch.float64)
    marks = torch.tensor(uniform, dtype=torch.float64, device=sums.device) * sums[:, -1:]
    return torch.searchsorted(sums, marks, right=True).to(device)


@dataclass(frozen=True, slots=True)
class SampledToken:
    """A sampled token, with its log-probabilities and alternatives.

    Attributes:
        token_id: number of the token in the vocabulary.
        logprob: log-probability of the token by the model's own scores.
        drawn_logprob: log-probability of the token in the distribution it was drawn from; None if
            it was not drawn.
        entropy_bits: entropy of the model's own distribution.
        leading: likeliest tokens by the model's own scores, with their log-probabilities.
    """

    token_id: int
    logprob: float
    drawn_logprob: float | None
    entropy_bits: float
    leading: tuple[tuple[int, float], ...]


class Sampler:
    """Samples one token after another for every row, by the row's settings and seed.

    Args:
        rows: settings of each row, with seeds.
        leading: how many of the likeliest tokens to report.
    """

    def __init__(self, rows: Sequence[Settings], leading: int):
        self._rows = [(settings, random.Random(settings.seed)) for settings in rows]
        self._leading = leading
        self._group()

    def _group(self) -> None:
        """Groups rows that differ only in the seed: they go through one chain together."""
        groups: dict[Any, list[int]] = {}
        for row, (settings, _) in enumerate(self._rows):
            groups.setdefault(replace(settings, seed=None), []).append(row)
        self._chains = [
            (torch.tensor(rows), list(build_chain(settings).values()))
            for settings, rows in groups.items()
        ]

    def keep(self, rows: Sequence[int]) -> None:
        """Keeps only these rows, renumbered from 0."""
        self._rows = [self._rows[row] for row in rows]
        self._group()

    def sample(
        self, ids: torch.Tensor, scores: torch.Tensor, changed: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, list[SampledToken]]:
        """Samples each row's next token.

        Args:
            ids: (rows, length) int, the tokens so far.
            scores: (rows, vocab) float32, the model's logits.
            changed: (rows, vocab) float32, the scores to choose by, before the chain; None: the
                model's own. Log-probabilities are of the model's own in any case.
        Returns:
            The tokens as (rows, 1) on their device, and a `SampledToken` for each row.
        """
        logprobs = scores.log_softmax(-1)
        chained = self._process(ids, scores if changed is None else changed)
        tokens = draw(chained.softmax(-1), [[generator.random()] for _, generator in self._rows])
        drawn = chained.gather(-1, tokens) - chained.logsumexp(-1, keepdim=True)
        top = logprobs.topk(min(self._leading, logprobs.shape[-1]))
        entropy = torch.special.entr(logprobs.exp()).sum(-1, keepdim=True) / math.log(2)
        own = logprobs.gather(-1, tokens)
        # Two transfers from the device, however many rows and numbers.
        whole = torch.cat((tokens, top.indices), dim=-1).tolist()
        real = torch.cat((own, drawn, entropy, top.values), dim=-1).tolist()
        return tokens, [
            SampledToken(token, logprob, choice, bits, tuple(zip(leading, values, strict=True)))
            for (token, *leading), (logprob, choice, bits, *values) in zip(whole, real, strict=True)
        ]

    def _process(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if len(self._chains) == 1:
            return _apply(self._chains[0][1], ids, scores)
        chained = scores
        for rows, chain in self._chains:
            if chain:
                chained = scores.clone() if chained is scores else chained
                rows = rows.to(scores.device)
                chained[rows] = _apply(chain, ids[rows], scores[rows])
        return chained


def _apply(chain: list[Callable], ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    for processor in chain:
        scores = processor(ids, scores)
    return scores
