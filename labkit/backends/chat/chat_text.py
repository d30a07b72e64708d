"""A conversation as one text, by a model's own chat template."""

from collections.abc import Mapping, Sequence
from typing import Any

from labkit.errors import LabError

from .template_process import TEMPLATES
from .thinking_switch import switch_thinking, with_thinking_word

Conversation = Sequence[Mapping[str, str]]


def render_chat(
    name: str, tokenizer: Any, messages: Conversation, thinking: bool | None = None
) -> str:
    """The same by the template of transformers' own tokenizer; see `render_template`."""
    try:
        template = tokenizer.get_chat_template()
    except ValueError as error:  # several, and none is the default
        raise LabError(
            f"The chat template of {name} is not known: {error}", "Give the text with raw=True."
        ) from None
    return render_template(name, template, messages, tokenizer.special_tokens_map, thinking)


def render_template(
    name: str,
    template: str,
    messages: Conversation,
    special_tokens: Mapping[str, Any],
    thinking: bool | None = None,
) -> str:
    """The text that a model reads for messages, up to where its answer begins.

    Args:
        name: the model's name, for the sentence.
        template: its chat template.
        messages: mappings of role and content.
        special_tokens: names of tokens and their texts, such as ``bos_token``.
        thinking: as of the `Settings`.
    Raises:
        ValueError: thinking is given, and the template has no switch for it.
        LabError: the template refuses the messages, with its own sentence, or is stopped.
    """
    switch = switch_thinking(thinking, template, name)
    if thinking is not None and not switch:
        messages = with_thinking_word(messages, thinking)
    given = {"messages": list(messages), "tools": None, "documents": None}
    given |= {"add_generation_prompt": True}
    try:
        return TEMPLATES.render(name, template, {**given, **special_tokens, **switch})
    except LabError as error:
        raise error if error.hint else LabError(error.problem, _hint(messages)) from None


def _hint(messages: Conversation) -> str:
    if any(message["role"] == "system" for message in messages):
        return "Put the system text into the first user turn: not every model has a system role."
    return "Let the roles alternate: user, assistant, user …, or give the text with raw=True."
