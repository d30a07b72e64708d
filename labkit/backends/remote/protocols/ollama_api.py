"""Ollama's own interface, which reports how long loading, reading and writing took.

It reuses what it knows of an earlier prompt, and cannot be asked not to: what it read anew is in
the reply's ``timings``. A model thinks first if it can, unless ``think`` says otherwise.

Source: github.com/ollama/ollama: docs/api.md (commit 01e52d2), "Generate a chat completion" and
"Generate a completion", a JSON object a line; docs/openapi.yaml (017eb8a), logprobs and think;
docs/api/errors.mdx (36bc90b), "Errors that occur while streaming"; llm/llama_server.go (00f6d62),
how the options are passed on.
"""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2

from labkit.backends.prompts import Messages
from labkit.backends.settings import Settings
from labkit.backends.timings import from_ollama

from .parameters import ALTERNATIVES, OLLAMA, Parameters, named_settings, thinking_field
from .protocol import Chunk, RemoteProtocol


@dataclass(frozen=True, slots=True)
class Ollama(RemoteProtocol):
    """See `RemoteProtocol`. Its errors are those of openai's client: so are the sentences."""

    sdk: ClassVar = "openai"
    sample: ClassVar = '{"message": {"content": "a"}, "done": true}\n'
    kind: str = "Ollama"
    parameters: Parameters = OLLAMA

    def connect(self, http, base_url: str, key: str):
        http.base_url = base_url
        if key != "none":
            http.headers["Authorization"] = f"Bearer {key}"
        return http

    def models(self, client) -> tuple[str, ...]:
        response = client.get("/api/tags")
        _require_ok(response)
        return tuple(model["name"] for model in response.json()["models"] or ())

    def body(self, prompt: str | Messages, settings: Settings, *, raw: bool) -> dict[str, Any]:
        options = {**self.parameters.more, **named_settings(self.kind, settings, self.parameters)}
        asked = {"prompt": prompt, "raw": True} if raw else {"messages": prompt}
        more = {"stream": True, "logprobs": True, "top_logprobs": ALTERNATIVES}
        more |= thinking_field(self.kind, settings, self.parameters, raw=raw)
        return {**asked, "options": options, **more}

    @contextmanager
    def send(self, client, body: dict[str, Any]) -> Iterator[tuple[Any, Iterator]]:
        path = "/api/generate" if "raw" in body else "/api/chat"
        request = client.build_request("POST", path, json={"model": self.model, **body})
        with closing(client.send(request, stream=True)) as response:
            _require_ok(response)
            yield response, filter(str.strip, response.iter_lines())

    def translator(self):
        return _as_chunk


def _as_chunk(line: str) -> Chunk:
    import openai

    event = json.loads(line)
    if error := event.get("error"):
        raise openai.APIError(str(error), httpx2.Request("POST", "/api"), body=event)
    message = event.get("message") or {}
    delta = {
        "content": message.get("content") or event.get("response"),
        "reasoning": message.get("thinking") or event.get("thinking"),
    }
    ended = (event.get("done_reason") or "stop") if event.get("done") else None
    choice = {"delta": delta, "finish_reason": ended}
    if logprobs := event.get("logprobs"):
        choice["logprobs"] = {"content": logprobs}
    if not ended:
        return {"choices": [choice]}
    usage = {
        "prompt_tokens": event.get("prompt_eval_count"),
        "completion_tokens": event.get("eval_count"),
    }
    return {"choices": [choice], "usage": usage, "engine": from_ollama(event)}


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
