"""What an engine measured itself on one request, by its own clock."""

from dataclasses import dataclass, fields

LARGEST = 10**9  # seconds, tokens, tokens a second


@dataclass(frozen=True, slots=True)
class EngineTimings:
    """An engine's own times for one request. What it does not report is None.

    Attributes:
        source: the engine, and the interface that it reports by.
        load_s: seconds until the model was in memory; near 0 where it already was.
        prompt_s: seconds of reading the prompt (prefill).
        decode_s: seconds of writing, from the first token on.
        prompt_tokens: tokens it read in those seconds; those it still knew are left out.
        cached_tokens: tokens of the prompt that it still knew from before.
        output_tokens: tokens it wrote, the end token included.
        decode_tokens_per_s: its own figure for the speed of writing.
    Raises:
        ValueError: a number is below 0, not finite or absurd.
    """

    source: str
    load_s: float | None = None
    prompt_s: float | None = None
    decode_s: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    decode_tokens_per_s: float | None = None

    def __post_init__(self):
        for name in (field.name for field in fields(self) if field.name != "source"):
            number = getattr(self, name)
            if number is not None and not 0 <= number <= LARGEST:
                raise ValueError(f"{name} must be a number, 0 to {LARGEST:,}; got {number!r:.40}")

    @property
    def prompt_tokens_per_s(self) -> float | None:
        """Speed of reading the prompt; None where one of the two numbers is missing."""
        if not self.prompt_s or self.prompt_tokens is None:
            return None
        return self.prompt_tokens / self.prompt_s
