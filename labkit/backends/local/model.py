"""A model on this machine, through transformers: every score is there to be seen."""

import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import torch

from labkit.backends.local.decoding.batch import Batch
from labkit.backends.prompts import Messages, checked_messages, checked_prompt
from labkit.backends.reply import Alternative, RowsStream, Step, Stream
from labkit.backends.settings import Settings
from labkit.backends.stop_strings import StopScanner
from labkit.models.loading import LoadedModel, open_model
from labkit.models.machine import inspect_machine

from . import bandwidth
from .cache import prefill, rows_that_fit
from .detokenizer import Detokenizer
from .sampler import SampledToken

ALTERNATIVES = 10


def load(
    name: str | Path = "smollm2-135m",
    *,
    device: str | None = None,
    dtype: str | None = None,
    accept_terms: bool = False,
) -> "LocalModel":
    """A model in memory, ready to be asked; fetched first if it is not on this machine.

    Args:
        name: a short name (``python3 -m labkit models list``), a hub id such as ``"owner/name"``,
            or the path of a folder or of a .gguf file.
        device: ``"cuda"``, ``"mps"`` or ``"cpu"``; by itself the first of these that is there.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``; by itself by the rule that
            ``labkit.models.memory_plan.plan`` states.
        accept_terms: True if you read and accept the model's terms of use, where it has some.
    Raises:
        LabError: unknown name, no network, too little memory or disk, damaged or pickled weights.
        ValueError: no such device or dtype.
    """
    _one_of("device", device, ("cuda", "mps", "cpu"))
    _one_of("dtype", dtype, ("float32", "bfloat16", "float16"))
    return LocalModel(open_model(name, device=device, dtype=dtype, accept_terms=accept_terms))


def _one_of(argument: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise ValueError(f"{argument} must be one of {', '.join(known)}, or None; got {value!r}")


class LocalModel:
    """A model on this machine.

    Attributes:
        name: what it was loaded by.
        model: transformers' own model, for whoever wants to go below.
        tokenizer: transformers' own tokenizer.
        plan: device, dtype and memory, as chosen on loading.
        folder: the safetensors folder.
        gguf_file: the GGUF file it came from, or None.
        context: the most tokens it can attend to.
        chat: whether it has a chat template.
    """

    def __init__(self, loaded: LoadedModel):
        self.name = loaded.name
        self.model = loaded.model
        self.tokenizer = loaded.tokenizer
        self.plan = loaded.plan
        self.folder = loaded.folder
        self.gguf_file = loaded.gguf_file
        self.context = self.model.config.get_text_config().max_position_embeddings
        self.chat = bool(self.tokenizer.chat_template)
        self._texts: dict[int, str] = {}

    def __repr__(self) -> str:
        millions = sum(weight.numel() for weight in self.model.parameters()) / 1e6
        return (
            f"<LocalModel {self.name}: {millions:,.1f} million parameters, "
            f"{self.plan.needs.dtype} on {self.plan.device}, context {self.context:,} tokens>"
        )

    def encode(self, prompt: str | Messages, *, raw: bool = False) -> list[int]:
        """The tokens that the model is given for a prompt.

        Args:
            prompt: a text or chat messages.
            raw: take the text as it stands, without the chat template.
        Raises:
            ValueError: an empty prompt, messages that are none, or a prompt beyond the context.
        """
        given = self._checked(prompt, raw)
        if isinstance(given, str):
            self._require_spellable(given)
            return self._within_context(self.tokenizer(given, verbose=False)["input_ids"])
        self._require_spellable(*(message["content"] for message in given))
        quiet = {"verbose": False}  # what is too long is told below
        ids = self.tokenizer.apply_chat_template(
            given, add_generation_prompt=True, return_dict=True, tokenizer_kwargs=quiet
        )["input_ids"]
        return self._within_context(ids)

    def _checked(self, prompt: str | Messages, raw: bool) -> str | list[dict[str, str]]:
        """A text to go on with, or messages for the chat template."""
        if isinstance(prompt, str):
            return checked_prompt(prompt, raw=raw or not self.chat)
        messages = checked_messages(prompt)
        if not self.chat:
            raise ValueError(
                f"prompt must be a text: {self.name} is a base model without a chat template; "
                "got messages"
            )
        return messages

    def most_characters(self, tokens: int) -> int:
        """How many characters so many tokens can spell at most."""
        return tokens * self._longest_piece

    @cached_property
    def _longest_piece(self) -> int:
        """Characters of the longest token; byte-level vocabularies write a byte as a character."""
        return max(map(len, self.tokenizer.get_vocab()))

    def _require_spellable(self, *texts: str) -> None:
        """Refuses at once what no prompt that fits can spell: cutting it would take long."""
        characters = sum(map(len, texts))
        if characters >= self.context and characters > self.most_characters(self.context):
            raise ValueError(
                f"prompt must leave room in the context of {self.context:,} tokens; got "
                f"{characters:,} characters, which take {characters // self._longest_piece:,} "
                "tokens at the very least"
            )

    def _within_context(self, ids: list[int]) -> list[int]:
        if len(ids) >= self.context:
            raise ValueError(
                f"prompt must leave room in the context of {self.context:,} tokens; "
                f"got {len(ids):,} tokens"
            )
        return ids

    @torch.inference_mode()
    def scores(self, prompt: str | Messages, *, raw: bool = False):
        """One forward pass over a prompt.

        Returns:
            The prompt's token ids, and (vocab,) float32: the score of every token as the next.
        """
        ids = self.encode(prompt, raw=raw)
        _, scores = prefill(self.model, ids)
        return ids, scores[0].cpu().numpy()

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`."""
        chosen, began = Settings(**settings).seeded(), time.perf_counter()
        ids = self.encode(prompt, raw=raw)

        def steps(running: Stream) -> Iterator[Step]:
            for _, step in self._run((running,), ids, began, batch_size=1):
                yield step

        return Stream(chosen, steps, prompt_tokens=len(ids))

    def stream_rows(
        self,
        prompt: str | Messages,
        rows: Sequence[Settings],
        *,
        raw: bool = False,
        batch_size: int | None = None,
    ) -> RowsStream:
        """Many answers to one prompt at once; it is read once.

        Args:
            prompt: as for `labkit.stream`.
            rows: the settings of each answer.
            raw: as for `labkit.stream`.
            batch_size: how many run together; None: as many as there is memory for.
        Raises:
            ValueError: for a prompt out of bounds, or no rows.
        """
        began = time.perf_counter()
        if not rows:
            raise ValueError("rows must hold the settings of at least one answer; got none")
        ids = self.encode(prompt, raw=raw)
        streams = tuple(Stream(row.seeded(), prompt_tokens=len(ids)) for row in rows)
        return RowsStream(streams, self._run(streams, ids, began, batch_size))

    @torch.inference_mode()
    def _run(
        self, streams: Sequence[Stream], ids: list[int], began: float, batch_size: int | None
    ) -> Iterator[tuple[int, Step]]:
        """Batch after batch of rows; ends each row by setting its stream's ``finish``."""
        size = min(batch_size or self._rows_that_fit(streams, ids), len(streams))
        prompt = prefill(self.model, ids)
        for first in range(0, len(streams), size):
            chunk = streams[first : first + size]
            settings = [stream.settings for stream in chunk]
            shared = first + size < len(streams)
            batch = Batch(self.model, ids, prompt, settings, ALTERNATIVES, shared=shared)
            writers = [Writer(self, stream, ids, began) for stream in chunk]
            while batch.running:
                for row, choice in batch.advance():
                    yield first + row, writers[row].write(choice)
                batch.drop({row for row in batch.running if chunk[row].finish})

    def _rows_that_fit(self, streams: Sequence[Stream], ids: list[int]) -> int:
        if len(streams) == 1:
            return 1
        machine = inspect_machine()
        on_gpu = self.plan.device.startswith("cuda")
        free = max(gpu.free_bytes for gpu in machine.gpus) if on_gpu else machine.available_bytes
        longest = len(ids) + max(stream.settings.max_tokens for stream in streams)
        longest = min(longest, self.context)
        return rows_that_fit(self.model.config, longest, self.plan.needs.dtype, free)

    def step(self, choice: SampledToken, shown: str, elapsed_s: float) -> Step:
        """A `Step` out of a choice, its alternatives spelt out."""
        return Step(
            token_id=choice.token_id,
            text=shown,
            logprob=choice.logprob,
            drawn_logprob=choice.drawn_logprob,
            alternatives=tuple(
                Alternative(token_id, self.text_of(token_id), logprob)
                for token_id, logprob in choice.leading
            ),
            entropy_bits=choice.entropy_bits,
            elapsed_s=elapsed_s,
        )

    def text_of(self, token_id: int) -> str:
        """What a token stands for by itself; bytes that are no whole character as U+FFFD."""
        if token_id not in self._texts:
            self._texts[token_id] = self.tokenizer.decode([token_id])
        return self._texts[token_id]

    def synchronize(self) -> None:
        """Waits until the device has done all that it was given."""
        bandwidth.synchronize(self.plan.device)

    def gpu_peak_bytes(self, *, reset: bool = False) -> int | None:
        """The most that torch held on the GPU since the last reset; None on a CPU."""
        return bandwidth.gpu_peak_bytes(self.plan.device, reset=reset)

    def about(self) -> dict[str, str]:
        """With what it runs: engine, device, dtype, threads and versions."""
        return bandwidth.describe(self.plan.device, self.plan.needs.dtype)

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """The tokens by which the model says that it is done."""
        told = self.model.generation_config.eos_token_id
        told = [told] if isinstance(told, int) else list(told or ())
        return frozenset([*told, self.tokenizer.eos_token_id]) - {None}


class Writer:
    """One row's text: whole characters, up to a stop string, the end token or the last place."""

    def __init__(self, model: LocalModel, stream: Stream, ids: list[int], began: float):
        self._model, self._stream, self._began = model, stream, began
        self._text = Detokenizer(model.tokenizer, ids)
        self._scan = StopScanner(stream.settings.stop)
        self._room = min(stream.settings.max_tokens, model.context - len(ids))

    def write(self, choice: SampledToken) -> Step:
        """The step of a choice; sets the stream's ``finish`` if it is the last."""
        self._room -= 1
        ended = choice.token_id in self._model.end_ids
        last = ended or self._room == 0
        shown = self._scan.push(self._text.push(choice.token_id, last=last), last=last)
        if ended or self._scan.stopped:
            self._stream.note(finish="stop")
        elif last:
            self._stream.note(finish="length")
        return self._model.step(choice, shown, time.perf_counter() - self._began)
