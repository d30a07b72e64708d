"""Checks for the exercises of notebook 01: any right answer passes, a wrong one gets the reason."""

import reprlib

from labkit.checks import is_number
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.formatting import number_of

from .chat_template import TurnCosts
from .tokenization import tokenize

FEW, MANY = "o200k", "gpt2"


def check_more_tokens(text: str | None, *, name: str = "smollm2", most: int = 10) -> ExerciseResult:
    """Exercise 1: a short text with more tokens than characters."""
    if not text or not isinstance(text, str):
        return not_yet("Put a text, in quotes, in place of None.")
    if len(text) > most:
        return not_yet(f"That has {len(text)} characters; {most} is the limit.")
    try:
        count = tokenize(text, name).count
    except ValueError as error:
        return not_yet(f"{error}.")
    size = f"{number_of(len(text), 'character')} ({number_of(len(text.encode()), 'byte')}), "
    size += number_of(count, "token")
    if count > len(text):
        return solved(f"{size}: a character is several bytes, which are only joined if frequent.")
    return not_yet(f"{size}. Try letters that were rare in the texts that {name} learnt from.")


def check_word(word: str | None) -> ExerciseResult:
    """Exercise 2: a word that is one token to a newer tokenizer, three or more to an older one."""
    if not word or not isinstance(word, str):
        return not_yet("Put a word, in quotes, in place of None.")
    if len(word.split()) != 1 or len(word) > 60:
        return not_yet(f"{reprlib.repr(word)} is not one word.")
    try:  # also as in a text, after a space
        attempts = [_try_word(word), _try_word(f" {word.strip()}")]
    except ValueError as error:
        return not_yet(f"{error}.")
    return next((result for result in attempts if result.right), attempts[0])


def _try_word(word: str) -> ExerciseResult:
    few, many = tokenize(word, FEW), tokenize(word, MANY)
    counts = f"{FEW}: {few.segmentation}, {MANY}: {many.segmentation}."
    if few.count == 1 and many.count >= 3:
        return solved(counts)
    wrong = f"{FEW} needs {few.count}" if few.count > 1 else f"{MANY} needs only {many.count}"
    return not_yet(f"{counts} {wrong}. Try a word of another language, or of code.")


def check_saved(turns: TurnCosts, tokens: int | None) -> ExerciseResult:
    """Exercise 3: how many fewer tokens are read if the system prompt is half as long?"""
    if not is_number(tokens):
        return not_yet("Put a number in place of None.")
    count = len(turns.prompt_tokens)
    right = turns.system_tokens / 2 * count
    formula = f"{turns.system_tokens} tokens / 2 × {count} turns = {right:g}"
    if abs(tokens - right) <= count / 2:  # half a token per turn, for an odd number of them
        return solved(f"{formula}.")
    if abs(tokens - turns.system_tokens / 2) <= 0.5:
        return not_yet("That is what one turn saves; the prompt is read on every turn.")
    return not_yet(
        "Half of the system prompt's tokens, once for every turn: `turns` has both numbers."
    )
