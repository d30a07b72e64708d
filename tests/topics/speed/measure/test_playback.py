"""The same text at several speeds; the panel with a clock that the test turns."""

from dataclasses import replace

import pytest

import labkit
from labkit.backends.reply import Outcome, Reply, Step
from labkit.backends.settings import Settings
from labkit.topics.speed.measure.playback import Pace, pace_text
from labkit.topics.speed.measure.playback_panel import PacePanel


@pytest.fixture
def reply():
    steps = tuple(Step(n, f"<t{n}> ", -1, -1, (), 1, 0.5 + 0.1 * n) for n in range(11))
    return Reply("made up", "p", Settings(seed=1), steps, Outcome("stop", 3))


def test_tokens_arrive_on_time():
    pace = Pace("ten", 10, ttft_s=0.5)
    assert [pace.arrived(t, 4) for t in (0, 0.49, 0.5, 0.6, 0.75, 9)] == [0, 0, 1, 2, 3, 4]
    assert pace.seconds(4) == pytest.approx(0.8) and pace.seconds(1) == 0.5


def test_this_machines_own_speed_stands_among_them(reply, make_measurement):
    pacing = pace_text(reply)
    assert [pace.tokens_per_s for pace in pacing.paces] == pytest.approx([5, 10, 20, 50, 200])
    assert pacing.paces[1].origin == "measured" and pacing.paces[1].ttft_s == 0.5
    assert pacing.elapsed_s == 2  # 11 tokens have 10 gaps
    own = pace_text(reply, make_measurement()).paces[1]
    assert (own.tokens_per_s, own.ttft_s) == pytest.approx((10, 0.5))
    read_once = pace_text(reply, paces=(pace for pace in (5, 20)))
    assert [pace.tokens_per_s for pace in read_once.paces] == pytest.approx([5, 10, 20])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"paces": (0,)}, "paces must be a number, above 0; got 0"),
        ({"paces": [float("inf")]}, "paces must be a number, above 0; got inf"),
        ({"paces": 5}, "paces must be one or more tokens/s, as in (5, 20); got 5"),
        ({"paces": ["5"]}, "got ('5',)"),
        ({"measurement": "x"}, "measurement must come from lab.measure; got 'x'"),
    ],
)
def test_what_has_no_pace_is_named(reply, wrong, message):
    with pytest.raises(ValueError) as caught:
        labkit.speed.pace_panel(reply, **wrong)
    assert message in str(caught.value)


def test_the_speed_of_another_model_is_not_shown_as_its_own(reply, make_measurement):
    with pytest.raises(ValueError, match="measurement must be of made up; got another"):
        pace_text(reply, replace(make_measurement(), model="another"))


def test_its_own_column_ends_when_the_answer_did(reply, make_measurement, make_run):
    """After a thought, and in pieces of a server that hold three tokens each."""
    steps = [replace(step, elapsed_s=1.0 + n) for n, step in enumerate(reply.steps[:8])]
    thought = [replace(step, thinking=n < 5) for n, step in enumerate(steps)]
    own = pace_text(replace(reply, steps=tuple(thought)), paces=(50,)).paces[0]
    assert (own.ttft_s, own.seconds(3)) == (6, 8) and own.tokens_per_s == 1
    run = make_run(0.5, 0.1, thinking_s=0.2, thinking_tokens=2)
    measured = make_measurement(run)
    assert pace_text(reply, measured).paces[1].ttft_s == pytest.approx(0.7)
    outcome = replace(reply.outcome, chunked=True, output_tokens=22)
    pieces = pace_text(replace(reply, steps=tuple(steps), outcome=outcome), paces=(7,))
    own, seven = pieces.paces
    assert own.tokens_per_s == 3 and own.seconds(pieces.tokens) == 8
    assert seven.seconds(pieces.tokens) == 3 and "22 tokens: " in pieces.summary
    shown = [pieces.text_at(seven, at).count("<") for at in (0, 0.4, 0.5, 2.9, 3)]
    assert shown == [1, 1, 2, 7, 8]


def test_the_panel_streams_all_of_them(reply):
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    panel = PacePanel(pace_text(reply), clock=lambda: now[0], sleep=sleep)
    assert "t0" not in panel.columns[1].value  # its first token takes half a second
    panel.start().wait(30)
    assert all("t10" in column.value for column in panel.columns)
    assert all("<t10>" not in column.value for column in panel.columns)
    assert now[0] == pytest.approx(2, abs=0.05)
    assert "✓ after 2.0 s" in panel.columns[0].value


def test_the_verb_and_its_static_form(reply, monkeypatch, capsys):
    monkeypatch.setenv("LABKIT_STATIC", "1")
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *things: shown.extend(things))
    panel = labkit.speed.pace_panel(reply)
    panel._ipython_display_()
    assert "How long 11 tokens take" in shown[0].data
    assert "11 tokens: 5 tokens/s 2.0 s (assumed)" in panel.summary
