"""From a model's tokens to the steps of an answer."""

import time
from typing import Any

from labkit.backends.local.detokenizer import AnswerDetokenizer
from labkit.backends.local.sampler import SampledToken
from labkit.backends.reply import Stream
from labkit.backends.steps import Step
from labkit.backends.stop_strings import StopScanner


class StepWriter:
    """Turns a row's tokens into steps of whole characters, up to its end, a stop or the limit."""

    def __init__(self, model: Any, stream: Stream, ids: list[int], began: float):
        self._model, self._stream, self._began = model, stream, began
        self._text = AnswerDetokenizer(model.tokenizer, ids)
        self._scan = StopScanner(stream.settings.stop)
        self._remaining = min(stream.settings.max_tokens, model.context - len(ids))

    def write(self, token: SampledToken) -> Step:
        """The step of a token; sets the stream's ``finish`` if it is the last."""
        self._remaining -= 1
        ended = token.token_id in self._model.end_ids
        last = ended or self._remaining == 0
        thought, answer = self._text.push(token.token_id, last=last)
        text = thought + self._scan.push(answer, last=last)
        if ended or self._scan.stopped:
            self._stream.note(finish="stop")
        elif last:
            self._stream.note(finish="length")
        return self._model.step(token, text, time.perf_counter() - self._began, self._text.thinking)
