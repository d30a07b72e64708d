"""What would be sent to providers, and the most it can cost, computed before anything is sent."""

from collections.abc import Mapping, Sequence

from labkit.backends.capabilities import Priced, model_of
from labkit.backends.generate import Backend
from labkit.backends.prompts import Messages
from labkit.backends.remote.budget import Estimate

from .settings_variant import own_settings

BEFORE = "Before you press Run: "


def cost_sentences(
    backends: Mapping[str, Backend],
    prompts: Mapping[str, Sequence[str | Messages]],
    max_tokens: int,
) -> tuple[str, ...]:
    """A sentence for each model that costs money, computed; nothing is sent.

    Args:
        backends: by name; those without a price, such as local models, are skipped.
        prompts: the prompts of each, by the same names.
        max_tokens: the limit of an answer, where a variant does not set its own.
    Raises:
        ValueError: an empty prompt.
    """
    sentences = []
    for name, backend in backends.items():
        model = model_of(backend)
        limit = own_settings(backend, {"max_tokens": max_tokens})["max_tokens"]
        if isinstance(model, Priced) and prompts[name]:
            estimates = [model.estimate(prompt, max_tokens=limit) for prompt in prompts[name]]
            if None not in estimates:
                one = len(estimates) == 1
                sentences.append(estimates[0].summary if one else _total(estimates))
    return tuple(sentences)


def _total(estimates: Sequence[Estimate]) -> str:
    first, prices = estimates[0], [estimate.price_usd for estimate in estimates]
    price = "unknown" if None in prices else f"${sum(prices):.6f}"
    size = sum(estimate.prompt_bytes for estimate in estimates)
    return (
        f"{first.model}: {len(estimates)} requests, {size:,} bytes of prompts would be sent to "
        f"{first.address}; price at most {price} (computed, {first.source})"
    )
