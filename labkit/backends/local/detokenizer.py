"""From token ids to displayable text: complete characters only."""

INCOMPLETE = "�"
# Tokens of the prompt that can decide how the first new one is written: a character has at most
# four byte tokens, and SentencePiece drops the space before the very first token.
CONTEXT_TOKENS = 6


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
