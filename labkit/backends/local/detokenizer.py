"""From token ids to displayable text: complete characters only."""

from labkit.backends.thoughts import ThoughtSplitter, open_tag, special_tags

INCOMPLETE = "�"
# Tokens of the prompt that can decide how the first new one is written: a character has at most
# four byte tokens, and SentencePiece drops the space before the very first token.
CONTEXT_TOKENS = 6
TAG_TOKENS = 12  # of a tag that the prompt ends with, and of the blanks behind it


class Detokenizer:
    """Text of a growing sequence of tokens after a prompt's, complete characters only."""

    def __init__(self, tokenizer, prompt_ids):
        self._tokenizer = tokenizer
        self._ids = list(prompt_ids[-CONTEXT_TOKENS:])
        self._emitted = len(self._ids)

    def push(self, token_id: int, *, last: bool = False) -> str:
        """The text that became complete; at the last token the rest too, incomplete as U+FFFD."""
        self._ids.append(token_id)
        before = self._decode(self._ids[: self._emitted])
        text = self._decode(self._ids)[len(before) :]
        if text.endswith(INCOMPLETE) and not last:
            return ""
        # Only the tokens of this piece are needed, to decide how the next is written.
        self._ids = self._ids[self._emitted :] if text else self._ids
        self._emitted = len(self._ids)
        return text

    def _decode(self, ids) -> str:
        return self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


class AnswerDetokenizer:
    """As `Detokenizer`, with what is thought before an answer separated from it."""

    def __init__(self, tokenizer, prompt_ids):
        self._text = Detokenizer(tokenizer, prompt_ids)
        self._split = ThoughtSplitter(open_tag(tokenizer.decode(prompt_ids[-TAG_TOKENS:])))
        # Where tags, or parts of them, are special tokens, a text does not show them.
        added = tokenizer.get_added_vocab()
        self._tags = {added[tag]: tag for tag in special_tags(added) if tag in added}

    def push(self, token_id: int, *, last: bool = False) -> tuple[str, str]:
        """The text that became complete: of the thought, and of the answer."""
        text, tag = self._text.push(token_id, last=last), self._tags.get(token_id, "")
        return self._split.push(text if tag in text else text + tag, last=last)

    @property
    def thinking(self) -> bool:
        """Whether the last token belongs to the thought."""
        return self._split.thinking
