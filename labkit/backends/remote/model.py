"""A model behind an address: a protocol, a transport, a policy and a meter, put together."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

import httpx2

from labkit.backends.guard.policy import Policy, ScreenedPrompt, as_policy, screen
from labkit.backends.guard.redaction import Restorer
from labkit.backends.prompts import Messages, checked_prompt, count_words
from labkit.backends.reply import Step, Stream
from labkit.backends.settings import Settings
from labkit.backends.stop_strings import StopScanner
from labkit.backends.thoughts import open_tag
from labkit.errors import LabError

from .api_keys import KeyMask
from .budget import Estimate, Meter
from .discovery import find_version, is_loopback, server_root
from .http.errors import as_sentences
from .protocols.protocol import AnswerReader, RemoteProtocol
from .transport import Exchange, Transport

T = TypeVar("T")
PATIENCE = 5  # how many times as long as for an event a server is waited for to write anything


class RemoteModel:
    """A model that is asked over HTTP: what `labkit.connect` and `labkit.cloud` return.

    Args:
        protocol: which model, and how it is asked.
        transport: where, and through what.
        policy: what happens to secrets and personal data in a prompt; None: all is sent.
        meter: what requests cost; None: nothing.
        label: what stands beside the model's name; None: the kind of server.
        origin: how its numbers come about; see `Outcome`.

    Attributes:
        protocol, transport, meter, origin: as given.
        model, kind, base_url: the model's name, which server it is, and its address.
        name: the model's name and the label.
        where: the label and the address, for a sentence.
        budget: what may be spent, or None.
    """

    def __init__(
        self,
        protocol: RemoteProtocol,
        transport: Transport,
        *,
        policy: Policy | str | None = None,
        meter: Meter | None = None,
        label: str | None = None,
        origin: str = "measured",
    ):
        self.protocol, self.transport, self.policy = protocol, transport, policy
        self.meter, self.budget, self.origin = meter, meter and meter.budget, origin
        self.model, self.kind, self.base_url = protocol.model, protocol.kind, transport.base_url
        # A file's name without its folders; names of hubs keep their owner.
        is_file = self.model.startswith("/")
        self._short = self.model.rpartition("/")[2] if is_file else self.model
        self.name = f"{self._short} ({label or self.kind})"
        self.where = f"{label or self.kind} at {self.base_url}"

    @property
    def policy(self) -> Policy | None:
        """What happens to secrets and personal data in a prompt; an action's name sets one."""
        return self._policy

    @policy.setter
    def policy(self, policy: Policy | str | None) -> None:
        self._policy = as_policy(policy)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._short}: {self.where}>"

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`. The request is sent when the first step is asked for.

        Raises:
            ValueError: a bad prompt, or a setting that this kind of server does not take.
            LabError: the policy does not let the prompt out.
        """
        chosen = self.protocol.parameters.settings(**settings)
        screened = screen(self.policy, checked_prompt(prompt, raw=raw), chosen.stop)
        body = self.protocol.body(screened.prompt, chosen, raw=raw)
        client = self._client  # before any clock runs: loading it takes its time
        exchange = self.transport.open(partial(self.protocol.send, client, body))
        steps = partial(self._steps, exchange=exchange, screened=screened)
        return Stream(chosen, steps, stop=exchange.stop, origin=self.origin)

    def _steps(
        self, running: Stream, exchange: Exchange, screened: ScreenedPrompt
    ) -> Generator[Step]:
        """The steps of an answer; how it went is noted on the stream."""
        patience_s = PATIENCE * self.transport.read_timeout_s
        translator = self.protocol.translator()
        opened = open_tag(screened.prompt) if isinstance(screened.prompt, str) else None
        reader = AnswerReader(running.note, self.where, translator, patience_s, opened)
        times = [None, None]
        with self._charged(running, exchange, reader, screened), self._failures():
            try:
                steps = reader.steps(exchange.events())
                stop = running.settings.stop if self.protocol.parameters.keeps_stop else ()
                if stop or screened.restorer:
                    steps = _rewrite(running, steps, stop, screened.restorer)
                mask = KeyMask()
                for step in steps:
                    step = replace(step, text=mask.push(step.text))
                    times = [times[0] or step.elapsed_s, step.elapsed_s]
                    yield step
                    self._require_end(reader.words, running.settings.max_tokens)
            finally:
                exchange.stop()
                running.note(http=exchange.timing(*times, origin=self.origin))

    def _require_end(self, words: int, most: int) -> None:
        """Hangs up on a provider that charges for more than it was asked for."""
        if self.meter and words > most:
            raise LabError(
                f"{self.where} wrote more than the {most:,} tokens it was asked for.",
                "What came until then is kept. The rest was not waited for.",
            )

    @contextmanager
    def _charged(
        self, running: Stream, exchange: Exchange, reader: AnswerReader, screened: ScreenedPrompt
    ) -> Iterator[None]:
        """Inside the budget, and priced; what was cut off counts as the most it can have cost."""
        if self.meter is None:
            yield
            return
        request = self.name, self.base_url, screened.prompt, running.settings.max_tokens
        with self.meter.reserve(*request) as reserved:
            try:
                yield
            finally:
                used = reader.usage, reader.model
                price = self.meter.price(*used) if reader.usage else None
                thought = self.meter.thinking_price(*used, running.thinking_tokens)
                running.note(price_usd=price, thinking_price_usd=thought)
                if price is not None or not exchange.accepted:
                    least = count_words(screened.prompt), reader.words
                    charge = (self.meter.charge(*used, least) if reader.usage else None) or 0.0
                    ended = running.finish is not None or not exchange.accepted
                    reserved.price_usd = charge if ended else max(charge, reserved.price_usd)

    def estimate(
        self, prompt: str | Messages, *, max_tokens: int = Settings().max_tokens
    ) -> Estimate | None:
        """What a request would send, and cost at most; nothing is sent.

        Args:
            prompt: as for `labkit.stream`.
            max_tokens: as for `labkit.stream`; what a model thinks counts too.
        Returns:
            An `Estimate`; None for a server that charges nothing.
        Raises:
            ValueError: a bad prompt, or a bad number.
        """
        request = self.name, self.base_url, prompt, max_tokens
        return self.meter.estimate(*request) if self.meter else None

    def count_tokens(self, prompt: str | Messages) -> int:
        """How many tokens the provider reads for a prompt, by its own counter.

        Raises:
            LabError: the policy does not let the prompt out, or it does not answer.
            ValueError: a bad prompt, or a server without a counter.
        """
        if not hasattr(self.protocol, "count_tokens"):
            raise ValueError(f"model must be of a provider that counts tokens; got {self!r}")
        screened = screen(self.policy, checked_prompt(prompt, raw=False), ())
        return self.ask(lambda client: self.protocol.count_tokens(client, screened.prompt))

    def about(self) -> dict[str, str]:
        """Which engine it is, with its version where one on this machine reports it."""
        address = server_root(self.base_url)
        version = find_version(self.kind, address) if is_loopback(address) else None
        return {"engine": f"{self.kind} {version}" if version else self.kind}

    def models(self) -> tuple[str, ...]:
        """The names of the server's models.

        Raises:
            LabError: it does not answer.
        """
        return self.ask(self.protocol.models)

    def ask(self, question: Callable[[Any], T]) -> T:
        """What a function of the server's client returns.

        Raises:
            LabError: the server does not answer.
        """
        with self._failures():
            return self.transport.ask(partial(question, self._client))

    @cached_property
    def _client(self):
        _warm_up(self.protocol)
        return self.protocol.connect(self.transport.make_client(), self.base_url)

    def _failures(self) -> AbstractContextManager:
        wait_s, hints = self.transport.read_timeout_s, self.transport.hints
        return as_sentences(self.where, self.model, wait_s, hints, self.protocol.sdk)


def _rewrite(
    running: Stream, steps: Iterator[Step], stop: Sequence[str], restorer: Restorer | None
) -> Iterator[Step]:
    """The steps of an answer, their text up to a stop string and restored.

    Where the server fails, what was held back is given before the failure.
    """
    failures: list[Exception] = []
    whole = _until_failure(steps, failures)
    for _, part in groupby(whole, attrgetter("thinking")):  # of a thought, and of the answer
        scan = StopScanner(tuple(stop))
        for step in part:
            text = "" if scan.stopped else scan.push(step.text)
            yield replace(step, text=restorer.feed(text) if restorer else text)
        rest = scan.push("", last=True)
        if restorer:
            rest = restorer.feed(rest) + restorer.flush()
        if rest:  # the beginning of what was never finished: text, but no token of its own
            running.note(chunked=True)
            yield replace(
                step, token_id=None, text=rest, logprob=None, drawn_logprob=None, alternatives=()
            )
    if failures:
        raise failures[0]


def _until_failure(steps: Iterator[Step], failures: list[Exception]) -> Iterator[Step]:
    try:
        yield from steps
    except Exception as error:
        failures.append(error)


_warm: set[type] = set()


def _warm_up(protocol: RemoteProtocol) -> None:
    """Has a protocol's client read its ``sample``, once in this process: the first takes longer.

    It is read from memory, by a client of its own, and never sent anywhere.
    """
    if type(protocol) in _warm:
        return
    _warm.add(type(protocol))
    headers = {"content-type": "text/event-stream"}
    answer = httpx2.Response(200, text=protocol.sample, headers=headers)
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: answer), trust_env=False)
    # As a log would show it; a name that cannot exist.
    client = protocol.connect(http, "http://made-up.invalid/v1")
    asked = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1}
    with protocol.send(client, asked) as events:
        list(events)
