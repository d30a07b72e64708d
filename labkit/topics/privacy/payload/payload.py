"""`payload`: what exactly a request would carry off this machine, and what becomes of it there."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from labkit.backends.capabilities import HasAddress, check_backend, model_of
from labkit.backends.emulated.tcp_relay import HOST as STAND_IN
from labkit.backends.generate import Backend
from labkit.backends.guard.findings import Finding, without_overlaps
from labkit.backends.guard.policy import Policy, as_policy
from labkit.backends.guard.scanner import scan
from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.remote.api_keys import key_spans, without_keys
from labkit.backends.remote.discovery import is_loopback
from labkit.backends.remote.model import RemoteModel
from labkit.backends.routed.router import Router
from labkit.backends.served.model import ServedModel
from labkit.errors import LabError
from labkit.formatting import number_of
from labkit.lab_book.entry import BookEntry

from .request_capture import CapturedRequest, capture_request
from .terms import UNKNOWN, Terms, find_terms

# Headers that carry a key, whatever it is.
_KEYS = {"authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie"}
_QUERY_KEYS = re.compile(r"([?&](?:key|api[-_]key|token)=)[^&]+")
_OWN = "the backend's own policy"
# The parts of a body that are somebody's words; the others are settings.
_WORDS = re.compile(r"(messages|prompt|system|input|contents|stop|stop_sequences)\b")


@dataclass(frozen=True, slots=True)
class Carried:
    """A text within a request.

    Attributes:
        path: where in the body it stands, such as ``"messages[0].content"``.
        text: as the other side reads it; of a key that the lab uses, each character masked.
        findings: secrets and personal data in it, by the scanner, and the lab's own keys.
    """

    path: str
    text: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Payload:
    """A request as it would leave, and was not sent (measured).

    Attributes:
        backend: name of the model that would be asked.
        method: such as ``"POST"``; None where nothing would be sent, as below.
        address: where it would go.
        headers: name and value of each; keys masked.
        body: its text, in which keys that the lab uses are masked.
        total_bytes: bytes of it all, before encryption.
        texts: the texts in the body, longest first.
        terms: what the provider says about it, or None.
        refusal: why the policy would not send it, or None.
    """

    backend: str
    method: str | None
    address: str | None
    headers: tuple[tuple[str, str], ...]
    body: str
    total_bytes: int
    texts: tuple[Carried, ...]
    terms: Terms | None
    refusal: str | None

    @property
    def stays(self) -> bool:
        """Whether all of it stays on this machine; beyond a server of yours it is not known."""
        if self.address is None or is_loopback(self.address):
            return True
        return urlsplit(self.address).hostname == STAND_IN

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every secret and all personal data that the scanner finds in it."""
        return tuple(finding for text in self.texts for finding in text.findings)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The bytes that would leave, and what the scanner finds in them."""
        sent = 0 if self.refusal or self.address is None else self.total_bytes
        entry = BookEntry("payload_bytes", "a request's bytes", sent, "bytes", model=self.backend)
        if self.refusal:
            return (entry,)
        found = len(self.findings)
        return entry, BookEntry("payload_findings", "findings in it", found, model=self.backend)

    @property
    def summary(self) -> str:
        """How much would go where, in a line."""
        if self.refusal:
            return f"{self.backend}: nothing would be sent, the policy refuses (measured)"
        if self.address is None:
            return f"{self.backend}: 0 bytes, it runs in this process (measured)"
        where = "on this machine" if self.stays else "off this machine"
        return (
            f"{self.backend}: {self.total_bytes:,} bytes to {self.address}, {where}, with "
            f"{number_of(len(self.findings), 'finding')} in them; captured, not sent (measured)"
        )

    def __repr__(self) -> str:
        if self.address is None:
            return self.refusal or self.summary
        heads = [f"{name}: {value}" for name, value in self.headers]
        kept = self.terms and f"{self.terms.provider} keeps it: {self.terms.kept or UNKNOWN}"
        lines = [self.summary, f"{self.method} {self.address}", *heads, "", self.body, kept]
        return "\n".join(line for line in lines if line is not None)


def payload(
    backend: Backend,
    prompt: str | Messages,
    *,
    raw: bool = False,
    policy: Policy | str | None = _OWN,
    **settings,
) -> Payload:
    """The exact bytes that asking a model would carry away; nothing is sent.

    They are captured where the client's own code hands them to the network. What a proxy or the
    encryption adds is not in them.

    Args:
        backend: a local model, a server, a cloud; a key need not be valid, for nobody is asked.
        prompt: as for `labkit.stream`.
        raw: as for `labkit.stream`.
        policy: another one than the backend's own, such as ``"redact"``; None: all is sent.
        settings: as for `labkit.stream`.
    Raises:
        ValueError: for a prompt or a setting out of range.
    """
    check_backend("backend", backend)
    asked, settings = _behind_variants(backend, settings)
    if isinstance(asked, Router):
        raise ValueError(f"backend must be one model, not a router; got {backend!r}")
    decode = None
    if isinstance(asked, ServedModel) and isinstance(asked, HasAddress):
        prompt = asked.prompt_text(prompt, raw=raw, thinking=settings.pop("thinking", None))
        asked, raw, decode = asked.remote, True, asked.tokenizer.decode
    policy = getattr(asked, "policy", None) if policy == _OWN else as_policy(policy)
    if not isinstance(asked, RemoteModel):
        checked_prompt(prompt, raw=raw)
        return Payload(backend.name, None, None, (), "", 0, (), None, None)
    try:
        request = capture_request(asked, prompt, raw=raw, policy=policy, **settings)
    except LabError as error:
        return Payload(backend.name, None, None, (), "", 0, (), None, str(error))
    return _read(backend.name, request, decode)


def _behind_variants(backend: Backend, settings: dict[str, Any]) -> tuple[Backend, dict[str, Any]]:
    """The model that is asked, and its settings: those of the innermost variant count."""
    asked = model_of(backend)
    while backend is not asked:
        settings, backend = {**settings, **backend.settings}, backend.backend
    return asked, settings


def _read(
    name: str, request: CapturedRequest, decode: Callable[[list[int]], str] | None
) -> Payload:
    head, body = request.http[: request.body_at], request.http[request.body_at :].decode("utf-8")
    lines = head.decode("latin-1").split("\r\n")[1:-2]
    fields = json.loads(body)
    texts = [(path, text) for path, text in _texts(fields) if _WORDS.match(path)]
    if decode:  # numbers in the body, which everybody with the tokenizer can read
        texts.append(("prompt, as tokens", decode(fields["prompt"])))
    return Payload(
        backend=name,
        method=request.method,
        address=without_keys(_QUERY_KEYS.sub(r"\1•••", request.address)),
        headers=tuple(_masked(*line.split(": ", 1)) for line in lines),
        body=without_keys(body),
        total_bytes=len(request.http),
        texts=tuple(
            _carried(path, text) for path, text in sorted(texts, key=lambda each: -len(each[1]))
        ),
        terms=find_terms(request.address),
        refusal=None,
    )


def _carried(path: str, text: str) -> Carried:
    """A text with its findings; one that holds a key of the lab's shows it to nobody."""
    findings, masked = [*scan(text)], text
    for start, end in key_spans(text):
        rule = "a key that the lab uses"
        findings.append(Finding(start, end, "api key", rule, 1.0, text[start:end]))
        masked = masked[:start] + "•" * (end - start) + masked[end:]
    found = without_overlaps(findings)
    shown = tuple(replace(each, text=masked[each.start : each.end]) for each in found)
    return Carried(path, masked, shown)


def _masked(name: str, value: str) -> tuple[str, str]:
    if name.lower() not in _KEYS:
        return name, without_keys(value)
    scheme = re.match(r"(?i)(bearer|basic) ", value)
    return name, f"{scheme[0] if scheme else ''}••• (masked)"


def _texts(part: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a body that is not a mere name of the interface, with its path."""
    if isinstance(part, str):
        yield path, part
    elif isinstance(part, dict):
        for name, value in part.items():
            if name not in ("role", "type"):
                yield from _texts(value, f"{path}.{name}" if path else name)
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from _texts(value, f"{path}[{index}]")
