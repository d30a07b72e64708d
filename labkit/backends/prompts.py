"""What a model is asked: a text or chat messages, checked before anything reads them."""

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

Messages = Sequence[Mapping[str, str]]


def check_text(text: Any, name: str = "text") -> None:
    """Raises a ValueError, with the reason, for what is not a text, or cannot be encoded.

    Args:
        text: any object.
        name: of the argument, for the sentence.
    """
    if not isinstance(text, str):
        raise ValueError(f"{name} must be a text; got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} must be Unicode without lone surrogates, which stand for no character; got "
            f"{text[error.start]!r} as character {error.start}"
        ) from None


def checked_messages(messages: Messages) -> list[Mapping[str, str]]:
    """Chat messages, each with its role and content.

    Raises:
        ValueError: they are not messages.
    """
    good = isinstance(messages, list | tuple) and messages
    good = good and all(isinstance(m, dict) and {"role", "content"} <= m.keys() for m in messages)
    if not good:
        raise ValueError(
            'prompt must be a text, or messages such as [{"role": "user", "content": "Hello"}]; '
            f"got {reprlib.repr(messages)}"
        )
    for message in messages:
        check_text(message["content"], "the content of a message")
    return list(messages)


def checked_prompt(prompt: str | Messages, *, raw: bool) -> str | list[Mapping[str, str]]:
    """A prompt as servers take it: the text itself if raw, messages if not.

    Raises:
        ValueError: an empty prompt, bad messages, or messages where a text is needed.
    """
    if raw and not isinstance(prompt, str):
        raise ValueError(f"prompt must be a text where raw is True; got {reprlib.repr(prompt)}")
    if not isinstance(prompt, str):
        return checked_messages(prompt)
    if not prompt:
        raise ValueError("prompt must have at least one character; got an empty text")
    check_text(prompt, "prompt")
    return prompt if raw else [{"role": "user", "content": prompt}]


def count_words(prompt: str | Messages) -> int:
    """How many words a prompt has: no tokenizer makes fewer tokens of them.

    >>> count_words([{"role": "user", "content": "Hello, you."}])
    2
    """
    texts = [prompt] if isinstance(prompt, str) else [each["content"] for each in prompt]
    return sum(len(text.split()) for text in texts)
