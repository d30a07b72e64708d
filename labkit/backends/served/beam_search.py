"""Beam search over a server: each step asks for the likeliest tokens after every beam.

Source: transformers, generation/utils.py, ``_beam_search`` with ``length_penalty`` 1 and
``early_stopping`` False: texts that have ended compete by log-probability a token.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from labkit.backends.local.detokenizer import AnswerDetokenizer
from labkit.backends.prompts import Messages
from labkit.backends.reply import Outcome, Reply
from labkit.backends.settings import Settings
from labkit.backends.steps import Alternative, Step
from labkit.interrupts.delayed import noted_interrupts

from .model import ServedModel
from .parallel import in_parallel

ALTERNATIVES = 10


@dataclass(frozen=True, slots=True)
class _Beam:
    """A text after the prompt.

    Attributes:
        ids, logprobs: its tokens, and the logarithm of each one's probability.
        leading: the likeliest tokens at each of its places.
    """

    ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    leading: tuple[tuple[tuple[int, float], ...], ...] = ()

    @property
    def total(self) -> float:
        return sum(self.logprobs)

    @property
    def score(self) -> float:
        """By which texts of different lengths are compared."""
        return self.total / len(self.ids)

    def longer(self, pairs: Sequence[tuple[int, float]]) -> list["_Beam"]:
        leading = (*self.leading, tuple(pairs[:ALTERNATIVES]))
        return [_Beam((*self.ids, i), (*self.logprobs, p), leading) for i, p in pairs]


def search_beams(
    model: ServedModel,
    prompt: str | Messages,
    beams: int,
    max_tokens: int,
    *,
    raw: bool = False,
    on_step: Callable[[], None] = lambda: None,
) -> list[Reply]:
    """See `labkit.backends.local.decoding.beam_search.search_beams`."""
    began, ids = time.perf_counter(), model.encode(prompt, raw=raw)
    room = min(max_tokens, model.context - len(ids))
    with noted_interrupts() as was_interrupted:
        texts = _search(model, ids, beams, room, on_step, was_interrupted)
        unfinished = "interrupted" if was_interrupted() else "length"
    elapsed_s = time.perf_counter() - began
    settings = Settings(temperature=0, max_tokens=max_tokens)
    return [
        Reply(
            model.name,
            prompt,
            settings,
            _steps(model, ids, each, elapsed_s),
            Outcome("stop" if each.ids[-1] in model.end_ids else unfinished, len(ids)),
        )
        for each in texts
    ]


def _search(model, ids: Sequence[int], beams: int, room: int, on_step, stop) -> list[_Beam]:
    live, ended = [_Beam()], []
    likeliest = partial(model.leading, count=max(2 * beams, ALTERNATIVES))
    for _ in range(room):
        asked = [(*ids, *beam.ids) for beam in live]
        found = dict(in_parallel(likeliest, asked, model.parallel))
        pairs = [
            list(zip(found[n].ids.tolist(), found[n].logprobs.tolist(), strict=True))
            for n in range(len(live))
        ]
        longer = [each for beam, own in zip(live, pairs, strict=True) for each in beam.longer(own)]
        best = sorted(longer, key=lambda each: -each.total)[: 2 * beams]
        ended += [each for each in best[:beams] if each.ids[-1] in model.end_ids]
        ended = sorted(ended, key=lambda each: -each.score)[:beams]
        live = [each for each in best if each.ids[-1] not in model.end_ids][:beams]
        on_step()
        is_decided = len(ended) == beams and ended[-1].score >= live[0].score if live else True
        if is_decided or stop():
            break
    return sorted([*ended, *live], key=lambda each: -each.score)[:beams]


def _steps(
    model: ServedModel, ids: Sequence[int], beam: _Beam, elapsed_s: float
) -> tuple[Step, ...]:
    text = AnswerDetokenizer(model.tokenizer, ids)
    steps = []
    rows = zip(beam.ids, beam.logprobs, beam.leading, strict=True)
    for number, (token_id, logprob, leading) in enumerate(rows, 1):
        likely = tuple(Alternative(i, model.text_of(i), p) for i, p in leading)
        piece = "".join(text.push(token_id, last=number == len(beam.ids)))
        steps.append(Step(token_id, piece, logprob, None, likely, None, elapsed_s, text.thinking))
    return tuple(steps)
