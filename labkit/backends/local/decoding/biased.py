"""Decoding with some words made likelier, less likely, or impossible."""

import math
from collections.abc import Generator, Mapping

import torch
from transformers.generation.logits_process import SequenceBiasLogitsProcessor

from labkit.backends.local.generation_modes import ModelMode
from labkit.backends.local.model import ALTERNATIVES, LocalModel
from labkit.backends.local.sampler import Sampler
from labkit.backends.reply import Stream
from labkit.backends.steps import Step

from .forward import next_scores, prefill
from .step_writer import StepWriter

BANNED = -100  # as in OpenAI's API, whose logit_bias ends there


class BiasedMode(ModelMode):
    """A model with something added to the scores of words, by transformers' own processor.

    A word of several tokens gets it on its last one, once the others have been written.

    Args:
        model: from ``labkit.load``.
        biases: what is added to each word's score, in nats; `BANNED`: it is not written.

    Attributes:
        spellings: the tokens of each word, without and with a blank before it.

    Raises:
        ValueError: two words share a spelling, and have different biases.
    """

    def __init__(self, model: LocalModel, biases: Mapping[str, float]):
        super().__init__(model)
        self._biases: dict[tuple[int, ...], float] = {}
        self.spellings: dict[str, tuple[tuple[str, ...], ...]] = {}
        words: dict[tuple[int, ...], str] = {}
        for word, bias in biases.items():
            forms = (word, f" {word.lstrip()}")
            spelt = {
                tuple(model.tokenizer.encode(form, add_special_tokens=False)) for form in forms
            }
            for other in (words.setdefault(ids, word) for ids in spelt):
                if biases[other] != bias:
                    raise ValueError(
                        f"biases must be the same for {other!r} and {word!r}, which share a "
                        f"spelling; got {biases[other]!r} and {bias!r}"
                    )
            amount = -math.inf if bias == BANNED else float(bias)
            self._biases |= dict.fromkeys(spelt, amount)
            self.spellings[word] = tuple(
                tuple(model.text_of(token) for token in each) for each in sorted(spelt, key=len)
            )

    @torch.inference_mode()
    def _run(self, running: Stream, ids: list[int], began: float) -> Generator[Step]:
        model = self.model.model
        writer = StepWriter(self.model, running, ids, began)
        sampler = Sampler([running.settings], ALTERNATIVES)
        add_bias = SequenceBiasLogitsProcessor(self._biases)  # type: ignore[arg-type]
        cache, scores = prefill(model, ids)
        text = torch.tensor([ids], device=model.device)
        while True:
            chosen, (token,) = sampler.sample(text, scores, add_bias(text, scores))
            yield writer.write(token)
            if running.finish:
                return
            text = torch.cat((text, chosen), dim=1)
            scores = next_scores(model, chosen, cache)
