"""What `labkit.backends.local.decoding` does in batches, of a served model in parallel requests."""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from labkit.backends.local.decoding.text_position import TextPosition
from labkit.backends.reply import Stream
from labkit.backends.settings import Settings

from .model import ServedModel
from .parallel import in_parallel

Ids = Sequence[int]
LIKELY = 2000  # tokens that are asked for first: one that is looked for is mostly among them


class ServedPosition(TextPosition):
    """A text, and the scores of a served model for the token after it.

    The server keeps what it has read, so a move reads what is new, if nobody has come in between.
    """

    def go_to(self, ids: Ids) -> None:
        """See `TextPosition`."""
        ids = tuple(ids)
        if ids == self.ids:
            return
        self._check(ids, self._model.vocabulary)
        self.scores, read = self._model.next_scores(ids)
        self.ids = ids
        self.tokens_read += read


def expand_tree(
    model: ServedModel, ids: Ids, width: int, depth: int
) -> Iterator[list[tuple[int, int, float]]]:
    """See `labkit.backends.loaded.decoding.expand_tree`."""
    texts, rows = [tuple(ids)], [0]
    for level in range(depth):
        asked = [texts[row] for row in rows]
        found = dict(in_parallel(lambda text: model.leading(text, width), asked, model.parallel))
        nodes, longer = [], []
        for number, row in enumerate(rows):
            pairs = zip(found[number].ids.tolist(), found[number].logprobs.tolist(), strict=True)
            for token_id, logprob in list(pairs)[:width]:
                nodes.append((row, token_id, logprob))
                longer.append((*texts[row], token_id))
        yield nodes
        texts = longer
        rows = [n for n, (_, token_id, _) in enumerate(nodes) if token_id not in model.end_ids]
        if level == depth - 1 or not rows:
            return


def option_logprobs(
    model: ServedModel, prompts: Sequence[Ids], options: Sequence[Sequence[Ids]]
) -> Generator[tuple[int, dict[int, float]]]:
    """See `labkit.backends.loaded.decoding.option_logprobs`."""
    stopped = threading.Event()

    def judge(number: int) -> dict[int, float]:
        prompt, own = tuple(prompts[number]), [tuple(each) for each in options[number]]
        known = {}
        for begin in sorted({each[:n] for each in own for n in range(len(each))}):
            if stopped.is_set():
                return {}
            asked = {each[len(begin)] for each in own if each[: len(begin)] == begin != each}
            known[begin] = _logprobs_of(model, (*prompt, *begin), asked)
        return {
            index: sum(known[each[:n]][token] for n, token in enumerate(each))
            for index, each in enumerate(own)
        }

    try:
        yield from in_parallel(judge, range(len(prompts)), model.parallel)
    finally:
        stopped.set()


def _logprobs_of(model: ServedModel, text: Ids, tokens: set[int]) -> dict[int, float]:
    """The log-probabilities of some tokens after a text; of rare ones by all scores."""
    leading = model.leading(text, LIKELY)
    found = dict(zip(leading.ids.tolist(), leading.logprobs.tolist(), strict=True))
    if not tokens <= found.keys():
        scores, _ = model.next_scores(text)
        found = {token: float(scores[token]) for token in tokens}
    return {token: found[token] for token in tokens}


def padded_answers(
    model: ServedModel,
    prompts: Sequence[Ids],
    *,
    max_tokens: int,
    is_complete: Callable[[list[int]], bool],
    temperature: float,
    seed: int,
) -> Generator[tuple[int, list[int]]]:
    """See `labkit.backends.loaded.decoding.padded_answers`."""
    chosen = Settings(temperature=temperature, max_tokens=max_tokens)
    streams = [
        model.stream_ids(ids, replace(chosen, seed=seed + number))
        for number, ids in enumerate(prompts)
    ]

    def write(stream: Stream) -> list[int]:
        text, ids = "", []
        for step in stream:
            text += step.text
            ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
            if step.text and is_complete(ids):
                stream.close()
                break
        return ids

    try:
        yield from in_parallel(write, streams, model.parallel)
    finally:  # the server stops too
        for stream in streams:
            stream.close()


def shared_length(sequences: Sequence[Ids]) -> int:
    """How many tokens all sequences begin with, at least one less than the shortest has."""
    columns = zip(*(each[:-1] for each in sequences), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def time_reading(model: ServedModel, ids: Ids, *, keep: bool = False) -> float:
    """See `labkit.backends.loaded.decoding.time_reading`; by the server's clock, if it has one.

    Args:
        model: the served model.
        ids: tokens of the text.
        keep: whether what the server still knows of it is not read again.
    """
    began = time.perf_counter()
    read_s = model.leading(ids, 1, keep=keep).read_s
    return time.perf_counter() - began if read_s is None else read_s


def growing_text(model: ServedModel) -> Callable[[Ids], float]:
    """See `labkit.backends.loaded.decoding.growing_text`."""
    known: Ids = ()

    def read(ids: Ids) -> float:
        nonlocal known
        keep, before, known = bool(known), known, ids
        if keep:
            model.leading(before, 1)  # its slot holds that and no more, whatever was asked since
        return time_reading(model, ids, keep=keep)

    return read
