"""Prompts of several lengths, from 128 tokens up to the context, as time allows."""

import time
from collections.abc import Sequence

from labkit.backends.generate import Backend
from labkit.checks import check_whole

from .runner import (
    LIMIT_S,
    Experiment,
    check_rounds,
    checked_counts,
    greedy_case,
    require_local,
    run_interleaved,
)

SHORTEST = 128
DOUBLING_COST = 4.0  # a prompt twice as long takes at most 4 times as long: attention is quadratic
READINGS = 7  # per prompt: one to see how long it takes, one to warm up, and five rounds
_TEXT = (
    "The harbour lay quiet in the morning, and one boat after another went out to sea. "
    "People on the pier talked about the weather, the price of fish and the long winter. "
)


def vary_prompt_length(
    model: Backend,
    *,
    lengths: Sequence[int] | None = None,
    max_tokens: int = 8,
    limit_s: float = LIMIT_S,
    **run,
) -> Experiment:
    """Prompts of several lengths: the first token comes later, the others hardly.

    Args:
        model: a model from ``labkit.load``.
        lengths: lengths in tokens; None: 128, 256 and so on up to the context, as time allows.
        max_tokens: upper bound on the tokens of each answer.
        limit_s: seconds for all of it.
        run: ``repeats``, as for `runner.run_interleaved`.
    Raises:
        ValueError: a number is out of range, or no length leaves room for the answer in the
            context.
    """
    require_local(model, "vary_prompt_length")
    check_rounds(limit_s=limit_s, **run)
    check_whole("max_tokens", max_tokens, 1, model.context - 1)
    longest = model.context - max_tokens
    wanted = doubling_lengths(longest)
    if lengths is not None:
        wanted = checked_counts("lengths", lengths, "(128, 256)")
    fitting = [length for length in wanted if length <= longest]
    if not fitting:
        raise ValueError(f"lengths must be 1 to {longest:,} tokens; got {wanted!r}")
    tried = fitting if lengths is not None else _lengths_in_time(model, fitting, limit_s / READINGS)
    prompts = [text_of_length(model, length) for length in tried]
    cases = [
        greedy_case(len(model.encode(text, raw=True)), model, text, max_tokens, raw=True)
        for text in prompts
    ]
    return run_interleaved(
        cases,
        name="prompt length",
        axis="tokens in the prompt",
        metrics=("ttft_s", "prefill_tokens_per_s", "decode_tokens_per_s"),
        limit_s=limit_s,
        missing=_left_out(tried, fitting, wanted),
        **run,
    )


def doubling_lengths(longest: int) -> list[int]:
    """Lengths that double from 128, and the longest.

    >>> doubling_lengths(1000), doubling_lengths(100)
    ([128, 256, 512, 1000], [100])
    """
    lengths = [SHORTEST]
    while 2 * lengths[-1] < longest:
        lengths.append(2 * lengths[-1])
    return [length for length in lengths if length < longest] + [longest]


def _lengths_in_time(model: Backend, lengths: Sequence[int], limit_s: float) -> list[int]:
    """The first of rising lengths that are all read once within the time; at least two."""
    spent_s, read = 0.0, []
    for length in lengths:
        prompt, began = text_of_length(model, length), time.monotonic()
        model.scores(prompt, raw=True)
        took_s = time.monotonic() - began
        spent_s += took_s
        read.append(length)
        if len(read) > 1 and spent_s + DOUBLING_COST * took_s > limit_s:
            break
    return read


def _left_out(tried, fitting, wanted) -> list[str]:
    sentences = []
    if slow := fitting[len(tried) :]:
        sentences.append(
            f"Prompts of {slow[0]:,} tokens and more were left out, because reading them takes "
            f"long here. lengths={tuple(fitting)} includes them."
        )
    if beyond := [length for length in wanted if length not in fitting]:
        lengths = ", ".join(map(str, beyond))
        sentences.append(f"No room for the answer in the context: {lengths} tokens.")
    return sentences


def text_of_length(model: Backend, tokens: int) -> str:
    """A text of about that length: tokens at the cut may merge differently when read again."""
    ids = model.tokenizer(_TEXT * (1 + tokens // 20), verbose=False)["input_ids"]
    return model.tokenizer.decode(ids[:tokens], skip_special_tokens=True)
