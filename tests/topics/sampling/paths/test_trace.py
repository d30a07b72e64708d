"""Trace: surprise from the model's own log-probabilities, and its figure."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import labkit
from labkit.backends.reply import Outcome, Reply
from labkit.backends.settings import Settings
from labkit.backends.steps import Alternative, Step
from labkit.topics.sampling.paths.trace import trace
from labkit.topics.sampling.paths.trace_figures import CLASSES, MOST_TOKENS, _class, trace_figure


def step(token_id, text, logprob, *others, entropy=1.0):
    """A step that was taken over others: (text, logprob) pairs."""
    own = Alternative(token_id, text, logprob)
    leading = [own, *(Alternative(1000 + n, *other) for n, other in enumerate(others))]
    leading.sort(key=lambda each: -each.logprob)
    return Step(token_id, text, logprob, logprob, tuple(leading), entropy, 0.1 * token_id)


def reply_of(*steps):
    return Reply("a model", "Say.", Settings(seed=1), steps, Outcome("stop", 3))


@pytest.fixture
def reply():
    return reply_of(
        step(1, "<b>Hi</b>", math.log(0.5), ("Oh", math.log(0.25))),
        step(2, " x", math.log(0.125), (" <i>", math.log(0.5)), (" q", math.log(0.25))),
        step(3, "\n", math.log(1.0)),
    )


def test_bits_by_hand(reply):
    result = trace(reply)
    assert [token.surprise_bits for token in result.tokens] == pytest.approx([1, 3, 0])
    assert [token.rank for token in result.tokens] == [1, 3, 1]
    assert result.bits_per_token == pytest.approx(4 / 3)
    assert result.perplexity == pytest.approx(2 ** (4 / 3))
    assert result.first_choices == pytest.approx(2 / 3)
    assert "' x' with 3.0 bits" in result.summary


def test_a_token_that_no_alternative_names_shows_its_text_and_no_rank():
    lone = replace(step(1, "rare", -12.0), alternatives=(Alternative(5, "usual", -0.1),))
    (token,) = trace(reply_of(lone)).tokens
    assert (token.text, token.rank) == ("rare", None)
    assert "not among those below" in trace_figure(trace(reply_of(lone))).text.html


def test_a_server_without_token_ids_is_traced_by_texts_and_scores():
    """The second choice of each, whose text may lack the blanks that its alternative has."""
    best = Alternative(None, "Good", -0.1)
    words = (("Hello", "Hello"), ("Yes", " Yes"), ("rare", "Hello"))
    own = [Alternative(None, text, -3.0) for _, text in words]
    steps = [
        Step(None, text, -3.0, None, (best, each), None, 0.1)
        for (text, _), each in zip(words, own, strict=True)
    ]
    result = trace(reply_of(*steps))
    assert [(each.text, each.rank) for each in result.tokens] == [
        ("Hello", 2),
        (" Yes", 2),
        ("rare", None),
    ]
    assert result.first_choices == 0
    assert trace_figure(result).text.html.count("✓") == 2


def test_without_alternatives_the_likeliest_are_unknown(reply):
    bare = trace(replace(reply, steps=tuple(replace(s, alternatives=()) for s in reply.steps)))
    assert bare.first_choices is None
    assert [each.name for each in bare.book_entries] == ["bits_per_token"]
    assert "likeliest" not in bare.summary and "(perplexity 2.52); the most" in bare.summary
    page = trace_figure(bare).text.html
    assert "not among those below" not in page and "had 12.50%: a surprise" in page


def test_dollar_signs_are_no_formula():
    page = trace_figure(trace(reply_of(step(1, "$", -1.0), step(2, "$", -1.0)))).text.html
    assert page.count("mathjax_ignore") == 1 and page.index("mathjax_ignore") < page.index("$")


def test_replies_without_logprobs_or_tokens_are_refused_in_a_sentence(reply):
    silent = replace(reply.steps[1], logprob=None)
    with pytest.raises(ValueError, match="got one from a model, which does not report them all"):
        trace(replace(reply, steps=(reply.steps[0], silent)))
    with pytest.raises(ValueError, match="at least one token; got an empty one"):
        trace(replace(reply, steps=()))
    with pytest.raises(ValueError, match=r"must come from lab\.generate; got 'Why") as error:
        trace("Why is the sky blue? " * 500_000)
    assert len(str(error.value)) < 200


def test_on_the_real_model_the_surprise_is_the_models(smollm2):
    reply = labkit.generate(smollm2, "Why is the sky blue?", temperature=0, max_tokens=12)
    result = trace(reply)
    assert result.first_choices == 1
    assert [2**-token.surprise_bits for token in result.tokens] == pytest.approx(
        [math.exp(each.logprob) for each in reply.steps]
    )


# -- the figure ----------------------------------------------------------------------------------


def test_every_token_is_there_with_its_alternatives(reply):
    html = trace_figure(trace(reply)).text.html
    assert html.count('tabindex="0"') == 3
    assert "number 3: a surprise of 3.00 bits; 1.00 bits were to be expected" in html
    assert "12.50%" in html
    assert len(re.findall(r'class="a x"', html)) == 3, "the taken one is marked, by a tick too"
    assert html.count("✓") == 3


def test_text_is_escaped_and_white_space_is_seen(reply):
    figure = trace_figure(trace(reply))
    assert "<b>Hi" not in figure.text.html
    assert "<i>" not in figure.text.html
    assert "&lt;b&gt;Hi" in figure.text.html
    assert "⏎" in figure.text.html
    assert "<script" not in figure.text.html
    assert "<b>" not in str(figure.curve.data[0].customdata)


def test_classes_differ_in_more_than_colour():
    lines = [line for *_, line in CLASSES]
    assert lines == sorted(set(lines))
    assert "8 bits and more" in trace_figure(trace(reply_of(step(1, "a", -1.0)))).text.html


@given(st.floats(0, 200))
def test_every_surprise_has_a_class(bits):
    number = _class(bits)
    assert bits < CLASSES[number][0]
    assert number == 0 or bits >= CLASSES[number - 1][0]


def test_the_curve_shows_surprise_and_entropy(reply):
    surprise, entropy = trace_figure(trace(reply)).curve.data
    assert list(surprise.y) == pytest.approx([1, 3, 0])
    assert list(entropy.y) == [1, 1, 1]
    unknown = replace(reply, steps=tuple(replace(s, entropy_bits=None) for s in reply.steps))
    figure = trace_figure(trace(unknown))
    assert len(figure.curve.data) == 1
    assert "to be expected" not in figure.text.html


def test_a_long_text_is_cut_with_a_note():
    long = trace(reply_of(*(step(n, "a", -0.5) for n in range(1, MOST_TOKENS + 30))))
    html = trace_figure(long).text.html
    assert html.count('tabindex="0"') == MOST_TOKENS
    assert f"Only the first {MOST_TOKENS} tokens are shown." in html


def test_a_notebook_shows_text_and_curve(reply, monkeypatch):
    displayed = []
    monkeypatch.setattr("IPython.display.display", lambda *things: displayed.extend(things))
    figure = trace_figure(trace(reply))
    figure._ipython_display_()
    assert displayed == [figure.text, figure.curve]
