"""A model on this machine, through transformers, with every score accessible."""

import time
from collections.abc import Generator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import torch

from labkit.backends.chat.chat_text import render_chat
from labkit.backends.chat.template_process import TEMPLATES
from labkit.backends.chat.thinking_switch import switch_thinking
from labkit.backends.local.decoding.forward import Batch, prefill
from labkit.backends.local.decoding.step_writer import StepWriter
from labkit.backends.prompts import Messages, checked_messages, checked_prompt
from labkit.backends.reply import RowsStream, Stream
from labkit.backends.settings import Settings, check_rows
from labkit.backends.steps import Alternative, Step
from labkit.checks import check_one_of
from labkit.models.loading import LoadedModel, open_model
from labkit.models.machine import inspect_machine, usable_by_torch
from labkit.models.memory_plan import context_length, gpu_free_bytes
from labkit.models.tokenizers.panics import without_panic

from . import device
from .kv_cache import rows_that_fit, state_bytes
from .out_of_memory import frees_memory
from .sampler import SampledToken

ALTERNATIVES = 10


@frees_memory
def load(
    name: str | Path = "smollm2-135m",
    *,
    device: str | None = None,
    dtype: str | None = None,
    packed: bool | None = None,
    accept_terms: bool = False,
) -> "LocalModel":
    """Loads a model into memory, and downloads it first if it is not on this machine.

    Args:
        name: a short name (``python3 -m labkit models list``), a hub id such as ``"owner/name"``,
            or the path of a folder or of a .gguf file.
        device: ``"cuda"``, ``"mps"`` or ``"cpu"``; by default the first of these that is present.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``; by default chosen by the rule of
            ``labkit.models.memory_plan.plan``.
        packed: whether layers on a CPU compute from a packed second copy of their weights; by
            default what was faster on this machine, measured at the first load.
        accept_terms: True if you have read and accept the model's terms of use, where it has any.
    Raises:
        LabError: unknown name, no network, too little memory or disk, damaged or pickled weights,
            or a device that torch does not have here.
        ValueError: unknown device or dtype.
    """
    devices, dtypes = ("cuda", "mps", "cpu"), ("float32", "bfloat16", "float16")
    for argument, value, known in (("device", device, devices), ("dtype", dtype, dtypes)):
        check_one_of(argument, value, known, or_none=True)
    return LocalModel(
        open_model(name, device=device, dtype=dtype, packed=packed, accept_terms=accept_terms)
    )


class LocalModel:
    """A model on this machine.

    Attributes:
        name: name that it was loaded by.
        model: transformers' own model, for direct access to it.
        tokenizer: transformers' own tokenizer.
        plan: device, dtype and memory, chosen on loading.
        tuning: how its layers run on the CPU, and why; None on a GPU.
        source: what `labkit.load` loads it by, such as its path.
        folder: safetensors folder.
        gguf_file: GGUF file that it was converted from, or None.
        context: most tokens that it can attend to.
        chat: whether it has a chat template.
    """

    def __init__(self, loaded: LoadedModel):
        self.name, self.source = loaded.name, loaded.source
        self.plan, self.tuning = loaded.plan, loaded.tuning
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        self.folder, self.gguf_file = loaded.folder, loaded.gguf_file
        self._entry = loaded.entry
        self.context = context_length(self.model.config)
        self.chat = bool(self.tokenizer.chat_template)
        self._texts: dict[int, str] = {}
        if self.chat:
            TEMPLATES.start()

    def __repr__(self) -> str:
        stored = sum(weight.numel() for weight in self.model.parameters())
        size = f"{stored / 1e6:,.1f} million parameters"
        if self._entry and self._entry.output_parameters:
            published = f"{self._entry.parameters / 1e6:,.1f} million parameters"
            size = f"{published} ({stored / 1e6:,.1f} stored: its output matrix is apart)"
        return (
            f"<LocalModel {self.name}: {size}, "
            f"{self.plan.needs.dtype} on {self.plan.device}, context {self.context:,} tokens>"
        )

    def encode(
        self, prompt: str | Messages, *, raw: bool = False, thinking: bool | None = None
    ) -> list[int]:
        """The tokens that the model reads for a prompt; if raw, without its chat template.

        Raises:
            ValueError: the prompt is empty, not messages or too long, or thinking has no switch.
            LabError: the chat template refuses the messages.
        """
        checked = self._checked(prompt, raw)
        if isinstance(checked, str):
            switch_thinking(thinking, None, self.name)
            self._require_spellable(checked)
            return self._tokens(checked, add_special_tokens=True)
        self._require_spellable(*(message["content"] for message in checked))
        text = render_chat(self.name, self.tokenizer, checked, thinking)
        self._require_spellable(text)
        return self._tokens(text, add_special_tokens=False)

    def _tokens(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """The tokens of a text; a ValueError if they do not fit."""
        with without_panic(self.name):
            # `_within_context` has the error for long prompts.
            encoded = self.tokenizer(text, add_special_tokens=add_special_tokens, verbose=False)
        return self._within_context(encoded["input_ids"])

    def _checked(self, prompt: str | Messages, raw: bool) -> str | list[Mapping[str, str]]:
        """A text to continue, or messages for the chat template."""
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
        """The most characters that a number of tokens can spell."""
        return tokens * self._longest_piece

    @cached_property
    def _longest_piece(self) -> int:
        """Characters of the longest token; byte-level vocabularies write a byte as one."""
        return max(map(len, self.tokenizer.get_vocab()))

    def _require_spellable(self, *texts: str) -> None:
        """Refuses a text that cannot fit, before tokenizing it, which would take long."""
        characters = sum(map(len, texts))
        if characters >= self.context and characters > self.most_characters(self.context):
            raise ValueError(
                f"prompt must leave room in the context of {self.context:,} tokens; got "
                f"{characters:,} characters, which are at least "
                f"{characters // self._longest_piece:,} tokens"
            )

    def _within_context(self, ids: list[int]) -> list[int]:
        if len(ids) >= self.context:
            raise ValueError(
                f"prompt must leave room in the context of {self.context:,} tokens; "
                f"got {len(ids):,} tokens"
            )
        known = self.model.get_input_embeddings().num_embeddings
        if max(ids, default=0) >= known:  # Gemma 3's tokenizer has a token for images, as one
            raise ValueError(
                f"prompt must be of tokens that {self.name} knows; got "
                f"{self.text_of(max(ids))!r}, which its tokenizer has and the model has not"
            )
        return ids

    @frees_memory
    @torch.inference_mode()
    def scores(self, prompt: str | Messages, *, raw: bool = False):
        """One forward pass over a prompt.

        Returns:
            The prompt's token ids, and (vocab,) float32: every token's score to come next.
        """
        ids = self.encode(prompt, raw=raw)
        _, scores = prefill(self.model, ids)
        return ids, scores[0].cpu().numpy()

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`."""
        chosen, began = Settings(**settings).seeded(), time.perf_counter()
        ids = self.encode(prompt, raw=raw, thinking=chosen.thinking)

        def steps(running: Stream) -> Generator[Step]:
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
        """Answers to one prompt in a batch, the prompt read once.

        Args:
            prompt: as for `labkit.stream`.
            rows: the settings of each answer.
            raw: as for `labkit.stream`.
            batch_size: rows per batch; None: as many as memory allows.
        Raises:
            ValueError: the prompt is out of range, or rows are empty.
        """
        began = time.perf_counter()
        check_rows(rows)
        ids = self.encode(prompt, raw=raw, thinking=rows[0].thinking)
        streams = tuple(Stream(row.seeded(), prompt_tokens=len(ids)) for row in rows)
        return RowsStream(streams, self._run(streams, ids, began, batch_size))

    @frees_memory
    @torch.inference_mode()
    def _run(
        self, streams: Sequence[Stream], ids: list[int], began: float, batch_size: int | None
    ) -> Generator[tuple[int, Step]]:
        """Runs the rows batch by batch; sets each stream's ``finish`` when its row ends."""
        prefilled = prefill(self.model, ids)
        fitting = batch_size or self._rows_that_fit(streams, ids, prefilled[0])
        size = min(fitting, len(streams))
        for first in range(0, len(streams), size):
            chunk = streams[first : first + size]
            settings = [stream.settings for stream in chunk]
            shared = first + size < len(streams)
            batch = Batch(self.model, ids, prefilled, settings, ALTERNATIVES, shared=shared)
            writers = [StepWriter(self, stream, ids, began) for stream in chunk]
            while batch.running:
                for row, token in batch.advance():
                    yield first + row, writers[row].write(token)
                batch.drop({row for row in batch.running if chunk[row].finish})

    def _rows_that_fit(self, streams: Sequence[Stream], ids: list[int], cache) -> int:
        if len(streams) == 1:
            return 1
        machine = inspect_machine()
        on_gpu = self.plan.device.startswith("cuda")
        free = machine.available_bytes
        if on_gpu:
            free = gpu_free_bytes(usable_by_torch(machine), self.plan.device)
        longest = len(ids) + max(stream.settings.max_tokens for stream in streams)
        longest = min(longest, self.context)
        rows = rows_that_fit(self.model.config, longest, self.plan.needs.dtype, free)
        # In half of the memory too, and twice while rows drop out.
        return max(1, min(rows, free // 4 // max(1, state_bytes(cache))))

    def step(self, token: SampledToken, text: str, elapsed_s: float, thinking: bool) -> Step:
        """A `Step` of a sampled token, with the texts of its alternatives."""
        return Step(
            token_id=token.token_id,
            text=text,
            logprob=token.logprob,
            drawn_logprob=token.drawn_logprob,
            alternatives=tuple(
                Alternative(token_id, self.text_of(token_id), logprob)
                for token_id, logprob in token.leading
            ),
            entropy_bits=token.entropy_bits,
            elapsed_s=elapsed_s,
            thinking=thinking,
        )

    def text_of(self, token_id: int) -> str:
        """Text of a single token; incomplete characters as U+FFFD."""
        if token_id not in self._texts:
            self._texts[token_id] = self.tokenizer.decode([token_id])
        return self._texts[token_id]

    @property
    def weight_files(self) -> tuple[Path, ...]:
        """The files with its weights on this machine: as they came, and as they are loaded."""
        came = (self.gguf_file,) if self.gguf_file else ()
        return (*came, *sorted(self.folder.glob("*.safetensors")))

    def synchronize(self) -> None:
        """Waits until the device has finished its queued work."""
        device.synchronize(self.plan.device)

    def gpu_peak_bytes(self, *, reset: bool = False) -> int | None:
        """Peak memory that torch allocated on the GPU since the last reset; None on a CPU."""
        return device.gpu_peak_bytes(self.plan.device, reset=reset)

    def about(self) -> dict[str, str]:
        """What it runs on: engine, device, dtype, threads, layers and versions."""
        about = device.describe(self.plan.device, self.plan.needs.dtype)
        return about | ({"layers": self.tuning.layers} if self.tuning else {})

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end an answer."""
        ids = self.model.generation_config.eos_token_id
        ids = [ids] if isinstance(ids, int) else list(ids or ())
        return frozenset([*ids, self.tokenizer.eos_token_id]) - {None}
