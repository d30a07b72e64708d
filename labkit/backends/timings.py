"""What an engine measured itself on one request, by its own clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
    """

    source: str
    load_s: float | None = None
    prompt_s: float | None = None
    decode_s: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    decode_tokens_per_s: float | None = None

    @property
    def prompt_tokens_per_s(self) -> float | None:
        """Speed of reading the prompt; None where one of the two numbers is missing."""
        if not self.prompt_s or self.prompt_tokens is None:
            return None
        return self.prompt_tokens / self.prompt_s


def from_llamacpp(timings: Mapping[str, Any]) -> EngineTimings:
    """llama.cpp's ``timings``; its tokens per second are n - 1 gaps over their time.

    Source: github.com/ggml-org/llama.cpp, tools/server/README.md, "Timings and context usage".
    """
    return EngineTimings(
        source="llama.cpp, timings",
        prompt_s=_seconds(timings.get("prompt_ms"), 1e3),
        decode_s=_seconds(timings.get("predicted_ms"), 1e3),
        prompt_tokens=timings.get("prompt_n"),
        cached_tokens=timings.get("cache_n"),
        output_tokens=timings.get("predicted_n"),
        decode_tokens_per_s=timings.get("predicted_per_second"),
    )


def from_ollama(event: Mapping[str, Any]) -> EngineTimings:
    """The durations, in nanoseconds, of the last object of Ollama's own interface.

    It always reuses what it still knows of a prompt, and counts that in ``prompt_eval_count``; how
    much that was it reports since August 2026. Before, the tokens that it read are unknown.

    Source: github.com/ollama/ollama, docs/api.md, "Generate a completion": eval_count /
    eval_duration is the speed that it prints itself; pull request 17943, "Report cached prompt
    tokens": prompt_eval_cached_count.
    """
    decode_s, written = _seconds(event.get("eval_duration"), 1e9), event.get("eval_count")
    whole, cached = event.get("prompt_eval_count"), event.get("prompt_eval_cached_count")
    return EngineTimings(
        source="Ollama, /api",
        load_s=_seconds(event.get("load_duration"), 1e9),
        prompt_s=_seconds(event.get("prompt_eval_duration"), 1e9),
        decode_s=decode_s,
        prompt_tokens=None if whole is None or cached is None else whole - cached,
        cached_tokens=cached,
        output_tokens=written,
        decode_tokens_per_s=written / decode_s if written and decode_s else None,
    )


def from_lm_studio(stats: Mapping[str, Any], written: int | None) -> EngineTimings:
    """The ``stats`` of LM Studio's own interface; its time to the first token is the prompt's.

    Its ``generation_time`` begins with the prompt in some versions and with the first token in
    others (no document says), so the time of writing is taken from the tokens of the usage and
    their speed.

    Source: lmstudio.ai/docs/developer/rest/endpoints (lmstudio-ai/docs,
    1_developer/2_rest/endpoints.mdx), REST API v0, "POST /api/v0/chat/completions".
    """
    speed = stats.get("tokens_per_second")
    return EngineTimings(
        source="LM Studio, /api/v0 stats",
        prompt_s=stats.get("time_to_first_token"),
        decode_s=written / speed if written and speed else None,
        output_tokens=written,
        decode_tokens_per_s=speed,
    )


def _seconds(number: Any, parts: float) -> float | None:
    return None if number is None else number / parts
