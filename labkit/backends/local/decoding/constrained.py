"""Decoding under a constraint: a mask over the scores, before the sampling chain."""

import math
import time
from collections.abc import Generator
from dataclasses import dataclass

import torch

from labkit.backends.constraints.constraint import Constraint
from labkit.backends.constraints.token_mask import TokenMask
from labkit.backends.local.generation_modes import ModelMode
from labkit.backends.local.model import ALTERNATIVES, LocalModel
from labkit.backends.local.sampler import SampledToken, Sampler
from labkit.backends.reply import Stream
from labkit.backends.steps import Step

from .forward import next_scores, prefill
from .step_writer import StepWriter


@dataclass(frozen=True, slots=True)
class MaskedStep:
    """What the mask did before one token.

    Attributes:
        allowed: number of tokens that it left.
        removed: probability that it took away, 0 to 1.
        lost_nats: log-probability that it cost: minus the logarithm of what it left.
        wanted: the token that the model found likeliest.
        wanted_probability: its probability.
        is_wanted: whether that token was written.
        mask_s: seconds to compute the mask.
    """

    allowed: int
    removed: float
    lost_nats: float
    wanted: str
    wanted_probability: float
    is_wanted: bool
    mask_s: float


def token_mask(model: LocalModel, constraint: Constraint) -> TokenMask:
    """Follows one answer of a model under a constraint."""
    vocabulary = model.model.get_output_embeddings().out_features
    return TokenMask(model.tokenizer, vocabulary, model.end_ids, constraint)


class ConstrainedMode(ModelMode):
    """A model whose answers keep to a constraint.

    Attributes:
        constraint: what they may look like.
        masks: what the mask did before each token of the last answer.
    """

    def __init__(self, model: LocalModel, constraint: Constraint):
        super().__init__(model)
        self.constraint = constraint
        self.masks: list[MaskedStep] = []

    @torch.inference_mode()
    def _run(self, running: Stream, ids: list[int], began: float) -> Generator[Step]:
        model = self.model.model
        writer = StepWriter(self.model, running, ids, began)
        sampler = Sampler([running.settings], ALTERNATIVES)
        cache, scores = prefill(model, ids)
        mask = token_mask(self.model, self.constraint)
        text, self.masks = torch.tensor([ids], device=model.device), []
        while True:
            started = time.perf_counter()
            computed = torch.from_numpy(mask.allowed())
            mask_s = time.perf_counter() - started
            allowed = computed.to(scores.device)  # waits for the pass that a GPU still works on
            masked = scores.masked_fill(~allowed, -torch.inf)
            chosen, (token,) = sampler.sample(text, scores, masked)
            mask.take(token.token_id)
            self.masks.append(self._note(scores, allowed, token, mask_s))
            yield writer.write(token)
            if running.finish:
                return
            text = torch.cat((text, chosen), dim=1)
            scores = next_scores(model, chosen, cache)

    def _note(self, scores, allowed, token: SampledToken, mask_s: float) -> MaskedStep:
        logprobs = scores[0].log_softmax(-1)
        kept = float(logprobs.masked_fill(~allowed, -torch.inf).logsumexp(-1))
        wanted, logprob = token.leading[0]
        return MaskedStep(
            int(allowed.sum()),
            max(0.0, -math.expm1(kept)),
            max(0.0, -kept),
            self.model.text_of(wanted),
            math.exp(logprob),
            wanted == token.token_id,
            mask_s,
        )
