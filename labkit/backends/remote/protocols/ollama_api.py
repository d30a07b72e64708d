"""Ollama's own interface, which reports how long loading, reading and writing took.

It reuses what it knows of an earlier prompt, and cannot be asked not to: what it read anew is in
the reply's ``timings``. A model thinks first if it can, unless ``think`` says otherwise.

Source: github.com/ollama/ollama: docs/api.md (commit 01e52d2), "Generate a chat completion" and
"Generate a completion", a JSON object a line; docs/openapi.yaml (017eb8a), logprobs and think;
docs/api/errors.mdx (36bc90b), "Errors that occur while streaming"; llm/llama_server.go (00f6d62),
how the options are passed on.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2

from labkit.backends.prompts import Messages
from labkit.backends.settings import Settings
from labkit.backends.timings import EngineTimings

from .events import (
    Amount,
    Choice,
    Chunk,
    Count,
    Delta,
    ListedToken,
    Logprobs,
    Text,
    checked,
    model_names,
    seconds,
)
from .parameters import ALTERNATIVES, OLLAMA, Parameters, named_settings
from .protocol import RemoteProtocol


@dataclass(frozen=True, slots=True)
class Ollama(RemoteProtocol):
    """See `RemoteProtocol`. Its errors are those of openai's client: so are the sentences."""

    sdk: ClassVar = "openai"
    sample: ClassVar = '{"message": {"content": "a"}, "done": true}\n'
    kind: str = "Ollama"
    parameters: Parameters = OLLAMA

    def connect(self, http, base_url: str):
        http.base_url = base_url
        return http

    def models(self, client) -> tuple[str, ...]:
        response = client.get("/api/tags")
        _require_ok(response)
        return model_names(response.json(), "models", "name")

    def body(self, prompt: str | Messages, settings: Settings, *, raw: bool) -> dict[str, Any]:
        parameters = self.parameters.when(settings.thinking, raw=raw)
        options = {**parameters.more, **named_settings(self.kind, settings, parameters)}
        asked = {"prompt": prompt, "raw": True} if raw else {"messages": prompt}
        more = {"stream": True, "logprobs": True, "top_logprobs": ALTERNATIVES}
        if "think" in options:
            more["think"] = options.pop("think")
        return {**asked, "options": options, **more}

    @contextmanager
    def send(self, client, body: dict[str, Any]) -> Iterator[Iterator]:
        path = "/api/generate" if "raw" in body else "/api/chat"
        request = client.build_request("POST", path, json={"model": self.model, **body})
        with closing(client.send(request, stream=True)) as response:
            _require_ok(response)
            yield filter(bytes.strip, _lines(response.iter_bytes()))

    def translator(self):
        return _as_chunk


@dataclass(frozen=True, slots=True)
class OllamaMessage:
    """What is new in a chat."""

    content: Text | None = None
    thinking: Text | None = None


@dataclass(frozen=True, slots=True)
class OllamaEvent:
    """An object of a stream; the last has the counts, and the durations in nanoseconds."""

    message: OllamaMessage | None = None
    response: Text | None = None
    thinking: Text | None = None
    logprobs: list[ListedToken] | None = None
    done: bool | None = None
    done_reason: str | None = None
    load_duration: Amount | None = None
    prompt_eval_count: Count | None = None
    prompt_eval_cached_count: Count | None = None
    prompt_eval_duration: Amount | None = None
    eval_count: Count | None = None
    eval_duration: Amount | None = None
    error: Any = None

    def as_engine_timings(self) -> EngineTimings:
        """It always reuses what it still knows of a prompt, and counts that as read.

        How much that was it reports since August 2026; before, the tokens it read are unknown.

        Source: github.com/ollama/ollama, docs/api.md, "Generate a completion": eval_count /
        eval_duration is the speed that it prints itself; pull request 17943, "Report cached prompt
        tokens": prompt_eval_cached_count.
        """
        decode_s, written = seconds(self.eval_duration, 1e9), self.eval_count
        whole, cached = self.prompt_eval_count, self.prompt_eval_cached_count
        return EngineTimings(
            source="Ollama, /api",
            load_s=seconds(self.load_duration, 1e9),
            prompt_s=seconds(self.prompt_eval_duration, 1e9),
            decode_s=decode_s,
            prompt_tokens=None if whole is None or cached is None else whole - cached,
            cached_tokens=cached,
            output_tokens=written,
            decode_tokens_per_s=written / decode_s if written and decode_s else None,
        )


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What newlines separate: httpx2's own lines also end at U+0085 or U+2028 in an answer."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    yield rest


def _as_chunk(line: bytes) -> Chunk:
    import openai

    event = checked(OllamaEvent, json.loads(line))
    if event.error:
        message = event.error if isinstance(event.error, str) else "it does not say why"
        raise openai.APIError(message, httpx2.Request("POST", "/api"), body=None)
    message = event.message or OllamaMessage()
    delta = Delta(
        content=message.content or event.response, reasoning=message.thinking or event.thinking
    )
    ended = (event.done_reason or "stop") if event.done else None
    logprobs = Logprobs(content=event.logprobs) if event.logprobs else None
    choice = Choice(delta, None, ended, logprobs)
    if not ended:
        return Chunk([choice])
    usage = {"prompt_tokens": event.prompt_eval_count, "completion_tokens": event.eval_count}
    return Chunk([choice], usage, engine=event.as_engine_timings())


def _require_ok(response) -> None:
    import openai

    if response.status_code < 300:
        return
    response.read()
    try:
        body = response.json()
    except ValueError:
        body = None
    message = response.text or f"status {response.status_code}"
    raise openai.APIStatusError(message, response=response, body=body)
