"""A model with its own settings, as a backend beside others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labkit.backends.capabilities import check_backend
from labkit.backends.generate import Backend
from labkit.backends.prompts import Messages
from labkit.backends.reply import Stream
from labkit.backends.settings import Settings


@dataclass(frozen=True, slots=True)
class Variant:
    """A backend that always answers with these settings.

    Attributes:
        backend: the backend that answers.
        name: the variant's name.
        settings: the settings that override the caller's.
    """

    backend: Backend
    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`; the variant's own settings override those given."""
        return self.backend.stream(prompt, raw=raw, **{**settings, **self.settings})


def with_settings(backend: Backend, name: str, **settings) -> Variant:
    """A model with its own settings, to compare with others in a batch or a blind vote.

    Args:
        backend: from ``labkit.load`` or any other.
        name: the variant's name, such as ``"temperature 1.5"``.
        settings: see ``labkit.backends.settings.Settings``; all others are the caller's.
    Raises:
        ValueError: not a backend, no name, no setting, or a setting that is out of range.
    """
    check_backend("backend", backend)
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"name must be a text with at least one character; got {name!r}")
    if not settings:
        raise ValueError("settings must hold at least one, such as temperature=1.5; got none")
    Settings(**settings)
    return Variant(backend, name, settings)


def own_settings(backend: Backend, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with which a backend answers if it is asked with these.

    Of variants of variants, those of the innermost count, as it is asked last.
    """
    settings = dict(asked)
    while isinstance(backend, Variant):
        settings |= backend.settings
        backend = backend.backend
    return settings
