"""Figures of answers side by side, by their data."""

import pytest

import labkit
from labkit.backends.http_timing import HttpTiming
from labkit.backends.reply import Outcome, Reply, Step
from labkit.backends.settings import Settings
from labkit.backends.timings import EngineTimings
from labkit.topics.comparison.side_by_side.answer_columns_figures import numbers
from labkit.topics.comparison.side_by_side.compare import SideBySide
from labkit.topics.comparison.side_by_side.figures import arrivals
from labkit.topics.comparison.side_by_side.time_split import PART_NAMES

FRESH = HttpTiming("https://far.example", 0.01, 0.08, 0.16, 0.002, 0.4, 0.01, 1.0, 1234, 56789)
STAND_IN = "stand-in: smollm2-135m on this machine, over an emulated link"


def a_reply(*times, **more):
    steps = tuple(Step(None, "<b> ", None, None, (), None, at) for at in times)
    outcome = Outcome(**{"prompt_tokens": 5, "finish": "stop", **more})
    return Reply("made up", "x", Settings(), steps, outcome)


@pytest.fixture
def side():
    local = a_reply(0.3, 0.8, 1.3)
    engine = EngineTimings("llama.cpp", prompt_s=0.3)
    remote = a_reply(0.662, 1.662, http=FRESH, timings=engine, origin=STAND_IN, price_usd=0.0012)
    cut = a_reply(0.5, finish="failed", error="It broke off.\n  → Ask again.")
    names = ("local", "remote", "cut")
    return SideBySide("Why <i>?", names, (local, remote, cut), (True, True, False))


def bars(figure, axis):
    """Part: (row, base, length) of every bar on an axis."""
    return {
        trace.name: list(zip(trace.y, trace.base, trace.x, strict=True))
        for trace in figure.data
        if trace.xaxis == axis
    }


def test_the_parts_of_all_start_at_one_zero(side):
    whole = bars(labkit.plot(side), "x2")
    assert tuple(whole) == PART_NAMES
    assert [base for _, base, _ in whole["to the first token"]] == pytest.approx([0, 0.652, 0])
    lengths = {
        name: next(x for row, _, x in bar if "remote" in row)
        for name, bar in whole.items()
        if name != "thinking"  # nothing was thought
    }
    assert sum(lengths.values()) == pytest.approx(FRESH.elapsed_s)
    assert len(whole["TLS"]) == 1  # the local one has none
    first = bars(labkit.plot(side), "x")
    assert not first["stream"] and len(first["to the first token"]) == 3


def test_every_part_differs_by_more_than_its_colour(side):
    patterns = [trace.marker.pattern.shape for trace in labkit.plot(side).data[: len(PART_NAMES)]]
    assert len(set(patterns)) == len(PART_NAMES)


def test_the_figure_names_origin_failure_and_who_shared_the_machine(side):
    figure = labkit.plot(side)
    rows = figure.layout.yaxis.categoryarray
    assert "stand-in" in rows[1] and "measured" in rows[0]
    below = figure.layout.yaxis2
    assert below.tickvals == rows, "the second plot does not repeat the origins"
    assert below.ticktext == ("<b>local</b>  ", "<b>remote</b>  ", "<b>cut</b>  ")
    words = " ".join(note.text for note in figure.layout.annotations)
    assert "✗ failed" in words and "300 ms of it the model's own work" in words
    assert "local and remote shared this machine" in figure.layout.title.text


def test_rows_have_room_for_their_labels_and_bars_for_their_words(side):
    figure = labkit.plot(side)
    lines = max(row.count("<br>") + 1 for row in figure.layout.yaxis.categoryarray)
    low, high = figure.layout.yaxis.domain
    inner = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    assert (high - low) * inner / 3 >= 16 * lines
    longest = max(len(note.text) for note in figure.layout.annotations if note.xref == "x")
    assert 0.672 / figure.layout.xaxis.range[1] + longest * 7 / 560 < 1.05


def test_all_columns_have_the_same_rows_and_unknown_is_said(side):
    local, remote, cut = (
        dict(numbers(r, h)) for r, h in zip(side.replies, side.computed_here, strict=True)
    )
    assert local.keys() == remote.keys() == cut.keys()
    assert remote["TLS"] == "160 ms" and local["TLS"] == "–"
    assert (
        remote["bytes sent, received"] == "1,234, 56,789"
        and local["bytes sent, received"] == "0, 0"
    )
    assert remote["price"].startswith("$0.001200") and local["price"].startswith("none")
    assert cut["price"] == "unknown"
    assert remote["before the first token: the rest (network, queues)"] == "362 ms"
    assert (
        dict(numbers(a_reply(0.1, http=HttpTiming("x", reused=True)), False))["connection"]
        == "open already"
    )
    assert dict(numbers(a_reply(), False))["to the first token"] == "–"


def test_columns_escape_what_models_write(side):
    html = labkit.plot(side, kind="answers").html
    assert "<b> " not in html and "<i>" not in html and "&lt;b&gt;" in html
    assert html.count('role="region"') == 3 and 'aria-label="Answer of remote"' in html
    assert STAND_IN in html
    assert html.count("tabindex") == 3 and 'role="alert"' in html and "Ask again" in html


def test_arrivals_follow_the_steps(side):
    assert arrivals(side.replies[0]) == ([0.0, 0.3, 0.8, 1.3], [0, 4, 8, 12])
    figure = labkit.plot(side, kind="arrivals")
    assert len({line.line.dash for line in figure.data}) == 3
    assert "stand-in" in figure.data[1].name


def test_an_answer_without_anything_is_an_empty_row():
    side = SideBySide("x", ("none",), (a_reply(),), (False,))
    assert not any(len(trace.x) for trace in labkit.plot(side).data)
    labkit.plot(side, kind="arrivals")
    assert "wrote nothing" in side.summary
