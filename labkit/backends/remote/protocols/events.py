"""What servers say, checked by type before anything else sees it.

`Chunk` is the one form in which the lab reads an event: that of OpenAI's interface, with what
engines and providers add. Fields that are not listed are dropped; what is not of its type, not
finite, below 0 or absurdly large is a ValueError, and ends the answer.
"""

import functools
import math
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator, TypeAdapter, ValidationError

from labkit.backends.remote.api_keys import excerpt
from labkit.backends.timings import EngineTimings

LARGEST_COUNT = 10**9  # tokens
LARGEST_AMOUNT = 1e15  # nanoseconds are 11 days
LEAST_LOGPROB = -9999.0  # stands for "most unlikely" with OpenAI; others say minus infinity
T = TypeVar("T")


def _text(value: Any) -> str:
    """Lone surrogates included: the other half may come with the next event."""
    if not isinstance(value, str):
        raise ValueError("Input should be a text")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool | str | bytes):
        raise ValueError("Input should be a number")
    return value


def _speed(value: Any) -> Any:
    """Nothing in no time is an infinite speed, which is unknown."""
    return value if not isinstance(value, float) or math.isfinite(value) else None


def _logprob(value: Any) -> Any:
    return LEAST_LOGPROB if value == -math.inf else _number(value)


Text = Annotated[str, PlainValidator(_text)]
Count = Annotated[int, BeforeValidator(_number), Field(ge=0, le=LARGEST_COUNT)]
Amount = Annotated[
    float, BeforeValidator(_number), Field(ge=0, le=LARGEST_AMOUNT, allow_inf_nan=False)
]
Speed = Annotated[Amount | None, BeforeValidator(_speed)]
Logprob = Annotated[
    float, BeforeValidator(_logprob), Field(ge=LEAST_LOGPROB, le=1, allow_inf_nan=False)
]


def _usage(value: Any, name: str = "usage") -> Any:
    """Counts as a provider has them; of what it adds, the numbers that can be."""
    if name == "usage" or name.endswith("_details"):
        if not isinstance(value, dict | None):
            raise ValueError(f"{name} should be an object")
    elif name.endswith("_tokens"):
        return checked(Count | None, value)
    elif name == "cost" and not isinstance(value, dict):
        return checked(Amount | None, value)
    if isinstance(value, dict):
        return {key: _usage(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_usage(each, "") for each in value]
    is_number = isinstance(value, int | float)
    return None if is_number and not 0 <= value <= LARGEST_AMOUNT else value


Usage = Annotated[dict[str, Any] | None, PlainValidator(_usage)]


@dataclass(frozen=True, slots=True)
class ListedAlternative:
    """A token that could have come."""

    token: Text
    logprob: Logprob
    id: Count | None = None


@dataclass(frozen=True, slots=True)
class ListedToken(ListedAlternative):
    """A token that came, with the likeliest at its place."""

    top_logprobs: list[ListedAlternative] | None = None


@dataclass(frozen=True, slots=True)
class Logprobs:
    """Of chat, lists of tokens; of a text that is continued, three lists side by side.

    Source: OpenAI's API reference, "logprobs" of chat and of completions.
    """

    content: list[ListedToken] | None = None
    refusal: list[ListedToken] | None = None
    tokens: list[Text] | None = None
    token_logprobs: list[Logprob | None] | None = None
    top_logprobs: list[dict[Text, Logprob] | None] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text, as Mistral sends them."""

    type: str | None = None
    text: "Text | list[Part] | None" = None
    thinking: "Text | list[Part] | None" = None


Content = Text | list[Part] | None


@dataclass(frozen=True, slots=True)
class Delta:
    """What is new: of the answer, of a refusal, or of a thought, which has one of two names."""

    content: Content = None
    refusal: Content = None
    reasoning_content: Content = None
    reasoning: Content = None


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer, of which the lab asks for one."""

    delta: Delta | None = None
    text: Text | None = None
    finish_reason: str | None = None
    logprobs: Annotated[
        Logprobs | None, BeforeValidator(lambda value: value if isinstance(value, dict) else None)
    ] = None


_FILLED = BeforeValidator(lambda value: value or None)  # some servers send empty ones


@dataclass(frozen=True, slots=True)
class Timings:
    """llama.cpp's ``timings``."""

    prompt_n: Count | None = None
    prompt_ms: Amount | None = None
    predicted_n: Count | None = None
    predicted_ms: Amount | None = None
    predicted_per_second: Speed = None
    cache_n: Count | None = None

    def as_engine_timings(self) -> EngineTimings:
        """Its tokens per second are n - 1 gaps over their time.

        Source: github.com/ggml-org/llama.cpp, tools/server/README.md, "Timings and context usage".
        """
        return EngineTimings(
            source="llama.cpp, timings",
            prompt_s=seconds(self.prompt_ms, 1e3),
            decode_s=seconds(self.predicted_ms, 1e3),
            prompt_tokens=self.prompt_n,
            cached_tokens=self.cache_n,
            output_tokens=self.predicted_n,
            decode_tokens_per_s=self.predicted_per_second,
        )


@dataclass(frozen=True, slots=True)
class Stats:
    """The ``stats`` of LM Studio's own interface."""

    tokens_per_second: Speed = None
    time_to_first_token: Amount | None = None

    def as_engine_timings(self, written: int | None) -> EngineTimings:
        """Its time to the first token is the prompt's.

        Its ``generation_time`` begins with the prompt in some versions and with the first token in
        others (no document says), so the time of writing is taken from the tokens of the usage and
        their speed.

        Source: lmstudio.ai/docs/developer/rest/endpoints (lmstudio-ai/docs,
        1_developer/2_rest/endpoints.mdx), REST API v0, "POST /api/v0/chat/completions".
        """
        speed = self.tokens_per_second
        return EngineTimings(
            source="LM Studio, /api/v0 stats",
            prompt_s=self.time_to_first_token,
            decode_s=written / speed if written and speed else None,
            output_tokens=written,
            decode_tokens_per_s=speed,
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """An event in the form of OpenAI's interface.

    Attributes:
        choices, usage, model: as there; a provider's own count goes by ``own`` in ``usage``.
        timings: of llama.cpp.
        stats: of LM Studio.
        engine: the times of an engine with an interface of its own.
    """

    choices: list[Choice] | None = None
    usage: Usage = None
    model: str | None = None
    timings: Annotated[Timings | None, _FILLED] = None
    stats: Annotated[Stats | None, _FILLED] = None
    engine: EngineTimings | None = None


def seconds(number: float | None, parts: float) -> float | None:
    """Of a number of parts of a second."""
    return None if number is None else number / parts


def read_chunk(event: Any) -> Chunk:
    """An event of OpenAI's interface, checked."""
    return checked(Chunk, event)


def model_names(listing: Any, plural: str, key: str) -> tuple[str, ...]:
    """The names in a server's list of models; keys in them are masked."""
    entries = checked(dict[str, Any], listing).get(plural) or ()
    names = (checked(str, checked(dict[str, Any], entry).get(key)) for entry in entries)
    return tuple(excerpt(name) for name in names)


def checked(schema: Any, value: Any) -> Any:
    """A value as an instance of a schema.

    Raises:
        ValueError: with the field and the reason, and nothing of what the server said.
    """
    try:
        return _adapter(schema).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        names = (each for each in first["loc"] if isinstance(each, str | int))
        raise ValueError(f"{'.'.join(map(str, names))}: {first['msg']}") from None


@functools.cache
def _adapter(schema: Any) -> TypeAdapter:
    return TypeAdapter(schema)
