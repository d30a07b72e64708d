"""What a model thinks before it answers: separated from the answer, switched on or off, counted."""

import re
from collections.abc import Sequence

from .steps import Step
from .stop_strings import overlap

# Of Qwen, DeepSeek, SmolLM, GLM and most others; of Mistral, Gemma 4 and Seed. Each with the one
# that closes it. Source: their chat templates.
TAGS = {
    "<think>": "</think>",
    "[THINK]": "[/THINK]",
    "<|channel>thought": "<channel|>",
    "<seed:think>": "</seed:think>",
}

# Of Qwen, SmolLM, GLM and most others; of DeepSeek and Granite.
SWITCHES = ("enable_thinking", "thinking")


def open_tag(prompt: str) -> str | None:
    """The tag that a prompt ends with, as some chat templates write it themselves."""
    return next((tag for tag in TAGS if prompt.rstrip().endswith(tag)), None)


def switch_thinking(thinking: bool | None, template: str | None, name: str) -> dict[str, bool]:
    """What turns thinking on or off in a chat template: the value of a variable of it.

    Args:
        thinking: as of the `Settings`; None: nothing is turned.
        template: the template; None: the prompt is a text without one.
        name: of the model, for the sentence.
    Raises:
        ValueError: the template has no such variable.

    >>> switch_thinking(False, "{% if enable_thinking is not false %}<think>{% endif %}", "a")
    {'enable_thinking': False}
    """
    if thinking is None:
        return {}
    names = _variables(template or "")
    if found := next((each for each in SWITCHES if each in names), None):
        return {found: thinking}
    why = "has no switch for it" if template else "is not used for a text that is continued"
    raise ValueError(
        f"thinking must be left at None: the chat template of {name} {why}; got {thinking}"
    )


def _variables(template: str) -> set[str]:
    import jinja2.meta

    # transformers' own tag, which jinja2 does not know, changes nothing here.
    plain = re.sub(r"\{%-?\s*(end)?generation\s*-?%\}", "", template)
    parser = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"])
    return jinja2.meta.find_undeclared_variables(parser.parse(plain))


class ThoughtSplitter:
    """Separates a thought at the beginning of a text from the answer after it, piece by piece.

    Args:
        opened: the tag that the prompt ended with, see `open_tag`.
    Attributes:
        thinking: whether the last piece belongs to the thought, or to a tag of it.

    >>> split = ThoughtSplitter()
    >>> [split.push(piece) for piece in ("<thi", "nk>Hm", "m</think>", " Yes", "</think>")]
    [('', ''), ('Hm', ''), ('m', ''), ('', 'Yes'), ('', '</think>')]
    """

    def __init__(self, opened: str | None = None):
        self._phase = "thought" if opened else "begin"
        self._closing, self._held = TAGS.get(opened or "", ""), ""
        self.thinking = bool(opened)

    def push(self, text: str, *, last: bool = False) -> tuple[str, str]:
        """The parts of a text that surely belong to the thought, and to the answer.

        What may be the beginning of a tag is held back, unless this is the last piece.
        """
        text, self._held, thought = self._held + text, "", ""
        if self._phase == "begin":
            text = self._open(text, last)
        if self._phase == "thought":
            thought, text = self._close(text, last)
        if self._phase == "closed" and (text := text.lstrip()):
            self._phase = "answer"
        self.thinking = self._phase in ("thought", "closed")
        return thought, text

    def _open(self, text: str, last: bool) -> str:
        """What is left of the text behind an opening tag; blanks alone decide nothing."""
        begun = text.lstrip()
        if tag := next((each for each in TAGS if begun.startswith(each)), None):
            self._phase, self._closing = "thought", TAGS[tag]
            return begun.removeprefix(tag)
        if begun and not last and any(each.startswith(begun) for each in TAGS):
            self._held = text
            return ""
        self._phase = "answer" if begun else "begin"
        return text

    def _close(self, text: str, last: bool) -> tuple[str, str]:
        thought, found, rest = text.partition(self._closing)
        if found:
            self._phase = "closed"
            return thought, rest
        cut = len(text) - (0 if last else overlap(text, self._closing))
        self._held = text[cut:]
        return text[:cut], ""


class ThoughtCounter:
    """Counts the tokens of a thought that a server lists, those of its tags included.

    Attributes:
        seen: whether there is a thought.
    """

    def __init__(self):
        self.seen, self._answered, self._tokens = False, False, 0
        self._is_whole = True

    def add(self, steps: Sequence[Step], listed: int) -> None:
        """The steps of the next piece, and the number of tokens listed with it."""
        if self._answered:
            return
        thought = [step for step in steps if step.thinking]
        self._answered = len(thought) < len(steps)
        self.seen = self.seen or bool(thought)
        unlisted = any(step.logprob is None for step in thought)
        self._is_whole = self._is_whole and not unlisted and not (thought and self._answered)
        self._tokens += 0 if self._answered else listed

    @property
    def tokens(self) -> int | None:
        """Their number; None where there is no thought, or not all of it was listed."""
        return self._tokens if self.seen and self._is_whole else None
