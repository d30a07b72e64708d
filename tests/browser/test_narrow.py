"""Figures on a page as wide as a phone and as a screen: no text is cut off or printed over."""

import json
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

import labkit
from labkit.backends.reply import Outcome, Reply
from labkit.backends.settings import Settings
from labkit.backends.steps import Step
from labkit.commands.notebooks.pages import PLOTLY_FILE, _document, _drawing
from labkit.commands.notebooks.render import _figure
from labkit.topics.comparison.votes.votes import Pair, cast, count_votes, new_ballot
from labkit.topics.limits.accuracy.accuracy_map import AccuracyMap, Answer, MapPlan
from labkit.topics.limits.accuracy.ask import Question
from labkit.topics.sampling.sweep.sweep import Sweep

from .chromium import new_page, start_chromium

OVERLAPS = Path(__file__).with_name("overlaps.js").read_text(encoding="utf-8")


def made_up_sweep():
    replies = []
    for seed, text in enumerate(["a b c d e", "a b c d", "f g", "a c", "h i j", "k"]):
        words = text.split()
        steps = tuple(Step(len(w), w, -1.0, -1.0, (), 2.0, 0.1 * n) for n, w in enumerate(words))
        chosen = Settings(temperature=0.5 * (seed % 2), seed=seed)
        replies.append(
            Reply("made up", "x", chosen, steps, Outcome(("stop", "length")[seed % 2], 3))
        )
    return Sweep("made up", "x", tuple(replies), 1.0)


def made_up_map():
    cells = [(f"{length} tokens", f"{depth}%") for length in (100, 800) for depth in range(10)]
    questions = tuple(Question("x", "1", *cell) for cell in cells)
    plan = MapPlan("long_text", "a fact in a long text", ("x", "y"), questions, (), "", 8)
    answers = tuple(Answer(each, "1", n % 3 > 0) for n, each in enumerate(questions))
    return AccuracyMap("made up", plan, answers, (), 1.0)


def made_up_votes():
    ballot = new_ballot()
    names = ("a-model-of-135m-f16 (llama.cpp)", "a-model-of-135m-q2_k (llama.cpp)")
    for choice in ("A", "A", "B", "tie"):
        ballot = cast(ballot, Pair("x", *names, "one", "two"), choice)
    return count_votes(names, ballot)


@pytest.fixture(scope="module")
def figures():
    """Figures of all topics that need no model, in order of the notebooks."""
    languages = labkit.tokens.compare_languages()
    far = labkit.replay("stand-in-ocean", speed=float("inf"))
    measured = labkit.measure(far, far.prompts[0], warmup=0)
    side = labkit.compare(far.prompts[0], {"the cloud beyond the ocean": far, "the same": far})
    return [
        labkit.plot(labkit.start.describe_machine()),
        labkit.plot(languages),
        labkit.plot(labkit.tokens.cost_languages(languages, tokens_per_s=10.0)),
        labkit.plot(labkit.tokens.train_bpe(vocab_size=300)),
        labkit.plot(labkit.tokens.map_vocabulary("gpt2")),
        labkit.plot(made_up_sweep()),
        labkit.plot(made_up_map()),
        labkit.plot(made_up_votes()),
        labkit.plot(measured),
        labkit.plot(measured, kind="gaps"),
        labkit.plot(side, kind="time"),
        labkit.plot(side, kind="arrivals"),
        labkit.plot(labkit.comparison.simulate_day({"cloud": measured})),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_text_of_a_figure_is_cut_off_or_printed_over(figures, tmp_path, scheme):
    body = "".join(_figure(json.loads(figure.to_json())) for figure in figures)
    page_file = tmp_path / "page.html"
    page_file.with_name(PLOTLY_FILE).write_text(get_plotlyjs())
    page_file.write_text(_document("t", "", f"<main>{body}</main>", [_drawing()]))
    with start_chromium() as browser:
        for width in (390, 600, 900, 1400):
            page = new_page(browser, width=width)
            page.emulate_media(color_scheme=scheme)
            page.goto(page_file.as_uri())
            page.wait_for_function(
                "count => document.querySelectorAll('.main-svg').length >= count", arg=len(figures)
            )
            page.wait_for_timeout(500)
            assert page.evaluate(OVERLAPS) == [], f"at {width} px"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
            assert page.errors == []
            page.close()
