"""From token ids to text that can be shown: whole characters, and nothing after a stop string."""

from textwrap import fill

LINE = 92  # characters: as many as a notebook shows in a row in a window of 1280 pixels
INCOMPLETE = "�"
# As many tokens of the prompt as can decide how the first new one is written: a character has at
# most four byte tokens, and SentencePiece drops the space before the first token of all.
CONTEXT_TOKENS = 6


class Detokenizer:
    """Text of a growing row of tokens, complete characters only.

    Args:
        tokenizer: transformers' tokenizer.
        prompt_ids: the tokens before the first.
    """

    def __init__(self, tokenizer, prompt_ids):
        self._tokenizer = tokenizer
        self._ids = list(prompt_ids[-CONTEXT_TOKENS:])
        self._shown = len(self._ids)

    def push(self, token_id: int, *, last: bool = False) -> str:
        """The text that became complete with this token.

        Args:
            token_id: the next token.
            last: give what is left, half characters too (as U+FFFD).
        """
        self._ids.append(token_id)
        before = self._decode(self._ids[: self._shown])
        text = self._decode(self._ids)[len(before) :]
        if text.endswith(INCOMPLETE) and not last:
            return ""
        # Only the tokens of this piece are kept, to decide how the next is written.
        self._ids = self._ids[self._shown :] if text else self._ids
        self._shown = len(self._ids)
        return text

    def _decode(self, ids) -> str:
        return self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


class StopScanner:
    """Passes text on until a stop string appears, also one spread over several tokens.

    >>> scan = StopScanner(("END",))
    >>> scan.push("all is well E"), scan.push("ND and more"), scan.stopped
    ('all is well ', '', True)
    """

    def __init__(self, stops: tuple[str, ...]):
        self._stops = stops
        self._held = ""
        self.stopped = False

    def push(self, text: str, *, last: bool = False) -> str:
        """The text that surely stands before any stop string.

        Args:
            text: what came.
            last: nothing follows, so nothing is held back.
        """
        text, self._held = self._held + text, ""
        cuts = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if cuts:
            self.stopped = True
            return text[: min(cuts)]
        held = 0 if last else max((_overlap(text, stop) for stop in self._stops), default=0)
        cut = len(text) - held
        self._held = text[cut:]
        return text[:cut]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of the text could begin the stop string."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)


def in_lines(*lines: str) -> str:
    """Lines for people, broken between words: a notebook breaks what it prints anywhere.

    Args:
        lines: each begins a line of its own; empty ones are left out.

    >>> in_lines("one " * 30).count("\\n")
    1
    """
    return "\n".join(
        fill(line, LINE, break_long_words=False, break_on_hyphens=False) for line in lines if line
    )
