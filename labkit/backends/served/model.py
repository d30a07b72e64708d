"""A model behind an address, whose tokens and scores are all accessible: without torch here."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from labkit.backends.capabilities import WITH_WEIGHTS
from labkit.backends.chat.chat_text import render_chat
from labkit.backends.chat.thinking_switch import switch_thinking
from labkit.backends.guard.policy import Policy, screen
from labkit.backends.llamacpp.model import LlamaCppModel
from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.remote.discovery import is_loopback, server_root
from labkit.backends.remote.model import RemoteModel
from labkit.backends.reply import RowsStream, Stream
from labkit.backends.settings import Settings, check_rows
from labkit.checks import check_whole
from labkit.errors import LabError
from labkit.models.machine import release_memory

from .files import ModelFiles
from .parallel import run_rows
from .token_api import Leading, TokenProtocol


class ServedModel:
    """A model on a server of llama.cpp or vLLM, or in llama.cpp in this process.

    Its scores are logarithms of probabilities: the model's own scores, less a constant. So a
    repetition penalty, which looks at their sign, changes them in another way here.

    Attributes:
        name: the model's name; with the host's, where that is another machine.
        remote: how it is asked.
        tokenizer: its own, with the calls of transformers' tokenizer.
        context: most tokens that prompt and answer may have together.
        vocabulary: number of tokens that it scores.
        parallel: number of requests that it is sent at once.
        folder, gguf_file: see `ModelFiles`.
        base_url: the server's address; a model in this process has none.
        chat: whether it has a chat template.
        end_ids: the tokens that end an answer.
    """

    def __init__(
        self,
        files: ModelFiles,
        remote: RemoteModel,
        *,
        context: int,
        vocabulary: int,
        parallel: int,
        engine: LlamaCppModel | None = None,
    ):
        assert isinstance(remote.protocol, TokenProtocol)
        self.files, self.remote, self.protocol = files, remote, remote.protocol
        self.name, self.folder, self.gguf_file = files.name, files.folder, files.gguf_file
        self.tokenizer, self.end_ids = files.tokenizer, files.end_ids
        self.context, self.vocabulary, self.parallel = context, vocabulary, parallel
        self.engine = engine
        if engine is None:  # as of whatever runs behind an address
            self.base_url = remote.base_url
            if not is_loopback(self.base_url):  # its speed is not this machine's, and texts leave
                self.name = f"{files.name} (at {urlsplit(self.base_url).hostname})"
        self.chat = bool(self.tokenizer.chat_template)
        self._texts: dict[int, str] = {}

    def __repr__(self) -> str:
        where = "llama.cpp in this process" if self.engine else self.remote.where
        return f"<ServedModel {self.name}: {where}, context {self.context:,} tokens>"

    @property
    def policy(self) -> Policy | None:
        """What happens to secrets and personal data in a prompt; an action's name sets one."""
        return self.remote.policy

    @policy.setter
    def policy(self, policy: Policy | str | None) -> None:
        self.remote.policy = policy

    @property
    def model(self) -> "RemoteWeights":
        """What stands for transformers' own model: its configuration."""
        return RemoteWeights(self)

    def encode(
        self, prompt: str | Messages, *, raw: bool = False, thinking: bool | None = None
    ) -> list[int]:
        """The tokens that the model reads for a prompt; if raw, without its chat template.

        Raises:
            ValueError: the prompt is empty, not messages or too long, or thinking has no switch.
            LabError: the chat template refuses the messages, or the policy the prompt.
        """
        text = self.prompt_text(prompt, raw=raw, thinking=thinking)
        screened = screen(self.remote.policy, text, ()).prompt
        return self._within_context(self.protocol.encode(str(screened)))

    def prompt_text(
        self, prompt: str | Messages, *, raw: bool = False, thinking: bool | None = None
    ) -> str:
        """The text that the model reads, and whose tokens a server gets.

        Raises:
            ValueError: as for `encode`.
            LabError: the chat template refuses the messages.
        """
        checked = checked_prompt(prompt, raw=raw or (isinstance(prompt, str) and not self.chat))
        if isinstance(checked, str):
            switch_thinking(thinking, None, self.name)
            return checked
        if not self.chat:
            raise ValueError(
                f"prompt must be a text: {self.name} is a base model without a chat template; "
                "got messages"
            )
        return render_chat(self.name, self.tokenizer, checked, thinking)

    def _within_context(self, ids: list[int]) -> list[int]:
        if len(ids) >= self.context:
            raise ValueError(
                f"prompt must leave room in the context of {self.context:,} tokens; "
                f"got {len(ids):,} tokens"
            )
        return ids

    def most_characters(self, tokens: int) -> int:
        """The most characters that a number of tokens can spell."""
        return tokens * self._longest_piece

    @cached_property
    def _longest_piece(self) -> int:
        return max(map(len, self.tokenizer.get_vocab()))

    def scores(self, prompt: str | Messages, *, raw: bool = False) -> tuple[list[int], np.ndarray]:
        """One forward pass over a prompt.

        Returns:
            The prompt's token ids, and (vocab,) float32: every token's score to come next.
        """
        ids = self.encode(prompt, raw=raw)
        return ids, self.next_scores(ids)[0]

    def next_scores(self, ids: Sequence[int]) -> tuple[np.ndarray, int]:
        """Every token's score to come after a text, (vocab,) float32; and how many were read.

        Raises:
            LabError: the server does not give all of them.
        """
        every = -1 if self.protocol.kind == "vLLM" else self.vocabulary
        leading = self.leading(ids, every)
        scores = np.full(self.vocabulary, np.nan, np.float32)
        scores[leading.ids] = leading.logprobs
        if missing := int(np.isnan(scores).sum()):
            raise LabError(
                f"{self.remote.where} gives no score for {missing:,} of {self.vocabulary:,} "
                "tokens.",
                "Start vLLM with --max-logprobs -1.",
            )
        release_memory()
        return scores, len(ids) if leading.read is None else leading.read

    def leading(self, ids: Sequence[int], count: int, *, keep: bool = True) -> Leading:
        """The likeliest tokens after a text; see `TokenProtocol.ask_leading`."""
        found = self.remote.ask(
            lambda client: self.protocol.ask_leading(client, ids, count, keep=keep)
        )
        known = (found.ids >= 0) & (found.ids < self.vocabulary)
        return Leading(found.ids[known], found.logprobs[known], found.read, found.read_s)

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`. What the model draws, it draws on the server."""
        chosen = Settings(**settings)
        text = self.prompt_text(prompt, raw=raw, thinking=chosen.thinking)
        self._within_context(self.protocol.encode(text))
        return self.remote.stream(text, raw=True, **{**settings, "thinking": None})

    def stream_ids(self, ids: Sequence[int], settings: Settings) -> Stream:
        """The answer to a prompt of these tokens; what it shares with others is read once."""
        prompt = self.tokenizer.decode(ids)
        return self._stream_kept(prompt, settings)

    def _stream_kept(self, text: str, settings: Settings) -> Stream:
        """The answer to a text, under the policy of now; the server keeps what it has read."""
        keeping = self._keeping
        keeping.policy = self.policy
        return keeping.stream(text, raw=True, **_as_arguments(settings))

    @cached_property
    def _keeping(self) -> RemoteModel:
        kept = {**self.protocol.parameters.more, "cache_prompt": True}
        more = kept if self.protocol.kind == "llama.cpp" else self.protocol.parameters.more
        protocol = replace(self.protocol, parameters=replace(self.protocol.parameters, more=more))
        return RemoteModel(protocol, self.remote.transport)

    def stream_rows(
        self,
        prompt: str | Messages,
        rows: Sequence[Settings],
        *,
        raw: bool = False,
        batch_size: int | None = None,
    ) -> RowsStream:
        """Answers to one prompt, in requests that run at the same time.

        Args:
            prompt: as for `labkit.stream`.
            rows: the settings of each answer.
            raw: as for `labkit.stream`.
            batch_size: most requests at once; None: `parallel`.
        Raises:
            ValueError: the prompt or batch_size is out of range, or rows are empty.
        """
        check_rows(rows)
        check_whole("batch_size", batch_size, or_none=True)
        text = self.prompt_text(prompt, raw=raw, thinking=rows[0].thinking)
        self._within_context(self.protocol.encode(text))
        streams = tuple(self._stream_kept(text, replace(row, thinking=None)) for row in rows)
        return RowsStream(streams, run_rows(streams, batch_size or self.parallel))

    def text_of(self, token_id: int) -> str:
        """Text of a single token; incomplete characters as U+FFFD."""
        if token_id not in self._texts:
            self._texts[token_id] = self.tokenizer.decode([token_id])
        return self._texts[token_id]

    @property
    def listening(self) -> tuple[str, str | None] | None:
        """The server's address on this machine's loopback, and the key that it wants, if any.

        None of a server elsewhere.
        """
        address, key = self.remote.base_url, self.remote.transport.key
        if not is_loopback(address):
            return None
        return server_root(address), key.reveal() if key else None

    @property
    def weight_files(self) -> tuple[Path, ...]:
        """The files with the model's weights on this machine."""
        came = (self.gguf_file,) if self.gguf_file else ()
        return (*came, *sorted(self.folder.glob("*.safetensors")))

    def about(self) -> dict[str, str]:
        """With what it runs: the engine."""
        return self.engine.about() if self.engine else self.remote.about()

    def close(self) -> None:
        """Gives the memory of an engine in this process back."""
        if self.engine:
            self.engine.close()


def _as_arguments(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in Settings.__annotations__}


class RemoteWeights:
    """A served model's configuration; its weights are not in this process.

    Attributes:
        config: its sizes, under transformers' names.
    """

    def __init__(self, model: ServedModel):
        self.config, self._name = model.files.config, model.name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # Python itself and notebooks ask for such
            raise AttributeError(name)
        raise LabError(
            f"{self._name} is served: its weights are not in this process.", WITH_WEIGHTS
        )
