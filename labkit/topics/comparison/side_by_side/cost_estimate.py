"""What providers would be sent, and what it costs at most: told before anything is."""

from collections.abc import Mapping, Sequence

from labkit.backends.cloud.budget import Estimate
from labkit.backends.generate import Backend
from labkit.backends.prompts import Messages

BEFORE = "Before you press Run: "


def cost_sentences(
    backends: Mapping[str, Backend],
    prompts: Mapping[str, Sequence[str | Messages]],
    max_tokens: int,
) -> tuple[str, ...]:
    """A sentence for each model that costs money, computed; nothing is sent.

    Args:
        backends: by name; those that know no price, as local models, are passed over.
        prompts: by the same names, what each would be asked.
        max_tokens: at most so many tokens are written in an answer.
    Raises:
        ValueError: an empty prompt.
    """
    told = []
    for name, backend in backends.items():
        model = getattr(backend, "backend", backend)  # of a variant, which has settings of its own
        most = getattr(backend, "settings", {}).get("max_tokens", max_tokens)
        if hasattr(model, "estimate") and prompts[name]:
            each = [model.estimate(prompt, max_tokens=most) for prompt in prompts[name]]
            told.append(each[0].summary if len(each) == 1 else _together(each))
    return tuple(told)


def _together(each: Sequence[Estimate]) -> str:
    """Several requests to one model, in a line."""
    one, prices = each[0], [estimate.price_usd for estimate in each]
    price = "unknown" if None in prices else f"${sum(prices):.6f}"
    size = sum(estimate.prompt_bytes for estimate in each)
    return (
        f"{one.model}: {len(each)} requests, {size:,} bytes of prompts would be sent to "
        f"{one.address}; price at most {price} (computed, {one.source})"
    )
