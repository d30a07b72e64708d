"""What llama.cpp expects at places of a text that is given: its scores, token by token."""

from collections.abc import Iterator, Sequence

from .model import LlamaCppModel


def expected_tokens(
    model: LlamaCppModel, ids: Sequence[int], places: Sequence[int], top: int
) -> Iterator[dict[int, float]]:
    """The likeliest next tokens after so many tokens of a text, at one place after the other.

    The engine keeps what it has read, so that each place costs little more than a token.

    Args:
        model: from ``labkit.load_llamacpp``.
        ids: tokens of the text, the model's own.
        places: how many of them come before, rising.
        top: so many of the likeliest tokens are told.
    Yields:
        Token ids and natural logarithms of their probabilities by the model's own scores, best
        first.
    """
    # The engine tells nothing of a token that is only a part of a character. So it is made to write
    # a whole one; what it tells is what it expected before that.
    letter = model.encode("a", raw=True)[-1]
    asked = {"n_predict": 1, "n_probs": top, "temperature": 0, "logit_bias": [[letter, 1000]]}
    for place in places:
        body = {"prompt": list(ids[:place]), "cache_prompt": True, **asked}
        told = model.ask("/completion", body)
        (written,) = told["completion_probabilities"]
        yield {each["id"]: each["logprob"] for each in written["top_logprobs"]}
