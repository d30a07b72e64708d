"""Speculative decoding: a draft of the next tokens, verified by the model in one forward pass.

Writing one token and verifying six read the weights once each, and on a machine limited by memory
bandwidth they take nearly the same time. Every token is still the model's own: it is drawn from the
model's scores with the request's own random numbers, and the draft is accepted only as long as it
agrees. So the text is the same as without, at any temperature, up to the last digits of the
arithmetic.

Source: Leviathan et al. 2023, "Fast Inference from Transformers via Speculative Decoding"; the
lookup is transformers' own.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import torch
from transformers.generation.candidate_generator import PromptLookupCandidateGenerator

from labkit.backends.local.decoding.forward import prefill, prefill_all
from labkit.backends.local.generation_modes import ModelMode
from labkit.backends.local.kv_cache import can_crop
from labkit.backends.local.model import ALTERNATIVES, LocalModel
from labkit.backends.local.sampler import Sampler
from labkit.backends.reply import Step, Stream
from labkit.errors import LabError

from .cursor import Cursor
from .step_writer import StepWriter

DRAFT_TOKENS = 5  # drafted for each pass

Drafter = Callable[[Sequence[int], int], list[int]]  # from a text, that many tokens at most


@dataclass(slots=True)
class DraftStats:
    """How many drafted tokens were accepted, over all requests.

    Attributes:
        drafted: tokens that were drafted.
        accepted: drafted tokens that the model wrote too.
    """

    drafted: int = 0
    accepted: int = 0

    @property
    def sentence(self) -> str:
        """Both counts in words."""
        if not self.drafted:
            return "no token was drafted"
        return f"{self.accepted:,} of {self.drafted:,} drafted tokens were accepted"


class SpeculativeMode(ModelMode):
    """The same model with drafts to verify; the text it writes stays the same.

    Attributes:
        draft_stats: tokens drafted and accepted so far.

    Args:
        model: from ``labkit.load``.
        assistant: a smaller model with the same vocabulary, which drafts; None: drafts repeat what
            followed the last two tokens earlier in the text, or else the last one.
        tokens: how many to draft for each pass.
    Raises:
        LabError: the assistant has a different vocabulary.
    """

    def __init__(
        self, model: LocalModel, assistant: LocalModel | None = None, tokens: int = DRAFT_TOKENS
    ):
        super().__init__(model)
        if assistant and assistant.tokenizer.get_vocab() != model.tokenizer.get_vocab():
            raise LabError(
                f"{assistant.name} cannot draft for {model.name}: their vocabularies differ.",
                "Take a smaller model of the same family.",
            )
        self._assistant, self._tokens = assistant, tokens
        self.draft_stats = DraftStats()

    @torch.inference_mode()
    def _run(self, running: Stream, ids: list[int], began: float) -> Generator[Step]:
        writer = StepWriter(self.model, running, ids, began)
        sampler = Sampler([running.settings], ALTERNATIVES)
        assistant, text, draft = self._assistant, list(ids), []
        count = self._tokens
        drafter = _assistant_drafts(assistant) if assistant else _prompt_lookup(count)
        cache, scores = prefill(self.model.model, ids)
        last = len(ids) + running.settings.max_tokens - 1  # nothing to draft after it
        while True:
            accepted = 0  # tokens of this draft
            for row in scores:
                _, (token,) = sampler.sample(torch.tensor([text], device=row.device), row[None])
                text.append(token.token_id)
                agrees = draft[accepted : accepted + 1] == [token.token_id]
                accepted += agrees
                self.draft_stats.accepted += agrees
                yield writer.write(token)
                if running.finish:
                    return
                if not agrees:
                    break
            if accepted < len(draft):
                cache.crop(accepted - len(draft))
            room = min(count, last - len(text), self.model.context - len(text) - 1)
            draft = drafter(text, room) if room > 0 and can_crop(cache, count + 1) else []
            self.draft_stats.drafted += len(draft)
            scores = prefill_all(self.model.model, [text[-1], *draft], cache)


def _assistant_drafts(assistant: LocalModel) -> Drafter:
    cursor = None

    def draft(ids: Sequence[int], room: int) -> list[int]:
        nonlocal cursor
        room = min(room, assistant.context - len(ids))
        if room < 1:
            return []
        cursor = cursor or Cursor(assistant, ids)
        cursor.go_to(ids)
        for _ in range(room):
            cursor.take(int(cursor.scores.argmax()))
        return list(cursor.ids[len(ids) :])

    return draft


def _prompt_lookup(tokens: int) -> Drafter:
    generator = PromptLookupCandidateGenerator(num_output_tokens=tokens, max_length=2**31)

    def draft(ids: Sequence[int], room: int) -> list[int]:
        candidates, _ = generator.get_candidates(torch.LongTensor([ids]))
        return candidates[0, len(ids) :][:room].tolist()

    return draft
