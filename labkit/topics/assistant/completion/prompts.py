"""Four ways to ask for the code at a gap: two that work, and two common mistakes."""

from typing import Any

from labkit.backends.llamacpp.model import LlamaCppModel
from labkit.backends.prompts import Messages
from labkit.checks import check_one_of, check_whole
from labkit.errors import LabError

METHODS = {
    "infill": "fill in the middle",
    "prefix": "prefix only",
    "swapped": "FIM tokens swapped",
    "chat": "chat template",
}
NEED_FIM = ("infill", "swapped")
# What an editor sends of a long file: what is nearest, three parts before to one after, as
# llama.cpp's /infill does. Even at a token a character it fits a context of 4,096.
MOST_BEFORE, MOST_AFTER = 2400, 800
LARGEST = 1_000_000  # characters of a file
_ASKED = (
    "One {what} is missing from this Python program, where it says <MISSING>. Write that {what} "
    "alone, with its indentation, in a code block.\n\n```python\n{before}<MISSING>\n{after}```"
)


def completion_prompt(
    model: LlamaCppModel,
    before: str,
    after: str = "",
    *,
    method: str | None = None,
    block: bool = False,
) -> str | Messages:
    """What a model reads to complete code at a cursor.

    Args:
        model: from ``labkit.load_llamacpp``.
        before: the code before the cursor; of a long one, only the end is read.
        after: the code after it; of a long one, only the beginning.
        method: ``"infill"``, the model's own tokens for filling in; ``"prefix"``, the code before
            the cursor alone; ``"swapped"``, the tokens in the wrong order; or ``"chat"``. None:
            infill, and prefix for a model that cannot.
        block: whether several lines are wanted; a chat is asked for them in words.
    Returns:
        A text to be continued, or the messages of a chat.
    Raises:
        ValueError: no text, too long a text, one that holds the model's own tokens, or an unknown
            method.
        LabError: the model does not run in llama.cpp, or was not made to fill in.
    """
    method = chosen_method(model, method)
    before, after = nearest(model, before, after)
    if method == "prefix":
        return before
    if method == "chat":
        what = "block of lines" if block else "line"
        return [{"role": "user", "content": _ASKED.format(what=what, before=before, after=after)}]
    tokens: Any = model.fim_tokens
    if method == "swapped":
        return f"{tokens.suffix}{before}{tokens.prefix}{after}{tokens.middle}"
    return tokens.prompt(before, after)


def check_model(model: Any) -> None:
    """Raises a LabError unless the model runs in llama.cpp."""
    if not isinstance(model, LlamaCppModel):
        raise LabError(
            f"The assistant runs in llama.cpp; {getattr(model, 'name', model)!r} does not.",
            'lab.load_llamacpp("coder") does, and lab.load_llamacpp("smollm2-135m").',
        )


def check_method(model: LlamaCppModel, method: str) -> None:
    """Raises an error unless it is a method, and the model can do it."""
    check_one_of("method", method, METHODS)
    if method in NEED_FIM and model.fim_tokens is None:
        raise LabError(
            f"{model.name} was not made to fill in the middle: it has no tokens for it.",
            'A code model has: lab.load_llamacpp("coder"). Or method="prefix".',
        )
    if method == "chat" and not model.chat:
        raise LabError(
            f"{model.name} has no chat template: it is a base model.", 'Take method="prefix".'
        )


def chosen_method(model: LlamaCppModel, method: str | None) -> str:
    """The method; of None the best that the model can do. It raises what speaks against it."""
    check_model(model)
    if method is None:
        return "infill" if model.fim_tokens else "prefix"
    check_method(model, method)
    return method


def nearest(model: LlamaCppModel, before: str, after: str) -> tuple[str, str]:
    """The code around the cursor that the model gets to see.

    Raises:
        ValueError: no text, or too long a text, or one that holds the model's own tokens.
    """
    for name, text in (("before", before), ("after", after)):
        if not isinstance(text, str):
            raise ValueError(f"{name} must be a text; got {type(text).__name__}")
        if len(text) > LARGEST:
            raise ValueError(f"{name} must be at most {LARGEST:,} characters; got {len(text):,}")
        for token in model.fim_tokens.all if model.fim_tokens else ():
            if token in text:
                raise ValueError(f"{name} must not hold {token}: the model takes it for its own")
    if not before.strip():
        raise ValueError("before must hold some code to go on from; got none")
    return before[-MOST_BEFORE:], after[:MOST_AFTER]


def check_tokens(max_tokens: int | None) -> None:
    """Raises a ValueError unless it is a limit of a suggestion, or None."""
    check_whole("max_tokens", max_tokens, 1, 500, or_none=True)
