"""How much longer a tokenizer.json makes a text: sixty doublings would fill any memory."""

import math
from pathlib import Path
from typing import Any

import regex

from labkit.errors import LabError
from labkit.filesystem.read import read_file

LARGEST_FILE = 200_000_000  # bytes
MOST = 1000  # times as long; real ones stay below 10


def require_bounded(file: Path) -> Path:
    """Refuses a tokenizer.json that makes a text, or what it decodes, `MOST` times as long.

    Returns:
        The file.
    Raises:
        LabError: it does, or it is not JSON.
    """
    from pydantic_core import from_json

    try:
        content = from_json(read_file(file, LARGEST_FILE))
        parts = content.get("normalizer"), content.get("decoder"), content.get("pre_tokenizer")
        times = max(map(_growth, parts))
    except (LabError, ValueError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        raise LabError(
            f"{file} is not a tokenizer that can be read: {reason}", "Name a tokenizer.json."
        ) from None
    if times > MOST:
        raise LabError(
            f"{file} is refused: it makes a text up to {times:,.0f} times as long.",
            "Copy the tokenizer's files of the same model again.",
        )
    return file


def _growth(part: Any) -> float:
    """Of a step, or of all steps of a sequence, one after another."""
    if isinstance(part, list):
        return math.prod(map(_growth, part))
    if not isinstance(part, dict):
        return 1
    own = 1.0
    if part.get("type") == "Replace":
        own = _replaced(part.get("pattern"), str(part.get("content")))
    elif part.get("type") == "Prepend":
        own = 1 + len(str(part.get("prepend")))
    return own * math.prod(map(_growth, part.values()))


def _replaced(pattern: Any, content: str) -> float:
    """By how much a replacement is longer than what it replaces, a character at least."""
    found = pattern if isinstance(pattern, dict) else {}
    if text := found.get("String"):
        return max(1, len(content) / len(str(text)))
    try:
        is_empty = regex.search(str(found.get("Regex", "")), "") is not None
    except regex.error:  # of another dialect
        is_empty = True
    return max(1, len(content) + is_empty)
