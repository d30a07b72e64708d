"""A model on this machine, through transformers: every score is there to be seen."""

import time
from collections.abc import Iterator
from pathlib import Path

from ..models.loading import Loaded, open_model
from .base import Alternative, Messages, Settings, Step, Stream
from .chain import Choice, Chooser
from .text import Detokenizer, StopScanner

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
            ``labkit.models.needs.plan`` states.
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

    def __init__(self, loaded: Loaded):
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
        if isinstance(prompt, str):
            if not prompt:
                raise ValueError("prompt must have at least one character; got an empty text")
            if raw or not self.chat:
                return self._within_context(self.tokenizer(prompt)["input_ids"])
            prompt = [{"role": "user", "content": prompt}]
        messages = _checked_messages(prompt)
        if not self.chat:
            raise ValueError(
                f"prompt must be a text: {self.name} is a base model without a chat template; "
                "got messages"
            )
        ids = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=True
        )["input_ids"]
        return self._within_context(ids)

    def _within_context(self, ids: list[int]) -> list[int]:
        if len(ids) >= self.context:
            raise ValueError(
                f"prompt must leave room in the context of {self.context:,} tokens; "
                f"got {len(ids):,} tokens"
            )
        return ids

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`."""
        began = time.perf_counter()
        chosen = Settings(**settings).seeded()
        ids = self.encode(prompt, raw=raw)
        running = Stream(chosen, prompt_tokens=len(ids))
        running._steps = self._steps(running, ids, began)
        return running

    def _steps(self, running: Stream, ids: list[int], began: float) -> Iterator[Step]:
        import torch

        yield from torch.inference_mode()(self._run)(running, ids, began)

    def _run(self, running: Stream, prompt_ids: list[int], began: float) -> Iterator[Step]:
        """The loop: scores, choice, text; it ends by setting ``running.finish``."""
        import torch
        from transformers import DynamicCache

        settings = running.settings
        chooser = Chooser(settings, self.model.device, ALTERNATIVES)
        text, scan = Detokenizer(self.tokenizer, prompt_ids), StopScanner(settings.stop)
        cache = DynamicCache(config=self.model.config)
        room = min(settings.max_tokens, self.context - len(prompt_ids))
        ends = self._end_ids()
        ids = torch.tensor([prompt_ids], device=self.model.device)
        unread = ids
        for count in range(1, room + 1):
            out = self.model(
                input_ids=unread, past_key_values=cache, use_cache=True, logits_to_keep=1
            )
            unread, choice = chooser.choose(ids, out.logits[:, -1].float())
            ids = torch.cat((ids, unread), dim=1)
            ended = choice.token_id in ends
            last = ended or count == room
            shown = scan.push(text.push(choice.token_id, last=last), last=last)
            if ended or scan.stopped:
                running.finish = "stop"
            elif last:
                running.finish = "length"
            yield self._step(choice, shown, time.perf_counter() - began)
            if running.finish:
                return

    def _step(self, choice: Choice, shown: str, elapsed_s: float) -> Step:
        return Step(
            token_id=choice.token_id,
            text=shown,
            logprob=choice.logprob,
            drawn_logprob=choice.drawn_logprob,
            alternatives=tuple(
                Alternative(token_id, self._text_of(token_id), logprob)
                for token_id, logprob in choice.leading
            ),
            entropy_bits=choice.entropy_bits,
            elapsed_s=elapsed_s,
        )

    def _text_of(self, token_id: int) -> str:
        if token_id not in self._texts:
            self._texts[token_id] = self.tokenizer.decode([token_id])
        return self._texts[token_id]

    def _end_ids(self) -> frozenset[int]:
        """The tokens by which the model says that it is done."""
        told = self.model.generation_config.eos_token_id
        told = [told] if isinstance(told, int) else list(told or ())
        return frozenset([*told, self.tokenizer.eos_token_id]) - {None}


def _checked_messages(messages: Messages) -> list[dict[str, str]]:
    good = isinstance(messages, list | tuple) and messages
    good = good and all(isinstance(m, dict) and {"role", "content"} <= m.keys() for m in messages)
    if not good:
        raise ValueError(
            'prompt must be a text, or messages such as [{"role": "user", "content": "Hello"}]; '
            f"got {messages!r}"
        )
    return list(messages)
