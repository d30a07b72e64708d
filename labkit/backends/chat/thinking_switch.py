"""Thinking, turned on or off in a chat template."""

from collections.abc import Mapping, Sequence

from .template_process import TEMPLATES

# Variables of templates: of Qwen, SmolLM, GLM and most others; of DeepSeek and Granite.
SWITCHES = ("enable_thinking", "thinking")
# Words that a template without such a variable looks for in the messages, as Nemotron's.
WORDS = {True: "/think", False: "/no_think"}


def switch_thinking(thinking: bool | None, template: str | None, name: str) -> dict[str, bool]:
    """What turns thinking on or off in a chat template: the value of a variable of it.

    Args:
        thinking: as of the `Settings`; None: nothing is turned.
        template: the template; None: the prompt is a text without one.
        name: of the model, for the sentence.
    Returns:
        The variable and its value; empty where the template looks for one of `WORDS` instead.
    Raises:
        ValueError: the template has neither.

    >>> switch_thinking(False, "{% if enable_thinking is not false %}<think>{% endif %}", "a")
    {'enable_thinking': False}
    """
    if thinking is None:
        return {}
    names = TEMPLATES.variables(name, template) if template else ()
    if found := next((each for each in SWITCHES if each in names), None):
        return {found: thinking}
    if template and WORDS[thinking] in template:
        return {}
    why = "has no switch for it" if template else "is not used for a text that is continued"
    raise ValueError(
        f"thinking must be left at None: the chat template of {name} {why}; got {thinking}"
    )


def with_thinking_word(
    messages: Sequence[Mapping[str, str]], thinking: bool
) -> list[Mapping[str, str]]:
    """The messages with the word for it in the system text, which comes first.

    >>> with_thinking_word([{"role": "user", "content": "Hi"}], False)[0]
    {'role': 'system', 'content': '/no_think'}
    """
    word, (first, *others) = WORDS[thinking], messages
    if first["role"] != "system":
        return [{"role": "system", "content": word}, *messages]
    return [{**first, "content": f"{first['content']}\n{word}"}, *others]
