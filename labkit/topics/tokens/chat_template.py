"""A conversation as the model reads it: one text with special tokens, resent on every turn."""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from labkit.backends.chat.chat_text import render_chat
from labkit.errors import LabError
from labkit.formatting import number_of
from labkit.lab_book.entry import BookEntry

from .tokenization import Tokenization, tokenize

Messages = Sequence[Mapping[str, str] | tuple[str, str]]


@dataclass(frozen=True, slots=True, repr=False)
class ChatTokens:
    """A conversation after the chat template.

    Attributes:
        messages: (role, content) pairs of the conversation.
        tokenization: tokens of the rendered text, with its special tokens.
    """

    messages: tuple[tuple[str, str], ...]
    tokenization: Tokenization

    @property
    def text(self) -> str:
        """The conversation as one text."""
        return self.tokenization.text

    @property
    def count(self) -> int:
        """Number of tokens, the template's included."""
        return self.tokenization.count

    @property
    def content_count(self) -> int:
        """Number of tokens of the messages' contents alone, read as the template's text is."""
        encode = self.tokenization.reader.encode
        return sum(len(encode(content, special=True)) for _, content in self.messages)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The tokens of a conversation, and those that the template adds."""
        added = self.count - self.content_count
        return (
            BookEntry("conversation_tokens", "tokens of the talk", self.count, origin="computed"),
            BookEntry("template_tokens", "of them the template's", added, origin="computed"),
        )

    @property
    def summary(self) -> str:
        """All tokens, and those of the contents."""
        count = len(self.messages)
        return (
            f"a conversation of {number_of(count, 'message')}: {self.count:,} tokens, "
            f"{self.content_count:,} of them the messages' own"
        )

    def __repr__(self) -> str:
        return self.summary


def apply_chat_template(
    model: Any, messages: str | Messages, *, thinking: bool | None = None
) -> ChatTokens:
    """A conversation after a model's chat template.

    Args:
        model: a chat model from ``labkit.load``.
        messages: a prompt, or messages, each a (role, content) pair or a mapping of the two names.
        thinking: turns thinking on or off where the template has a switch; None: its default.
    Raises:
        ValueError: the messages lack a role or a content, or thinking is something else.
        LabError: the model has no chat template, or the template refuses the messages.
    """
    messages = _checked(messages)
    if not isinstance(thinking, bool | None):
        raise ValueError(f"thinking must be True, False or None; got {thinking!r}")
    return ChatTokens(
        tuple((each["role"], each["content"]) for each in messages),
        tokenize(_rendered(model, messages, thinking), model, special=True),
    )


def _checked(messages: str | Messages) -> list[dict[str, str]]:
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    if not isinstance(messages, list | tuple):
        raise ValueError(
            f"messages must be a text, or a list of messages; got {reprlib.repr(messages)}"
        )
    pairs = [
        (each.get("role"), each.get("content")) if isinstance(each, Mapping) else each
        for each in messages
    ]
    if not pairs or not all(map(_is_pair, pairs)):
        raise ValueError(
            f"messages must have a role and a content each; got {reprlib.repr(messages)}"
        )
    return [{"role": role, "content": content} for role, content in pairs]


def _is_pair(pair: Any) -> bool:
    is_pair = isinstance(pair, tuple | list) and len(pair) == 2
    return is_pair and all(isinstance(part, str) for part in pair)


def _rendered(model: Any, messages: Messages, thinking: bool | None) -> str:
    tokenizer = getattr(model, "tokenizer", None)
    if tokenizer is None:
        raise ValueError(
            f'model must be a chat model, as from lab.load("smollm2-135m"); got {model!r}'
        )
    if not tokenizer.chat_template:
        raise LabError(
            f"{model.name} has no chat template: it only continues text.", "Load a chat model."
        )
    return render_chat(model.name, tokenizer, messages, thinking)


@dataclass(frozen=True, slots=True, repr=False)
class TurnCosts:
    """Tokens that are read on every turn of a conversation, and the system prompt's part in them.

    Attributes:
        system_tokens: tokens that the system prompt's own text adds to each turn.
        prompt_tokens: tokens read, by turn.
        new_tokens: tokens added since the turn before: an answer and a question.
    """

    system_tokens: int
    prompt_tokens: tuple[int, ...]
    new_tokens: tuple[int, ...]

    @property
    def total_tokens(self) -> int:
        """Number of tokens read in the whole conversation."""
        return sum(self.prompt_tokens)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The tokens that all turns read, and those of them that are the system prompt again."""
        system = self.system_tokens * len(self.prompt_tokens)
        total, by = self.total_tokens, {"origin": "computed"}
        return (
            BookEntry("turns_tokens", "tokens read, all turns", total, **by),
            BookEntry("system_tokens", "of them the system prompt", system, **by),
        )

    @property
    def summary(self) -> str:
        """What repeating the system prompt adds up to."""
        turns = len(self.prompt_tokens)
        repeated = f"each of {turns} turns" if turns > 1 else "the only turn"
        return (
            f"a system prompt of {number_of(self.system_tokens, 'token')}, read on {repeated}: "
            f"{self.system_tokens * turns} of {self.total_tokens} tokens read"
        )

    def __repr__(self) -> str:
        return self.summary


def cost_turns(model: Any, system: str, turns: Sequence[tuple[str, str]]) -> TurnCosts:
    """What a system prompt costs: a model remembers nothing, so every turn resends all of it.

    Args:
        model: a chat model from ``labkit.load``.
        system: text of the system prompt.
        turns: (question, answer) pairs.
    Raises:
        ValueError: turns are empty or not pairs.
    """
    pairs = isinstance(turns, Sequence) and all(isinstance(turn, Sequence) for turn in turns)
    if not pairs or not turns or any(len(turn) != 2 for turn in turns):
        raise ValueError(
            f"turns must be one or more pairs of question and answer; got {reprlib.repr(turns)}"
        )
    messages = [{"role": "system", "content": system}]
    prompts = []
    for question, answer in turns:
        messages.append({"role": "user", "content": question})
        prompts.append(apply_chat_template(model, messages).count)
        messages.append({"role": "assistant", "content": answer})
    bare = apply_chat_template(model, [{"role": "system", "content": ""}, messages[1]]).count
    own = prompts[0] - bare
    added = (after - before for before, after in pairwise([own, *prompts]))
    return TurnCosts(own, tuple(prompts), tuple(added))
