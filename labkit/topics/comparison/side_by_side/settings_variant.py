"""The same model with settings of its own, as a backend beside others."""

from dataclasses import dataclass, field
from typing import Any

from labkit.backends.generate import Backend
from labkit.backends.prompts import Messages
from labkit.backends.reply import Stream
from labkit.backends.settings import Settings


@dataclass(frozen=True, slots=True)
class Variant:
    """A backend that is always asked with these settings.

    Attributes:
        backend: who is asked.
        name: of this variant.
        settings: that it has whatever the others have.
    """

    backend: Backend
    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`; the variant's own settings go before those given."""
        return self.backend.stream(prompt, raw=raw, **{**settings, **self.settings})


def with_settings(backend: Backend, name: str, **settings) -> Variant:
    """A model with settings of its own, to be put beside others in a batch or a blind vote.

    Args:
        backend: from ``labkit.load`` or any other.
        name: of the variant, such as ``"temperature 1.5"``.
        settings: see ``labkit.backends.settings.Settings``; others stay as the caller gives them.
    Raises:
        ValueError: no name, no setting, or one out of bounds.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"name must be a text with at least one character; got {name!r}")
    if not settings:
        raise ValueError("settings must be one or more, such as temperature=1.5; got none")
    Settings(**settings)
    return Variant(backend, name, settings)
