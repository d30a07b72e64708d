"""What a model thinks before it answers: separated from the answer, and counted."""

from collections.abc import Container, Sequence

from .steps import Step
from .stop_strings import overlap

# Of Qwen, DeepSeek, SmolLM, GLM and most others; of Mistral, Gemma 4, Seed and gpt-oss. Each with
# the one that closes it. Source: their chat templates; cookbook.openai.com, "harmony".
TAGS = {
    "<think>": "</think>",
    "[THINK]": "[/THINK]",
    "<|channel>thought": "<channel|>",
    "<seed:think>": "</seed:think>",
    "<|channel|>analysis<|message|>": "<|end|>",
    "<|channel|>commentary<|message|>": "<|end|>",
}
# Of gpt-oss: what stands before each further message, and before the answer.
HEADERS = ("<|start|>assistant", "<|channel|>final<|message|>")
_HARMONY = ("<|channel|>", "<|message|>", "<|start|>", "<|end|>")
# As special tokens, which a text does not show.
_SPECIAL = ("<think>", "</think>", "[THINK]", "[/THINK]", "<|channel>", "<channel|>")
_SPECIAL += ("<seed:think>", "</seed:think>")


def special_tags(known: Container[str]) -> tuple[str, ...]:
    """The parts of tags that may be special tokens, of a vocabulary or in a chat template.

    Those of gpt-oss are so only together: ``<|end|>`` is the end of an answer of Phi.
    """
    return _SPECIAL + (_HARMONY if "<|channel|>" in known else ())


def open_tag(prompt: str) -> str | None:
    """The tag that a prompt ends with, as some chat templates write it themselves."""
    return next((tag for tag in TAGS if prompt.rstrip().endswith(tag)), None)


class ThoughtSplitter:
    """Separates a thought at the beginning of a text from the answer after it, piece by piece.

    Args:
        opened: the tag that the prompt ended with, see `open_tag`.
    Attributes:
        thinking: whether the last piece belongs to the thought, or to a tag of it.
        held: what is held back, as it may be the beginning of a tag.

    >>> split = ThoughtSplitter()
    >>> [split.push(piece) for piece in ("<thi", "nk>Hm", "m</think>", " Yes", "</think>")]
    [('', ''), ('Hm', ''), ('m', ''), ('', 'Yes'), ('', '</think>')]
    """

    def __init__(self, opened: str | None = None):
        self._phase = "thought" if opened else "begin"
        self._closing, self.held = TAGS.get(opened or "", ""), ""
        self.thinking = bool(opened)

    def push(self, text: str, *, last: bool = False) -> tuple[str, str]:
        """The parts of a text that surely belong to the thought, and to the answer.

        What may be the beginning of a tag is held back, unless this is the last piece.
        """
        text, self.held, thought = self.held + text, "", ""
        while self._phase in ("begin", "thought"):
            if self._phase == "begin":
                text = self._open(text, last)
            if self._phase != "thought":
                break
            piece, text = self._close(text, last)
            thought += piece
            if self._phase == "thought":
                break
        if self._phase == "closed" and (text := text.lstrip()):
            self._phase = "answer"
        self.thinking = self._phase != "answer" and self._closing != ""
        return thought, text

    def _open(self, text: str, last: bool) -> str:
        """What is left of the text behind an opening tag; blanks alone decide nothing."""
        begun = text.lstrip()
        while header := next((each for each in HEADERS if begun.startswith(each)), None):
            text = begun = begun.removeprefix(header)
            if header == HEADERS[-1]:
                self._phase = "closed" if self._closing else "answer"
                return text
        if tag := next((each for each in TAGS if begun.startswith(each)), None):
            again = "\n\n" if self._closing else ""
            self._phase, self._closing = "thought", TAGS[tag]
            return again + begun.removeprefix(tag)
        if begun and not last and any(each.startswith(begun) for each in (*TAGS, *HEADERS)):
            self.held = text
            return ""
        self._phase = "answer" if begun else "begin"
        return text

    def _close(self, text: str, last: bool) -> tuple[str, str]:
        thought, found, rest = text.partition(self._closing)
        if found:
            self._phase = "begin" if self._closing in _HARMONY else "closed"
            return thought, rest
        cut = len(text) - (0 if last else overlap(text, self._closing))
        self.held = text[cut:]
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
