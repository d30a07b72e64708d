"""The same text at several speeds; the panel with a clock that the test turns."""

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
    with pytest.raises(ValueError, match="paces must be above 0"):
        pace_text(reply, paces=(0,))


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
