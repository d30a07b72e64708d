"""A secret that a model reads is found however it looks: with invisible characters, say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from labkit.backends.guard.plain_text import plain_text
from labkit.backends.guard.policy import Policy
from labkit.backends.guard.redaction import redact
from labkit.backends.guard.scanner import scan

CARD, KEY, MAIL = "4111 1111 1111 1111", "AKIAIOSFODNN7EXAMPLE", "bob@example.com"
INVISIBLE = ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\ufe0f", "\U000e0041"]
SPACES = ["\u00a0", "\u202f", "\u2003", "\u3000"]
DIGITS = [0x660, 0x966, 0xFF10, 0x1D7CE]  # where other digits begin


@pytest.mark.parametrize("first", DIGITS)
def test_digits_of_other_scripts(first):
    card = "".join(chr(first + int(each)) if each.isdigit() else each for each in CARD)
    (found,) = scan(f"Zahle mit der Karte {card} bitte")
    assert (found.kind, found.text) == ("card number", card)


@given(data=st.data())
@settings(max_examples=60)
def test_characters_that_nobody_sees_hide_nothing(data):
    secret = data.draw(st.sampled_from([CARD, KEY, MAIL]))
    hidden = "".join(
        each + "".join(data.draw(st.lists(st.sampled_from(INVISIBLE), max_size=2)))
        for each in secret[:-1]
    )
    hidden = hidden.replace(" ", data.draw(st.sampled_from(SPACES))) + secret[-1]
    text = f"Übrigens: {hidden} – danke"
    (found,) = scan(text)
    assert found.text == hidden == text[found.start : found.end]
    assert hidden not in redact(text).text and "danke" in redact(text).text
    with pytest.raises(labkit.LabError, match="Nothing was sent"):
        Policy("block").apply([{"role": "user", "content": text}])


@given(st.text())
def test_each_character_says_where_it_was(text):
    plain, places = plain_text(text)
    if places is None:
        assert plain == text
    else:
        assert len(places) == len(plain) and places == sorted(set(places))
        assert all(
            letter == text[at] or not text[at].isascii()
            for letter, at in zip(plain, places, strict=True)
        )


def test_a_text_that_equals_whatever_it_is_compared_with_is_looked_at():
    class Text(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            return True

    class Content(Text):
        __slots__ = ()

        def __hash__(self):
            return hash("text")  # a word of the interface

    model = labkit.connect("http://127.0.0.1:9/v1", "m", kind="vLLM")
    model.policy = "block"
    for prompt in (Content(CARD), [{"role": "user", "content": Content(CARD)}]):
        with pytest.raises(labkit.LabError, match="Nothing was sent"):
            model.stream(prompt)


def test_a_text_that_no_file_can_hold_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="text must be Unicode without lone surrogates"):
        scan("\ud800 bob@example.com")
