"""What llama.cpp expects within a given text: its scores, token by token."""

from collections.abc import Iterator, Sequence

from .model import LlamaCppModel


def expected_tokens(
    model: LlamaCppModel, ids: Sequence[int], lengths: Sequence[int], top: int
) -> Iterator[dict[int, float]]:
    """The likeliest next tokens after the first n tokens of a text, for one n after the other.

    The engine keeps what it has read, so that each costs little more than a token.

    Args:
        model: from ``labkit.load_llamacpp``.
        ids: tokens of the text, the model's own.
        lengths: each n, rising.
        top: number of the likeliest tokens that are given.
    Yields:
        Token ids and natural logarithms of their probabilities by the model's own scores, best
        first.
    """
    # The engine gives nothing for a token that is a part of a character. So it is made to write a
    # whole one; what it gives is what it expected before that.
    letter = model.encode("a", raw=True)[-1]
    asked = {"n_predict": 1, "n_probs": top, "temperature": 0, "logit_bias": [[letter, 1000]]}
    for length in lengths:
        body = {"prompt": list(ids[:length]), "cache_prompt": True, **asked}
        (written,) = model.ask("/completion", body)["completion_probabilities"]
        yield {each["id"]: each["logprob"] for each in written["top_logprobs"]}
