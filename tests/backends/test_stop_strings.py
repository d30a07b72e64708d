"""Text out of tokens: whole characters, and nothing after a stop string."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.backends.local.detokenizer import INCOMPLETE, Detokenizer
from labkit.backends.stop_strings import StopScanner

TEXTS = {
    "emoji": "Well done! 👩‍💻🎉🇫🇷 Next: 🍜.",
    "Chinese": "水是生命之源，人工智能很有趣。",
    "Devanagari": "नमस्ते दुनिया, क्षत्रिय",
    "combining marks": "e\u0301a\u0308o\u0302 Ţ̷̨ĥ̵e̶",
    "Arabic": "مرحبا بالعالم",
    "code": "def f(x):\n    return {'a': x ** 2}\n",
}


def shown(tokenizer, ids, prompt_ids=()):
    detokenizer = Detokenizer(tokenizer, list(prompt_ids))
    pieces = [detokenizer.push(i, last=n == len(ids) - 1) for n, i in enumerate(ids)]
    return pieces


@pytest.mark.parametrize("name", TEXTS)
def test_no_character_is_torn(smollm2, name):
    text = TEXTS[name]
    pieces = shown(smollm2.tokenizer, smollm2.tokenizer(text)["input_ids"])
    assert "".join(pieces) == text
    assert not any(INCOMPLETE in piece for piece in pieces)
    for piece in pieces:
        piece.encode()  # no half of a surrogate pair


# SmolLM2's vocabulary has no token for these bytes, so text with them cannot be told to it at all
# (llama.cpp gives the same ids). 0xF1 and 0xF2 begin characters of the unassigned planes.
MISSING = frozenset(b"\x04\x06\x13\x14\x16\x1d\xf1\xf2")
known = st.characters(codec="utf-8").filter(lambda c: not MISSING & set(c.encode()))


@given(text=st.text(known, min_size=1, max_size=60), before=st.text(known, max_size=10))
def test_any_text_comes_back_whatever_stands_before(smollm2, text, before):
    ids = smollm2.tokenizer(text)["input_ids"]
    prompt_ids = smollm2.tokenizer(before)["input_ids"] if before else []
    assert "".join(shown(smollm2.tokenizer, ids, prompt_ids)) == text


def test_half_a_character_at_the_end_is_shown_as_such(smollm2):
    ids = smollm2.tokenizer("水🍜")["input_ids"][:-1]
    assert "".join(shown(smollm2.tokenizer, ids)).startswith("水")
    assert INCOMPLETE in "".join(shown(smollm2.tokenizer, ids))


def test_special_tokens_stand_for_no_text(smollm2):
    end = smollm2.tokenizer.eos_token_id
    assert shown(smollm2.tokenizer, [end]) == [""]


stops = st.lists(st.text("ab\n", min_size=1, max_size=4), min_size=1, max_size=3)


@given(pieces=st.lists(st.text("ab\n", max_size=4), max_size=12), stops=stops)
def test_a_stop_string_cuts_wherever_the_borders_lie(pieces, stops):
    """Oracle: the text up to the first piece that completes a stop string, cut there."""
    scan, out = StopScanner(tuple(stops)), ""
    for n, piece in enumerate(pieces):
        out += scan.push(piece, last=n == len(pieces) - 1)
        if scan.stopped:
            break
    whole = ""
    for piece in pieces:
        whole += piece
        found = [whole.find(stop) for stop in stops if stop in whole]
        if found:
            assert scan.stopped
            assert out == whole[: min(found)]
            return
    assert not scan.stopped
    assert out == whole
