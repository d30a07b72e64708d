"""The same model, asked in other ways, each a backend of its own: in a batch, without a cache."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing

import torch

from labkit.backends.prompts import Messages
from labkit.backends.reply import RowsStream, Step, Stream
from labkit.backends.settings import Settings

from .cache import growing_cache, prefill
from .model import ALTERNATIVES, LocalModel, Writer
from .sampler import Sampler


class Way:
    """A model that is asked in another way; whatever else it has stays as it is.

    Each way says in `_run` how its tokens come about; `Batched`, how its stream does.
    """

    def __init__(self, model: LocalModel):
        self.model = model
        self.name = model.name

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`."""
        began = time.perf_counter()
        ids = self.model.encode(prompt, raw=raw)
        chosen = Settings(**settings).seeded()
        return Stream(chosen, lambda run: self._run(run, ids, began), prompt_tokens=len(ids))

    def _run(self, running: Stream, ids: list[int], began: float) -> Iterator[Step]:
        """The steps after a prompt's tokens; sets the stream's ``finish``."""
        raise NotImplementedError

    def synchronize(self) -> None:
        """As the model's."""
        self.model.synchronize()

    def gpu_peak_bytes(self, *, reset: bool = False) -> int | None:
        """As the model's."""
        return self.model.gpu_peak_bytes(reset=reset)

    def about(self) -> dict[str, str]:
        """As the model's."""
        return self.model.about()


class Batched(Way):
    """So many equal rows at once; the stream is the first one's.

    Args:
        model: from ``labkit.load``.
        rows: 1 or more.
    """

    def __init__(self, model: LocalModel, rows: int):
        super().__init__(model)
        self.rows = rows

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`."""
        same = [Settings(**settings).seeded()] * self.rows
        rows = self.model.stream_rows(prompt, same, raw=raw, batch_size=self.rows)
        known = rows.streams[0].prompt_tokens
        return Stream(same[0], lambda running: _first_row(running, rows), prompt_tokens=known)


def _first_row(running: Stream, rows: RowsStream) -> Iterator[Step]:
    with closing(rows):
        for row, step in rows:
            running.outcome = rows.streams[0].outcome
            if row == 0:
                yield step


class Uncached(Way):
    """Without a KV cache: every token reads the whole text so far again."""

    @torch.inference_mode()
    def _run(self, running: Stream, ids: list[int], began: float) -> Iterator[Step]:
        model = self.model.model
        writer = Writer(self.model, running, ids, began)
        chooser = Sampler([running.settings], ALTERNATIVES)
        row = torch.tensor([ids], device=model.device)
        while not running.finish:
            scores = model(input_ids=row, use_cache=False, logits_to_keep=1).logits[:, -1].float()
            chosen, (choice,) = chooser.choose(row, scores)
            row = torch.cat((row, chosen), dim=1)
            yield writer.write(choice)


@torch.inference_mode()
def grow_cache(model: LocalModel, lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Fills one cache, and looks at it at each length.

    Args:
        model: from ``labkit.load``.
        lengths: of the text in tokens, rising.
    Yields:
        The length, the bytes of the keys and values, and the bytes that are held for them, with
        the room to grow in.
    """
    cache, vocabulary = growing_cache(model.model.config), len(model.tokenizer)
    ids = [n % vocabulary for n in range(lengths[-1])]
    start = 0
    for length in lengths:
        prefill(model.model, ids[start:length], cache)
        start = length
        kept = [half for layer in cache.layers for half in (layer.keys, layer.values)]
        used = sum(half.numel() * half.element_size() for half in kept)
        yield length, used, sum(half.untyped_storage().nbytes() for half in kept)
