"""What only a model with all its scores can do, in torch in this process or on a server."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from labkit.backends.capabilities import ScoringModel
from labkit.backends.local.decoding.text_position import TextPosition
from labkit.backends.prompts import Messages
from labkit.backends.reply import Reply
from labkit.backends.served import beam_search, decoding
from labkit.backends.served.model import ServedModel
from labkit.checks import check_whole

Ids = Sequence[int]
WORTH_READING_ONCE = 8  # tokens: below that, a copy of the cache costs more than it saves


def open_position(model: ScoringModel, ids: Ids) -> TextPosition:
    """A position in a text that begins with these tokens, see `TextPosition`."""
    if isinstance(model, ServedModel):
        return decoding.ServedPosition(model, ids)
    from labkit.backends.local.decoding.cursor import Cursor

    return Cursor(model, ids)  # type: ignore[arg-type]


def expand_tree(
    model: ScoringModel, ids: Ids, width: int, depth: int
) -> Iterator[list[tuple[int, int, float]]]:
    """The likeliest `width` tokens after each text of the previous level, for `depth` levels.

    Yields:
        For each level its texts as (index of the parent text, token id, log-probability of the
        token after that text); the prompt is text 0 above the first level. A text that the model
        has ended has no children.
    """
    if isinstance(model, ServedModel):
        return decoding.expand_tree(model, ids, width, depth)
    from labkit.backends.local.decoding import tree_expansion

    return tree_expansion.expand_tree(model, ids, width, depth)  # type: ignore[arg-type]


def search_beams(
    model: ScoringModel,
    prompt: str | Messages,
    beams: int,
    max_tokens: int,
    *,
    raw: bool = False,
    on_step: Callable[[], None] = lambda: None,
) -> list[Reply]:
    """See `labkit.backends.local.decoding.beam_search.search_beams`.

    Raises:
        ValueError: beams or max_tokens are not whole numbers, 1 or more.
    """
    check_whole("beams", beams)
    check_whole("max_tokens", max_tokens)
    how = {"raw": raw, "on_step": on_step}
    if isinstance(model, ServedModel):
        return beam_search.search_beams(model, prompt, beams, max_tokens, **how)
    from labkit.backends.local.decoding import beam_search as local

    return local.search_beams(model, prompt, beams, max_tokens, **how)  # type: ignore[arg-type]


def option_logprobs(
    model: ScoringModel, prompts: Sequence[Ids], options: Sequence[Sequence[Ids]]
) -> Iterator[tuple[int, dict[int, float]]]:
    """Log-probability of each option after its prompt, as the batches are done.

    Args:
        model: from ``labkit.load``.
        prompts: tokens of each prompt, at least one.
        options: for each prompt, the tokens of its options, each at least one.
    Yields:
        The prompt's number, and sums of natural log-probabilities by the option's number; a
        prompt may come several times, with some of its options each.
    """
    if isinstance(model, ServedModel):
        return decoding.option_logprobs(model, prompts, options)
    from labkit.backends.local.decoding import option_scores

    return option_scores.option_logprobs(model.model, prompts, options)


def padded_answers(
    model: ScoringModel,
    prompts: Sequence[Ids],
    *,
    max_tokens: int,
    is_complete: Callable[[list[int]], bool] = lambda ids: False,
    temperature: float = 0.0,
    seed: int = 0,
) -> Iterator[tuple[int, list[int]]]:
    """The tokens that a model writes after each prompt, as the answers end.

    Args:
        model: from ``labkit.load``.
        prompts: tokens of each prompt, at least one.
        max_tokens: limit of each answer.
        is_complete: whether an answer with these tokens needs no more.
        temperature: 0: the likeliest token each time.
        seed: of the draws.
    Yields:
        The prompt's number, and the answer's tokens without the end token.
    """
    how: dict[str, Any] = {"max_tokens": max_tokens, "is_complete": is_complete}
    how |= {"temperature": temperature, "seed": seed}
    if isinstance(model, ServedModel):
        return decoding.padded_answers(model, prompts, **how)
    from labkit.backends.local.decoding import padded_answers as local

    return local.padded_answers(model.model, prompts, end_ids=model.end_ids, **how)


def read_once(model: ScoringModel, prompts: Sequence[Ids]) -> int:
    """How many tokens at the beginning of all prompts are read once for all."""
    if isinstance(model, ServedModel):
        length = decoding.shared_length(prompts)
        return length if length >= WORTH_READING_ONCE else 0
    from labkit.backends.local.decoding.option_scores import SharedPrefix

    return SharedPrefix.worth(model.model, prompts)


def time_reading(model: ScoringModel, ids: Ids) -> float:
    """Seconds in which a model reads tokens, none of which is in its cache."""
    if isinstance(model, ServedModel):
        return decoding.time_reading(model, ids)
    from labkit.backends.local.decoding.option_scores import time_prefill

    return time_prefill(model.model, ids)


def growing_text(model: ScoringModel) -> Callable[[Ids], float]:
    """Seconds in which a model reads a text that has grown: what it read before is kept.

    Returns:
        A function of the whole text's tokens so far, to be called as they grow.
    """
    if isinstance(model, ServedModel):
        return decoding.growing_text(model)
    from labkit.backends.local.decoding import option_scores

    return option_scores.growing_text(model.model)


def reading_copy(model: ScoringModel, dtype: str | None = None) -> ScoringModel:
    """The model itself, or a copy of it in the number format in which it reads faster.

    Args:
        model: from ``labkit.load``.
        dtype: number format; None: the faster one on this machine; a served model has one alone.
    """
    if isinstance(model, ServedModel):
        return model
    from labkit.backends.local import overrides

    return overrides.reading_copy(model, dtype)  # type: ignore[arg-type]


def number_format(model: ScoringModel) -> str:
    """The number format of a model's weights; of a server, its kind."""
    if isinstance(model, ServedModel):
        return model.about().get("dtype", model.protocol.kind)
    return model.plan.needs.dtype  # type: ignore[attr-defined]
