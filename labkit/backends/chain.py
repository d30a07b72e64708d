"""From the model's scores to a choice: transformers' own logits processors, in its own order."""

import math
from dataclasses import dataclass

from .base import Settings


def build_chain(settings: Settings):
    """The processors that these settings ask for, in the order in which transformers applies them.

    Scores of shape (1, vocab) go in with the ids so far, (1, length); a token that is filtered
    out comes out as -inf. At temperature 0 nothing is drawn, so only the penalty is left.

    Returns:
        A ``LogitsProcessorList``.
    """
    from transformers.generation import logits_process as lp

    chain = lp.LogitsProcessorList()
    if settings.repetition_penalty != 1:
        chain.append(lp.RepetitionPenaltyLogitsProcessor(float(settings.repetition_penalty)))
    if settings.temperature == 0:
        return chain
    if settings.temperature != 1:
        chain.append(lp.TemperatureLogitsWarper(float(settings.temperature)))
    if settings.top_k is not None:
        chain.append(lp.TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1:
        chain.append(lp.TopPLogitsWarper(float(settings.top_p)))
    if settings.min_p > 0:
        chain.append(lp.MinPLogitsWarper(float(settings.min_p)))
    if settings.typical_p < 1:
        chain.append(lp.TypicalLogitsWarper(float(settings.typical_p)))
    return chain


@dataclass(frozen=True, slots=True)
class Choice:
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


class Chooser:
    """Takes one token after another, by the settings and their seed.

    Args:
        settings: with a seed.
        device: where the scores are.
        leading: how many of the likeliest tokens to report.
    """

    def __init__(self, settings: Settings, device, leading: int):
        import torch

        self._greedy = settings.temperature == 0
        self._leading = leading
        self._chain = build_chain(settings)
        self._random = torch.Generator(device).manual_seed(settings.seed)

    def choose(self, ids, scores):
        """Chooses the next token.

        Args:
            ids: (1, length) int, the tokens so far.
            scores: (1, vocab) float32, the model's logits.
        Returns:
            The token as a (1, 1) tensor on its device, and the `Choice`.
        """
        import torch

        logprobs = scores.log_softmax(-1)
        chained = self._chain(ids, scores)
        if self._greedy:
            token = chained.argmax(-1, keepdim=True)
            drawn = torch.zeros_like(logprobs[:, :1])
        else:
            token = torch.multinomial(chained.softmax(-1), 1, generator=self._random)
            drawn = chained.log_softmax(-1).gather(-1, token)
        top = logprobs.topk(min(self._leading, logprobs.shape[-1]))
        entropy = torch.special.entr(logprobs.exp()).sum(-1, keepdim=True) / math.log(2)
        # Two transfers from the device, however many numbers.
        token_id, *ids_ = torch.cat((token, top.indices), dim=-1)[0].tolist()
        own = logprobs.gather(-1, token)
        numbers = torch.cat((own, drawn, entropy, top.values), dim=-1)[0].tolist()
        leading = tuple(zip(ids_, numbers[3:], strict=True))
        return token, Choice(token_id, *numbers[:3], leading)
