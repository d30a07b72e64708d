"""Ollama by its own interface, which tells how long loading, reading and writing took.

It reuses what it knows of an earlier prompt, and nothing asks it not to: what it read anew is in
the reply's ``timings``. Whether a model thinks first is left to the model.

Source: github.com/ollama/ollama: docs/api.md (commit 01e52d2), "Generate a chat completion" and
"Generate a completion", a JSON object a line; docs/openapi.yaml (017eb8a), logprobs and think;
docs/api/errors.mdx (36bc90b), "Errors that occur while streaming"; llm/llama_server.go (00f6d62),
how the options are passed on.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from labkit.backends.settings import Settings
from labkit.backends.timings import from_ollama

from .client import ServerModel
from .events import Chunk
from .parameters import ALTERNATIVES, OLLAMA, named_settings
from .transport import Tracer


class OllamaModel(ServerModel):
    """A model that Ollama serves; what it measures itself is in the reply's ``timings``.

    Attributes:
        name, model, kind: as of `ServerModel`.
        base_url: Ollama's address.
    """

    dialect = OLLAMA

    def _body(self, prompt: str | list, settings: Settings, raw: bool) -> dict[str, Any]:
        options = {**OLLAMA.more, **named_settings(self.kind, settings, OLLAMA)}
        asked = {"prompt": prompt, "raw": True} if raw else {"messages": prompt}
        more = {"stream": True, "logprobs": True, "top_logprobs": ALTERNATIVES}
        return {"model": self.model, **asked, "options": options, **more}

    def _chunks(
        self, body: dict[str, Any], raw: bool, tracer: Tracer, opened: Callable
    ) -> Iterator[tuple[float, Chunk]]:
        """Each line as an event in OpenAI's form, with the moment it came."""
        url = f"{self.base_url}/api/{'generate' if raw else 'chat'}"
        with self._sentences():
            client = self._connected()
            with tracer:
                request = client.build_request("POST", url, json=body)
                answer = client.send(request, stream=True)
            with closing(answer):
                opened(answer)
                _require_ok(answer)
                for line in filter(str.strip, answer.iter_lines()):
                    told = json.loads(line)
                    _require_no_error(told, answer)
                    yield tracer.arrived, _as_chunk(told)

    def _new_client(self, http_client):
        if self._api_key:
            http_client.headers["Authorization"] = f"Bearer {self._revealed}"
        return http_client


def _as_chunk(told: dict[str, Any]) -> Chunk:
    message = told.get("message") or {}
    delta = {
        "content": message.get("content") or told.get("response"),
        "reasoning": message.get("thinking") or told.get("thinking"),
    }
    ended = (told.get("done_reason") or "stop") if told.get("done") else None
    choice = {"delta": delta, "finish_reason": ended}
    if logprobs := told.get("logprobs"):
        choice["logprobs"] = {"content": logprobs}
    usage = {
        "prompt_tokens": told.get("prompt_eval_count"),
        "completion_tokens": told.get("eval_count"),
    }
    if not ended:
        return {"choices": [choice]}
    return {"choices": [choice], "usage": usage, "engine": from_ollama(told)}


def _require_ok(answer) -> None:
    """Raises what the OpenAI client would, so that the same sentences are told."""
    import openai

    if answer.status_code >= 300:
        answer.read()
        try:
            body = answer.json()
        except ValueError:
            body = None
        message = answer.text or f"status {answer.status_code}"
        raise openai.APIStatusError(message, response=answer, body=body)


def _require_no_error(told: dict[str, Any], answer) -> None:
    import openai

    if error := told.get("error"):
        raise openai.APIError(str(error), answer.request, body=told)
