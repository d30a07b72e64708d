"""A conversation as one text, by a model's own chat template."""

from collections.abc import Mapping, Sequence
from typing import Any

from labkit.backends.thoughts import switch_thinking
from labkit.errors import LabError


def render_chat(
    name: str, tokenizer: Any, messages: Sequence[Mapping[str, str]], thinking: bool | None = None
) -> str:
    """The text that a model reads for messages, up to where its answer begins.

    Args:
        name: the model's name, for the sentence.
        tokenizer: transformers' own, with a chat template.
        messages: mappings of role and content.
        thinking: as of the `Settings`.
    Raises:
        ValueError: thinking is given, and the template has no switch for it.
        LabError: the template refuses the messages, with its own sentence.
    """
    template = None if thinking is None else tokenizer.get_chat_template()
    how = {"tokenize": False, "add_generation_prompt": True}
    how |= switch_thinking(thinking, template, name)
    try:
        return tokenizer.apply_chat_template(messages, **how)
    except Exception as error:  # a template is its publisher's program, and fails as programs do
        problem = f"The chat template of {name} refuses these messages: {error}"
        raise LabError(problem, _hint(messages)) from None


def _hint(messages: Sequence[Mapping[str, str]]) -> str:
    if any(message["role"] == "system" for message in messages):
        return "Put the system text into the first user turn: not every model has a system role."
    return "Let the roles alternate: user, assistant, user …, or give the text with raw=True."
