"""Any server that speaks OpenAI's language, through the official client."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from labkit.backends.guard.policy import Policy, ScreenedPrompt, as_policy
from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.reply import Stream
from labkit.backends.settings import Settings
from labkit.errors import LabError

from . import discovery
from .addresses import is_loopback, server_root
from .api_keys import Secret, use_key
from .errors import OF_SERVERS, as_sentences
from .events import Chunk, read_server
from .parameters import DIALECTS, Dialect, request_fields
from .restore import follow, without_stop
from .transport import Tracer, find_proxy, make_http_client
from .warmup import warm_openai

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 120.0  # reading a long prompt on a slow machine, during which nothing comes


class ServerModel:
    """A model behind OpenAI's interface.

    Attributes:
        name: the model's name and the server's kind.
        model: the model's name, as the server has it.
        kind: which server it is; it decides the settings that can be asked for.
        base_url: the address below which the interface lies.
        origin: how its numbers come about; see `Reply`.
        mends: what somebody can do where it fails.
    """

    origin = "measured"
    mends = OF_SERVERS

    def __init__(
        self,
        base_url: str,
        model: str | None,
        kind: str,
        api_key: str | Secret | None = None,
        timeouts_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
        *,
        policy: Policy | None = None,
        dialect: Dialect | None = None,
    ):
        self.base_url, self.model, self.kind, self.policy = base_url, model, kind, policy
        self._api_key = use_key(api_key) if isinstance(api_key, str) else api_key
        self._timeouts_s, self._dialect = timeouts_s, dialect
        self._client = None

    @property
    def name(self) -> str:
        """The model's name and the server's kind."""
        return f"{_short(self.model)} ({self.kind})"

    @property
    def policy(self) -> Policy | None:
        """What happens to secrets and personal data in a prompt; an action's name sets one."""
        return self._policy

    @policy.setter
    def policy(self, policy: Policy | str | None) -> None:
        self._policy = as_policy(policy)

    @property
    def where(self) -> str:
        """The server's kind and address, for a sentence."""
        return f"{self.kind} at {self.base_url}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {_short(self.model)}: {self.where}>"

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`. The request is sent when the first step is asked for.

        Raises:
            ValueError: a bad prompt, or a setting that this kind of server does not take.
            LabError: the policy does not let the prompt out.
        """
        chosen = self._settings(settings)
        asked = checked_prompt(prompt, raw=raw)
        passed = self._passed(asked, chosen.stop)
        body = self._body(passed.prompt, chosen, raw)
        self._connected()  # before any clock runs: loading the client takes its time
        stream, tracer = Stream(chosen, origin=self.origin), self._tracer()
        steps = read_server(stream, partial(self._chunks, body, raw, tracer), self.where)
        if chosen.stop and self.dialect.keeps_stop:
            steps = without_stop(stream, steps)
        stream._steps = follow(stream, steps, tracer, passed)
        return stream

    def _passed(self, asked: str | list, stop: tuple[str, ...]) -> ScreenedPrompt:
        """What the policy lets out; a stop string leaves too, and cannot be put back."""
        if self.policy is None:
            return ScreenedPrompt(asked, ())
        for text in stop:
            if self.policy.apply(text).restorer:
                raise LabError(
                    "Nothing was sent: a stop string holds what should not leave this machine.",
                    'Choose another, or backend.policy = labkit.Policy("allow").',
                )
        return self.policy.apply(asked)

    @property
    def dialect(self) -> Dialect:
        """What it takes, and by which names."""
        return self._dialect or DIALECTS[self.kind]

    def _settings(self, settings: dict[str, Any]) -> Settings:
        """The settings as they will be; with a seed where the server takes one."""
        chosen = Settings(**{**self.dialect.fixed, **settings})
        if chosen.seed is not None or "seed" not in self.dialect.names:
            return chosen
        return replace(chosen, seed=random.randrange(min(2**32, self.dialect.seeds)))

    def about(self) -> dict[str, str]:
        """Which engine it is, with its version where one on this machine tells that."""
        address = server_root(self.base_url)
        version = discovery.find_version(self.kind, address) if is_loopback(address) else None
        return {"engine": f"{self.kind} {version}" if version else self.kind}

    def models(self) -> tuple[str, ...]:
        """The names of the server's models.

        Raises:
            LabError: it does not answer.
        """
        with self._sentences():
            return tuple(model.id for model in self._connected().models.list().data or ())

    def _body(self, prompt: str | list, settings: Settings, raw: bool) -> dict[str, Any]:
        return {
            "prompt" if raw else "messages": prompt,
            **request_fields(self.kind, settings, raw=raw, dialect=self.dialect),
        }

    def _chunks(
        self, body: dict[str, Any], raw: bool, tracer: Tracer, opened: Callable
    ) -> Iterator[tuple[float, Chunk]]:
        """Each event with the moment it came; leaving the loop closes the connection."""
        with self._sentences():
            with tracer:
                events = self._open(body, raw)
            with events:
                opened(events.response)
                for event in events:
                    yield tracer.arrived, event.to_dict()

    def _open(self, body: dict[str, Any], raw: bool):
        client = self._connected()
        if raw:
            prompt = body.pop("prompt")
            ask = client.completions.create
            return ask(model=self.model, prompt=prompt, stream=True, extra_body=body)
        messages = body.pop("messages")
        ask = client.chat.completions.create
        return ask(model=self.model, messages=messages, stream=True, extra_body=body)

    def _sentences(self, sdk=None):
        return as_sentences(self.where, self.model, self._timeouts_s[1], self.mends, sdk)

    def _connected(self):
        """The client. It retries nothing, or a time would be that of several requests."""
        if self._client is None:
            self._client = self._new_client(self._http_client())
        return self._client

    @property
    def _proxy(self) -> str | None:
        """No proxy is asked for what is on this machine."""
        return None if is_loopback(self.base_url) else find_proxy(self.base_url)

    def _tracer(self) -> Tracer:
        return Tracer(self.base_url, self._proxy)

    def _http_client(self):
        return make_http_client(self.base_url, self._timeouts_s, proxy=self._proxy)

    def _new_client(self, http_client):
        import openai

        client = openai.OpenAI(
            base_url=self.base_url, api_key=self._revealed, max_retries=0, http_client=http_client
        )
        # Taken from the environment, where they are meant for OpenAI itself.
        client.organization = client.project = None
        warm_openai()
        return client

    @property
    def _revealed(self) -> str:
        return self._api_key.reveal() if self._api_key else "none"


def _short(model: str | None) -> str:
    """A file's name without its folders; names of hubs keep their owner."""
    return (model or "").rpartition("/")[2] if (model or "").startswith("/") else model or ""
