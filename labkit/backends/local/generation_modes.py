"""Other decoding modes of a local model, each a backend of its own: in a batch, without a cache."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

import torch

from labkit.backends.local.decoding.forward import prefill
from labkit.backends.prompts import Messages
from labkit.backends.reply import RowsStream, Step, Stream
from labkit.backends.settings import Settings

from .decoding.step_writer import StepWriter
from .kv_cache import growing_cache, kv_tensors
from .model import ALTERNATIVES, LocalModel
from .out_of_memory import frees_memory
from .sampler import Sampler


class ModelMode:
    """A model in another decoding mode.

    A mode computes its tokens in `_run`; `BatchMode` replaces `stream` instead.
    """

    def __init__(self, model: LocalModel):
        self.model, self.name = model, model.name
        # It runs where the model does.
        self.synchronize, self.about = model.synchronize, model.about
        self.gpu_peak_bytes = model.gpu_peak_bytes

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`."""
        began = time.perf_counter()
        chosen = Settings(**settings).seeded()
        ids = self.model.encode(prompt, raw=raw, thinking=chosen.thinking)
        steps = frees_memory(self._run)
        return Stream(chosen, lambda run: steps(run, ids, began), prompt_tokens=len(ids))

    def _run(self, running: Stream, ids: list[int], began: float) -> Generator[Step]:
        """The steps after the prompt; sets the stream's ``finish``."""
        raise NotImplementedError


class BatchMode(ModelMode):
    """n equal rows at once; the stream is that of the first."""

    def __init__(self, model: LocalModel, rows: int):
        super().__init__(model)
        self.rows = rows

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`."""
        same = [Settings(**settings).seeded()] * self.rows
        rows = self.model.stream_rows(prompt, same, raw=raw, batch_size=self.rows)
        known = rows.streams[0].prompt_tokens
        return Stream(same[0], lambda running: _first_row(running, rows), prompt_tokens=known)


def _first_row(running: Stream, rows: RowsStream) -> Generator[Step]:
    """The steps and the outcome of the first row; closes all rows at its end."""
    with closing(rows):
        for row, step in rows:
            running.outcome = rows.streams[0].outcome
            if row == 0:
                yield step


class UncachedMode(ModelMode):
    """Without a KV cache: every token reads the whole text again."""

    @torch.inference_mode()
    def _run(self, running: Stream, ids: list[int], began: float) -> Generator[Step]:
        model = self.model.model
        writer = StepWriter(self.model, running, ids, began)
        sampler = Sampler([running.settings], ALTERNATIVES)
        text = torch.tensor([ids], device=model.device)
        while not running.finish:
            scores = model(input_ids=text, use_cache=False, logits_to_keep=1).logits[:, -1].float()
            chosen, (token,) = sampler.sample(text, scores)
            text = torch.cat((text, chosen), dim=1)
            yield writer.write(token)


@frees_memory
@torch.inference_mode()
def grow_cache(model: LocalModel, lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Fills one cache, and measures it at each of the lengths in tokens, which ascend.

    Yields:
        The length, the bytes of the keys and values, and the bytes allocated for them, spare
        capacity included.
    """
    cache, vocabulary = growing_cache(model.model.config), len(model.tokenizer)
    ids = [n % vocabulary for n in range(lengths[-1])]
    start = 0
    for length in lengths:
        prefill(model.model, ids[start:length], cache)
        start = length
        tensors = kv_tensors(cache)
        used = sum(each.nbytes for each in tensors)
        yield length, used, sum(each.untyped_storage().nbytes() for each in tensors)
