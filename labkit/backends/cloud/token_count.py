"""How many tokens Claude reads for a text: its tokenizer is not public, its counter is."""

import os

from labkit.backends.guard.policy import Policy
from labkit.backends.remote.api_keys import find_key
from labkit.errors import LabError

from .cloud import ASK, cloud
from .providers import PROVIDERS

MODEL = "claude-sonnet-4-5"  # counts are asked for a model; "claude" alone means this one


def count_tokens(
    text: str, model: str = MODEL, *, policy: Policy | str | None = ASK, timeout_s: float = 30
) -> int | None:
    """How many tokens Claude reads for a message of that text; nothing is generated or charged.

    Args:
        text: sent to Anthropic if there is a key, and nowhere if not.
        model: Anthropic's name of it, or ``"claude"``.
        policy: what happens to secrets and personal data in the text, as of `labkit.cloud`.
        timeout_s: seconds to wait.
    Returns:
        The count, the few tokens around a message included; 0 for an empty text; None without a
        key.
    Raises:
        LabError: the policy does not let the text out, the key is refused, the model unknown, or
            there is no answer.
    """
    if find_key("anthropic", PROVIDERS["anthropic"].key_names) is None:
        return None
    if not text:
        return 0  # the endpoint refuses a message without text
    backend = cloud(
        "anthropic",
        MODEL if model == "claude" else model,
        policy=policy,
        address=os.environ.get("ANTHROPIC_BASE_URL"),
        read_timeout_s=timeout_s,
    )
    try:
        return backend.count_tokens(text)
    except LabError as error:
        raise LabError(
            f"Anthropic did not count the tokens: {error.problem}",
            error.hint or "Without a key, the count is unknown.",
        ) from None
