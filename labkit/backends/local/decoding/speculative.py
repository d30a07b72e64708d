"""Assisted generation: a guess at the next tokens, checked by the model in one forward pass.

Writing one token and checking six read the weights once each, and on a machine that waits for its
memory they take nearly the same time. Every token is the model's own all the same: it is drawn
from the model's scores with the request's own random numbers, and the guess is followed only as
long as it says the same. So the text is the same as without, at any temperature, up to the last
digits of the arithmetic.

Source: Leviathan et al. 2023, "Fast Inference from Transformers via Speculative Decoding"; the
lookup is transformers' own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers.generation.candidate_generator import PromptLookupCandidateGenerator

from labkit.backends.local.cache import prefill, prefill_all
from labkit.backends.local.model import ALTERNATIVES, LocalModel, Writer
from labkit.backends.local.modes import Way
from labkit.backends.local.sampler import Sampler
from labkit.backends.reply import Step, Stream
from labkit.errors import LabError

from .cursor import Cursor, can_crop

GUESS = 5  # tokens guessed at once

Guess = Callable[[Sequence[int]], list[int]]


@dataclass(slots=True)
class DraftStats:
    """How good the guesses were, over all requests.

    Attributes:
        tried: tokens that were guessed.
        right: those that the model would have written.
    """

    tried: int = 0
    right: int = 0

    @property
    def sentence(self) -> str:
        """The two in words."""
        if not self.tried:
            return "no token was guessed"
        return f"{self.right:,} of {self.tried:,} guessed tokens were right"


class Assisted(Way):
    """The same model, which checks guesses; what it writes stays the same.

    Attributes:
        guesses: how good they were.

    Args:
        model: from ``labkit.load``.
        assistant: a smaller model that guesses, with the same vocabulary; None: what followed
            the last two tokens where they stood before in the text.
        tokens: guessed at once.
    Raises:
        LabError: the assistant has another vocabulary.
    """

    def __init__(self, model: LocalModel, assistant: LocalModel | None = None, tokens: int = GUESS):
        super().__init__(model)
        if assistant and assistant.tokenizer.get_vocab() != model.tokenizer.get_vocab():
            raise LabError(
                f"{assistant.name} has another vocabulary than {model.name}, and its tokens mean "
                "nothing to it.",
                "Take a smaller model of the same family.",
            )
        self._assistant, self._tokens = assistant, tokens
        self.guesses = DraftStats()

    @torch.inference_mode()
    def _run(self, running: Stream, ids: list[int], began: float) -> Iterator[Step]:
        writer = Writer(self.model, running, ids, began)
        chooser = Sampler([running.settings], ALTERNATIVES)
        guess_after, text, guess = self._guesser(), list(ids), []
        cache, scores = prefill(self.model.model, ids)
        last = len(ids) + running.settings.max_tokens - 1  # after it there is nothing to guess
        while True:
            kept = 0  # of the guess
            for row in scores:
                _, (choice,) = chooser.choose(self._row(text), row[None])
                text.append(choice.token_id)
                guessed = guess[kept : kept + 1] == [choice.token_id]
                kept += guessed
                self.guesses.right += guessed
                yield writer.write(choice)
                if running.finish:
                    return
                if not guessed:
                    break
            if kept < len(guess):
                cache.crop(kept - len(guess))
            room = min(self._tokens, last - len(text), self.model.context - len(text) - 1)
            guess = guess_after(text)[: max(0, room)] if can_crop(cache, self._tokens + 1) else []
            self.guesses.tried += len(guess)
            scores = prefill_all(self.model.model, [text[-1], *guess], cache)

    def _row(self, ids: list[int]) -> torch.Tensor:
        return torch.tensor([ids], device=self.model.model.device)

    def _guesser(self) -> Guess:
        return _look_up(self._tokens) if self._assistant is None else self._ask_assistant()

    def _ask_assistant(self) -> Guess:
        walk = None

        def guess(ids: Sequence[int]) -> list[int]:
            nonlocal walk
            walk = walk or Cursor(self._assistant, ids)
            walk.go(ids)
            for _ in range(self._tokens):
                walk.take(int(walk.scores.argmax()))
            return list(walk.ids[len(ids) :])

        return guess


def _look_up(tokens: int) -> Guess:
    generator = PromptLookupCandidateGenerator(num_output_tokens=tokens, max_length=2**31)

    def guess(ids: Sequence[int]) -> list[int]:
        found, _ = generator.get_candidates(torch.tensor([ids]))
        return found[0, len(ids) :].tolist()

    return guess
