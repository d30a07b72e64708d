"""Whether an answer that the model wrote is right: a function for each way to tell."""

import json
from collections.abc import Callable
from typing import Any

import regex

from labkit.formatting import plain_answer

LONGEST_MATCH_S = 1.0


def is_same_text(answer: str, right: str, pattern: str = "") -> bool:
    """Whether an answer is the right one, apart from case, white space and a final full stop.

    >>> is_same_text(" Paris.", "paris")
    True
    """
    return plain_answer(answer) == plain_answer(right)


def has_same_fields(answer: str, right: str, pattern: str = "") -> bool:
    """Whether an answer is a JSON object with the right value of every field, and no other field.

    Values count as the same apart from case; 2 and "2" are the same.

    >>> has_same_fields('{"people": "4", "day": "friday"}', '{"day": "Friday", "people": 4}')
    True
    """
    fields, wanted = _json_object(answer), _json_object(right)
    return fields is not None and _values(fields) == _values(wanted or {})


def _values(fields: dict[str, Any]) -> dict[str, str]:
    return {name: plain_answer(str(value)) for name, value in fields.items()}


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def has_form(answer: str, right: str, pattern: str = "") -> bool:
    """Whether an answer has a form, whatever it says: a pattern, or JSON with the key "answer".

    >>> has_form("- a\\n- b", "", r"- .+\\n- .+"), has_form('{"answer": 4}', "", "json")
    (True, True)
    """
    if pattern == "json":
        fields = _json_object(answer)
        return fields is not None and set(fields) == {"answer"}
    try:
        return regex.fullmatch(pattern, answer.strip(), timeout=LONGEST_MATCH_S) is not None
    except TimeoutError:  # a pattern such as (a+)+ tries every way to part a text
        return False


CHECKERS: dict[str, Callable[[str, str, str], bool]] = {
    "exact": is_same_text,
    "fields": has_same_fields,
    "pattern": has_form,
}


def check_right(checker: str, right: str, pattern: str) -> str:
    """What is wrong with the right answer of an item, or its pattern; "" if nothing is."""
    if checker == "fields" and not _json_object(right):
        return "its answer is not a JSON object with fields"
    try:
        regex.compile(pattern)
    except regex.error as error:
        return f"its pattern is wrong: {error}"
    return ""
