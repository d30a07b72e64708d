"""Both panels, by their controls."""

import json
import re

import pytest

import labkit
from labkit.data import read_data
from labkit.topics.tokens.panel import TEXT
from labkit.topics.tokens.token_strip import visible
from labkit.topics.tokens.tokenization import show_bytes


@pytest.fixture
def live():
    return labkit.tokens.tokenize_panel("Hello <b>", ["gpt2"])


@pytest.fixture
def growing():
    return labkit.explore(labkit.tokens.train_bpe(read_data("corpus.txt"), 400), text="the bread")


def test_the_strip_follows_the_text(live):
    assert live.comparison.counts == ((4,),)
    before = live.strip.value
    live.text.value = "Hello world <script>"
    assert live.strip.value != before
    assert "<script>" not in live.strip.value
    assert live.comparison.rows[0][0].text == "Hello world <script>"
    assert "your text: gpt2" in live.summary


def test_ticks_add_and_remove_rows(live):
    live.ticks["o200k"].value = True
    assert live.comparison.names == ("gpt2", "o200k")
    live.ticks["gpt2"].value = live.ticks["o200k"].value = False
    assert "Tick a tokenizer" in live.strip.value
    assert live.comparison is None
    assert "no tokens" in live.summary


def test_any_text_is_taken(live):
    for text in ("", "\x00\x1b[0m", "long " * 20_000, TEXT):
        live.text.value = text
        assert "lk-strip" in live.strip.value
        assert 'role="alert"' not in live.strip.value


def test_an_error_is_a_sentence_in_place(live, monkeypatch):
    live.text.value = "\ud800"
    assert 'role="alert"' in live.strip.value
    assert "lone surrogates" in live.strip.value
    assert "Traceback" not in live.strip.value
    live.text.value = "fine"
    assert 'role="alert"' not in live.strip.value


def test_ten_megabytes_get_a_sentence_and_are_not_tokenized(live, growing, monkeypatch):
    def tokenized(*_):
        raise AssertionError("a text that is too long must not be tokenized")

    monkeypatch.setattr("labkit.topics.tokens.panel.compare_tokenizers", tokenized)
    monkeypatch.setattr("labkit.topics.tokens.vocabulary.panel.train_bpe", tokenized)
    monkeypatch.setattr(type(growing.training), "tokenize", tokenized)
    huge = "<b>ten</b> " * 1_000_000
    for panel, box, name in (
        (live, live.text, "text"),
        (growing, growing.text, "text"),
        (growing, growing.corpus, "corpus"),
    ):
        box.value = huge
        assert f"{name} must be at most 100,000 characters" in panel.strip.value
        assert "got 11,000,000" in panel.strip.value
        assert 'role="alert"' in panel.strip.value and len(panel.strip.value) < 1000
    assert live.comparison is None and "no tokens" in live.summary


def test_what_no_box_can_hold_is_refused_at_once(growing):
    huge = "ten " * 50_000
    for start in (
        lambda: labkit.tokens.tokenize_panel(huge),
        lambda: labkit.explore(growing.training, text=huge),
        lambda: labkit.explore(labkit.tokens.train_bpe(huge, 300)),
    ):
        with pytest.raises(ValueError, match=r"must be at most 100,000 characters .* got 200,000"):
            start()
    for start in (
        labkit.tokens.tokenize_panel,
        lambda text: labkit.explore(growing.training, text=text),
    ):
        with pytest.raises(ValueError, match="lone surrogates"):
            start("\ud800")


def test_a_name_that_is_not_offered():
    with pytest.raises(ValueError, match=r"names must be of smollm2, .*; got 'gpt9'"):
        labkit.tokens.tokenize_panel(names=["gpt9"])
    for wrong in (None, 5, [["gpt2"]], ["gpt2", 5]):
        with pytest.raises(ValueError, match=r"names must be of smollm2, .*; got"):
            labkit.tokens.tokenize_panel(names=wrong)


def test_a_name_alone_is_ticked():
    ticks = labkit.tokens.tokenize_panel("hi", names="gpt2").ticks
    assert [name for name, tick in ticks.items() if tick.value] == ["gpt2"]


@pytest.mark.parametrize("size", [0, 10, 255, 50_001, "big"])
def test_a_vocabulary_that_no_corpus_can_have_is_refused_at_once(growing, size):
    with pytest.raises(ValueError, match="vocab_size must be a whole number, 256 to 50,000"):
        labkit.explore(growing.training, vocab_size=size)
    with pytest.raises(ValueError, match="number must be a whole number, 1 to 144; got 0"):
        growing.training.merge(0)
    for wrong, name in (((-1, 4), "merges"), (("x", 4), "merges"), ((0, None), "most")):
        with pytest.raises(ValueError, match=f"{name} must be a whole number"):
            growing.training.pair_counts(*wrong)


def test_the_slider_joins_the_text_and_moves_the_mark(growing):
    assert growing.merges.value == 0
    assert "No merge yet" in growing.strip.value
    counts, titles = [], []
    for merges in (0, 10, 144):
        growing.merges.value = merges
        counts.append(growing.strip.value.count("<i "))
        titles.append(growing.figure.layout.title.text)
        assert growing.figure.data[1].x == (merges,)
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == len("the bread")
    assert counts[-1] < counts[0]
    assert len(set(titles)) == 3
    assert "144 merges: a vocabulary of 400" in titles[-1]
    *_, joined = growing.training.merge(144)
    assert f"“{joined.replace(' ', '·')}”" in growing.strip.value
    growing.merges.value = 1
    assert "It is the first" in growing.strip.value
    assert growing.figure.layout.title.text.startswith("1 merge: a vocabulary of 257")


def test_the_pairs_that_are_counted_lead_to_the_merges_that_were_trained(growing):
    """Oracle: tokenizers' own trainer, which joins a most frequent pair at each stage."""
    training = growing.training
    for stage in (0, 1, 7, 60, 143):
        left, right, _ = training.merge(stage + 1)
        found = training.pair_counts(stage, 10_000)
        joined = {
            (show_bytes(each.left), show_bytes(each.right))
            for each in found
            if each.count == found[0].count
        }
        assert (left, right) in joined
        assert [each.count for each in found] == sorted((e.count for e in found), reverse=True)
    assert training.pair_counts(144, 4) == ()


def test_a_guess_of_the_next_merge_is_judged_and_makes_it(growing):
    game = growing.game
    pairs = game._pairs
    assert len({each.description for each in game.buttons}) == 4
    best = max(range(4), key=lambda number: pairs[number].count)
    game.buttons[best].click()
    assert (growing.merges.value, game.right, game.guesses) == (1, 1, 1)
    worst = min(range(4), key=lambda number: game._pairs[number].count)
    game.buttons[worst].click()
    assert (growing.merges.value, game.guesses) == (2, 2)
    verdict = game.widget.children[1].value
    assert "times" in verdict and "of 2 guessed" in verdict
    growing.merges.value = 144
    assert game.widget.children[0].layout.display == "none", "nothing is left to guess"
    growing.merges.value = 3
    assert game.widget.children[0].layout.display is None


def test_of_equally_frequent_pairs_the_one_that_is_joined_is_offered_and_named():
    training = labkit.tokens.train_bpe("ab cd ef gh ij kl", 262)
    game, ties = labkit.explore(training).game, training.pair_counts(0, 100)
    joined = ties[0]
    assert len({each.count for each in ties}) == 1 and len(ties) > len(game.buttons)
    assert (joined.left.decode(), joined.right.decode()) == training.merges[0]
    assert joined in game._pairs
    other = next(number for number, each in enumerate(game._pairs) if each != joined)
    game.buttons[other].click()
    verdict = f"Equally frequent; the trainer took {' + '.join(training.merges[0])}: "
    assert verdict in game.widget.children[1].value and (game.right, game.guesses) == (1, 1)
    now = game._pairs.index(game._joined)
    game.buttons[now].click()
    assert "Right: " in game.widget.children[1].value and game.right == 2


def test_another_corpus_is_trained_on(growing):
    growing.game.buttons[0].click()
    assert growing.game.guesses == 1 and "guessed" in growing.game.widget.children[1].value
    growing.merges.value = 144
    growing.corpus.value = "la la la lala"
    assert growing.game.guesses == growing.game.right == 0
    assert growing.game.widget.children[1].value == "", "its pairs are those of the old one"
    assert growing.merges.max == len(growing.training.merges) < 144
    assert growing.merges.value == growing.merges.max == growing.film.max
    assert len(growing.figure.data[0].x) == len(growing.training.curve)
    before = growing.training
    growing.corpus.value = ""
    assert "corpus must have at least one character" in growing.strip.value
    assert growing.training is before
    growing.merges.value -= 1
    growing.text.value = "la"
    assert "corpus must have at least one character" in growing.strip.value
    growing.corpus.value = "x"
    assert growing.merges.max == 0 and "must have" not in growing.strip.value


def test_a_static_page_shows_strip_and_curve(live, growing, monkeypatch):
    displayed = []
    monkeypatch.setenv("LABKIT_STATIC", "1")
    monkeypatch.setattr("IPython.display.display", lambda *things: displayed.extend(things))
    live._ipython_display_()
    growing._ipython_display_()
    assert "lk-strip" in displayed[0].data
    assert "Merge 144" in displayed[1].data, "what is seen where no script runs"
    data = json.loads(re.search("<script[^>]*>(.*?)</script>", displayed[1].data, re.S)[1])
    assert len(data["frames"]) == len(growing.training.merges) + 1
    for merges in (0, 5, 144):
        frame, tokens = data["frames"][merges], growing.training.tokenize("the bread", merges)
        assert data["strips"][frame["strip"]] == [visible(each) for each in tokens.data]
        assert frame["title"].startswith(f"{merges} merge")
    assert data["figure"]["data"][0]["y"]
