"""Tokens of a text as Anthropic counts them: Claude's tokenizer is not public, its counter is."""

import json
import os
import urllib.error
import urllib.request

from labkit.errors import LabError

ADDRESS = "https://api.anthropic.com"
MODEL = "claude-sonnet-4-5"  # counts are asked for a model; "claude" alone means this one


def count_tokens(text: str, model: str = MODEL, *, timeout_s: float = 30) -> int | None:
    """How many tokens Claude reads for a message of that text; nothing is generated or charged.

    Args:
        text: sent to Anthropic if ``ANTHROPIC_API_KEY`` is set, and nowhere if not.
        model: Anthropic's name of it, or ``"claude"``.
        timeout_s: seconds to wait.
    Returns:
        The count, the few tokens around a message included; 0 for an empty text; None without a
        key.
    Raises:
        LabError: the key is refused, the model unknown, or there is no answer.
    """
    key = os.environ.get("ANTHROPIC_API_KEY")
    if not key:
        return None
    if not text:
        return 0  # the endpoint refuses a message without text
    asked = {
        "model": MODEL if model == "claude" else model,
        "messages": [{"role": "user", "content": text}],
    }
    base = os.environ.get("ANTHROPIC_BASE_URL", ADDRESS).rstrip("/")
    request = urllib.request.Request(
        f"{base}/v1/messages/count_tokens",
        json.dumps(asked).encode(),
        {"x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return int(json.load(answer)["input_tokens"])
    except (OSError, ValueError, KeyError) as error:  # HTTPError is an OSError
        raise LabError(
            f"Anthropic did not count the tokens: {_message(error)}",
            "Check the network and ANTHROPIC_API_KEY; without a key, the count is unknown.",
        ) from None


def _message(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        try:
            return json.load(error)["error"]["message"]
        except (ValueError, KeyError, TypeError):
            return f"status {error.code}"
    return str(error) or type(error).__name__
