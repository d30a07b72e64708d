"""A vocabulary as a map, against the libraries' own lists."""

import functools
import time

import pytest

import labkit
from labkit.topics.tokens.vocabulary.vocabulary_statistics import script_of

map_vocabulary = functools.cache(labkit.tokens.map_vocabulary)  # a second or two each


@pytest.mark.parametrize("name", ["smollm2", "gpt2", "mistral-v1", "qwen2.5", "tekken"])
def test_every_id_is_counted_once(name):
    vocabulary = map_vocabulary(name)
    counted = sum(tokens for _, tokens in vocabulary.lengths)
    beside = len(vocabulary.special) + vocabulary.unused
    assert counted + beside == vocabulary.reader.size
    assert sum(tokens for _, tokens in vocabulary.scripts) == counted
    lengths = [len(vocabulary.reader.bytes_of(each.token_id)) for each in vocabulary.longest]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == vocabulary.lengths[-1][0]


def test_against_smollm2s_own_list(smollm2):
    vocabulary = map_vocabulary("smollm2")
    special = {each.text for each in vocabulary.special}
    assert special == set(smollm2.tokenizer.added_tokens_encoder)
    assert vocabulary.unused == 0
    assert vocabulary.missing_bytes == (4, 6, 19, 20, 22, 29, 0xF1, 0xF2)
    for byte in vocabulary.missing_bytes[:6]:
        lost = labkit.tokenize(f"a{chr(byte)}b")
        assert lost.decoded == "ab"


def test_what_no_text_gives():
    qwen = map_vocabulary("qwen2.5")
    assert len(qwen.unreached) > 1000
    for each in qwen.unreached[::100]:
        assert qwen.reader.bytes_of(each.token_id).decode() == each.text
        assert each.token_id not in labkit.tokenize(f"x {each.text} y", "qwen2.5").ids
    mistral = map_vocabulary("mistral-v1")
    # A letter that has a token of its own is never spelt by its byte.
    assert all(each.text.isascii() for each in mistral.unreached)
    assert map_vocabulary("gpt2").unreached == ()


def test_neighbouring_characters_may_reach_a_token():
    """GPT-4o's " I'" comes of its own text as two tokens, and as one before some letters."""
    o200k = map_vocabulary("o200k")
    token_id = o200k.reader.library.encode_single_token(" I'")
    assert token_id not in [each.token_id for each in o200k.unreached]


def test_the_figure_has_its_four_parts():
    vocabulary = map_vocabulary("gpt2")
    figure = labkit.plot(vocabulary)
    lengths, scripts, longest, kinds = figure.data
    assert sum(lengths.y) == sum(tokens for _, tokens in vocabulary.lengths)
    assert sum(scripts.x) == sum(lengths.y)
    assert scripts.y[0] == "Latin"
    assert longest.x[0] == len(vocabulary.longest[0].text.encode())
    assert kinds.x == (kinds.x[0], 0, 344, 1, 0)
    assert kinds.text[1:] == ("0", "344", "1", "0"), "a zero has its number, too"
    assert {axis.type for axis in figure.select_xaxes()} == {None, "category"}, "bars from 0"
    assert "50,257 tokens" in figure.layout.title.text


@pytest.mark.alone
@pytest.mark.slow
def test_a_quarter_of_a_million_tokens_take_seconds():
    began = time.monotonic()
    labkit.tokens.map_vocabulary("qwen3.6")
    assert time.monotonic() - began < 15  # 1.5 s alone on two cores


@pytest.mark.parametrize(
    ("letter", "script"), [("a", "Latin"), ("я", "Cyrillic"), ("中", "Han"), ("ก", "Thai")]
)
def test_scripts(letter, script):
    assert script_of(letter) == script
