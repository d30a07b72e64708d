"""The strip: what it shows, what it escapes, where it truncates."""

import re
import unicodedata
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from labkit.models.tokenizers.catalogue import TOKENIZERS
from labkit.topics.tokens.token_strip import COLUMNS, MOST_TEXTS, token_strip, visible

TEXT = "The Donaudampfschiff: naïve 👩‍🚀\n\tcafé 12345"


class Tokens(HTMLParser):
    """Collects the tokens of a strip: (classes, details, text), row by row of each segment."""

    def __init__(self, page):
        super().__init__()
        self.found, self.tags, self.inside = [], set(), False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "i":
            found = dict(attributes)
            assert found["tabindex"] == "0"
            self.found.append([found["class"], found["data-t"], ""])
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "i"

    def handle_data(self, data):
        if self.inside:
            self.found[-1][2] += data


def tokens(figure):
    return Tokens(figure.html).found


def test_several_tokenizers_come_with_their_year_and_size():
    """So that a reader sees whether newer is better."""
    for name in labkit.tokens.known_tokenizers():
        found = labkit.tokens.map_vocabulary(name)
        assert TOKENIZERS[name].entries == found.reader.size, name
    html = labkit.plot(labkit.tokens.compare_tokenizers("a b", ["gpt2", "deepseek"])).html
    assert "gpt2 (2019, 50k): " in html and "deepseek (129k): " in html
    assert "(2019" not in labkit.plot(labkit.tokenize("a b", "gpt2")).html


def test_every_token_is_there_with_its_details():
    tokenization = labkit.tokenize(TEXT, "gpt2")
    found = tokens(labkit.plot(tokenization))
    assert len(found) == tokenization.count
    for (_, details, _), token in zip(found, tokenization.tokens, strict=True):
        assert f"id {token.token_id} · bytes {token.data.hex(' ').upper()} · " in details
        assert f"characters {token.start} to {token.end}" in details
        assert details.endswith("" if token.rank is None else f" · merge rank {token.rank:,}")


def test_neighbours_differ_and_have_borders():
    figure = labkit.plot(labkit.tokenize(TEXT, "gpt2"))
    classes = [kinds for kinds, *_ in tokens(figure)]
    assert all(a[0] != b[0] for a, b in pairwise(classes))
    assert re.search(r"\.lk-strip i\{[^}]*border:1px solid", figure.html)


def test_white_space_bytes_and_special_tokens_can_be_seen():
    tokenization = labkit.tokenize("<|im_start|>a b\n\t👍", "smollm2", special=True)
    found = tokens(labkit.plot(tokenization))
    assert found[0][0].endswith(" s")
    assert "special token" in found[0][1]
    texts = [text for *_, text in found]
    assert "·b" in texts
    assert "".join(texts).count("⏎") == "".join(texts).count("⇥") == 1
    assert texts[-1] and all(" x" in kinds for kinds, _, text in found[-2:])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b" a", "·a"),
        (b"\n", "⏎"),
        (b"\t", "⇥"),
        (b"\r", "␍"),
        (b"\x00", "␀"),
        (b"\x7f", "␡"),
        ("\u200b".encode(), "⟨U+200B⟩"),
        ("\u202e".encode(), "⟨U+202E⟩"),
        (b"\xf0\x9f", "F09F"),
        ("\u0301".encode(), "◌\u0301"),
        ("é".encode(), "é"),
        (b"", ""),
    ],
)
def test_nothing_invisible_is_left(data, text):
    assert visible(data) == text


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
@settings(max_examples=60)
def test_whatever_the_text_no_markup_of_it_survives(text):
    figure = token_strip([labkit.tokenize(text + "<script>alert(1)</script><i>", "gpt2")])
    assert Tokens(figure.html).tags <= {"style", "div", "span", "i", "b"}
    assert "<script" not in figure.html


def rows_of(page, count):
    """The tokens' texts of each row, put together over all segments."""
    cells = re.findall(r"<div class=lk-cell>(.*?)</div>", page)
    rows = [[] for _ in range(count)]
    for number, cell in enumerate(cells):
        rows[number % count] += re.findall(r"<i [^>]*>(.*?)</i>", cell)
    return [[unescape(text) for text in row] for row in rows]


def test_several_tokenizers_are_aligned():
    names = ["gpt2", "o200k", "mistral-v1"]
    table = labkit.tokens.compare_tokenizers(TEXT, names)
    page = labkit.plot(table).html
    for row, tokenization in zip(rows_of(page, 3), table.rows[0], strict=True):
        assert row == [visible(data) for data in tokenization.data]
    # A segment ends where all rows have a border: its rows cover the same characters.
    for segment in re.findall(r"<div>((?:<div class=lk-cell>.*?</div>){3})</div>", page):
        ends = [
            re.findall(r"characters (\d+) to (\d+)", cell)
            for cell in segment.split("<div class=lk-cell>")[1:]
        ]
        assert len({(cell[0][0], cell[-1][1]) for cell in ends if cell}) == 1
    assert page.count('class="lk-names"') == page.count('class="lk-line"') >= 2
    assert 'lk-names"' not in labkit.plot(table.rows[0][0]).html, "one row needs no name"


def test_lines_are_as_wide_as_a_notebook():
    page = labkit.plot(labkit.tokenize("word " * 200, "gpt2")).html
    for line in page.split('class="lk-line"')[1:]:
        texts = re.findall(r"<i [^>]*>(.*?)</i>", line)
        assert sum(len(unescape(text)) + 0.8 for text in texts) <= COLUMNS + 1


@pytest.mark.parametrize(
    ("text", "direction"), [("שלום", "rtl"), ("12 مرحبا", "rtl"), ("Hi שלום", "ltr")]
)
def test_right_to_left_text_runs_from_the_right(text, direction):
    assert f'dir="{direction}"' in labkit.plot(labkit.tokenize(text)).html


def test_long_text_is_cut_with_a_note():
    long = labkit.tokenize("one two three " * 4000, "gpt2")
    page = labkit.plot(long).html
    assert 4900 <= len(re.findall("<i ", page)) <= 5000
    assert "Only the first" in page
    assert f"<b>{long.count:,}</b> tokens" in page
    both = labkit.plot(
        labkit.tokens.compare_tokenizers("Дом и сад. " * 3000, ["gpt2", "o200k"])
    ).html
    assert 2500 <= len(re.findall("<i ", both)) <= 5000


def test_of_many_texts_the_first_are_shown():
    texts = [f"text {number}" for number in range(MOST_TEXTS + 1234)]
    page = labkit.plot(labkit.tokens.compare_tokenizers(texts, ["gpt2"])).html
    assert page.count("<i ") == 2 * MOST_TEXTS
    assert "1,234 more texts are in .rows" in page


def test_an_empty_text_and_an_unknown_tokenizer(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert "<b>0</b> tokens" in labkit.plot(labkit.tokenize("")).html
    page = labkit.plot(labkit.tokens.compare_tokenizers("Hi", ["gpt2", "claude"])).html
    assert 'title="GPT-2, byte-level BPE: GPT-2, and the first GPT-3"' in page
    assert "claude: unknown, its tokenizer is not public" in page


def test_dollar_signs_of_texts_and_labels_are_no_formula():
    page = labkit.plot(labkit.tokens.compare_tokenizers(["costs $5 or $6", "$$"], "gpt2")).html
    assert page.count('<b class="mathjax_ignore">') == 2 and "<b>1: " not in page
    assert page.count('<div class="mathjax_ignore"><div class="lk-strip"') == 2


def test_a_figure_says_what_it_is_in_a_terminal():
    figure = labkit.plot(labkit.tokenize("Hi"))
    assert figure._repr_html_() == figure.html
    assert "notebook" in repr(figure)


def test_ten_megabytes_are_counted_whole_and_shown_in_part():
    text = "The <b>fox</b> \x07 été. " * 500_000
    tokenization = labkit.tokenize(text, "o200k")
    page = labkit.plot(tokenization).html
    assert len(text) > 10_000_000 and tokenization.count > 1_000_000
    assert "Only the first" in page and len(page) < 2_000_000
    assert "<b>fox" not in page


def test_a_long_text_with_loose_accents_is_shown_from_its_beginning():
    text = unicodedata.normalize("NFD", "দেশ কোন கொள்கை " * 2000)
    shown = re.search(
        r"Only the first ([\d,]+) characters", labkit.plot(labkit.tokenize(text, "qwen2.5")).html
    )
    assert int(shown[1].replace(",", "")) > 1000
