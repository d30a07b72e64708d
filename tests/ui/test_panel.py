"""What every panel shares: both of its forms, Run and wait, controls, what may be typed."""

import threading

import ipywidgets as widgets
import pytest

from labkit.errors import LabError
from labkit.ui import html, panel
from labkit.ui.panel import Panel, RunPanel, check_typed
from labkit.ui.runner import Progress, Runner


class Counter(RunPanel):
    """Counts to three when Run is pressed."""

    summary = "a counter"

    def __init__(self, go_on=lambda: True):
        self.count, self.label, self._go_on = 0, widgets.HTML(), go_on
        self.runner = Runner(self._work, self._draw, "Count")
        self.widget = panel.column(self.runner.widget, self.label)

    @property
    def result(self):
        return self.count or None

    def _work(self):
        for self.count in (1, 2, 3):
            yield Progress(self.count, 3, f"counted to {self.count}")
            self._go_on()

    def _draw(self):
        self.label.value = str(self.count)

    def static_form(self):
        return [html.paragraph(f"counted to {self.finished()}"), self.label]


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *things: shown.extend(things))
    return shown


def test_a_notebook_shows_the_widget(displayed, monkeypatch):
    monkeypatch.delenv("LABKIT_STATIC", raising=False)
    counter = Counter()
    counter._ipython_display_()
    widget, below = displayed
    assert widget is counter.widget
    assert "Run its cell again" in below.data, "where the page finds no widget"
    assert counter.result is None, "nothing runs before Run is pressed"


def test_a_page_shows_the_static_form(displayed, monkeypatch):
    monkeypatch.setenv("LABKIT_STATIC", "1")
    counter = Counter()
    counter._ipython_display_()
    text, label = displayed
    assert "counted to 3" in text.data, "a text is displayed as HTML"
    assert label is counter.label, "anything else is displayed as it is"


def test_a_page_shows_the_run_that_was_started(displayed, monkeypatch):
    monkeypatch.setenv("LABKIT_STATIC", "1")
    ran = []
    counter = Counter(lambda: ran.append(1)).start()
    counter._ipython_display_()
    assert len(ran) == 3 and "counted to 3" in displayed[0].data


def test_stop_is_the_end_of_it_and_nothing_starts_again():
    ran = []

    class Stopped(Counter):
        result = None  # no result comes of it

    counter = Stopped(lambda: ran.append(1) or counter.runner.stop())
    assert counter.finished() is None and counter.finished() is None
    assert len(ran) == 1 and "Stopped." in counter.runner.status.value


def test_a_run_that_failed_says_so_once_and_is_tried_again():
    ran = []

    def go_on():
        ran.append(1)
        if len(ran) == 1:
            raise LabError("No network.")

    counter = Counter(go_on).start()
    with pytest.raises(LabError, match="No network"):
        counter.finished()
    assert counter.finished() == 3 and len(ran) == 4
    assert counter.finished() == 3 and len(ran) == 4


def test_a_panel_must_give_its_summary_and_static_form():
    with pytest.raises(NotImplementedError):
        _ = Panel().summary
    with pytest.raises(NotImplementedError):
        Panel().static_form()


def test_start_returns_at_once_and_wait_returns_the_result():
    gate = threading.Event()
    counter = Counter(gate.wait).start()
    with pytest.raises(TimeoutError, match="still runs"):
        counter.wait(0.05)
    gate.set()
    assert counter.wait(30) == 3
    assert counter.label.value == "3"


@pytest.mark.parametrize("error", [ValueError("not so"), LabError("No network.", "Wait.")])
def test_a_wrong_input_becomes_a_sentence(error):
    def make():
        raise error

    assert panel.html_or_error(lambda: "<b>fine</b>") == "<b>fine</b>"
    assert panel.html_or_error(make) == html.note(str(error), "bad")


def test_what_may_be_typed():
    check_typed("x" * panel.MOST_TYPED, "text")
    with pytest.raises(ValueError, match=r"prompt must be at most 100,000 .* got 100,001"):
        check_typed("x" * (panel.MOST_TYPED + 1), "prompt")


def test_every_control_has_its_label_and_value():
    box = panel.text_box("Text", "abc", rows=2, placeholder="type")
    slider = panel.slider("temperature", 0.7, 0, 2, label_width="110px")
    number = panel.number_box("max_tokens", 60, 100)
    assert [each.description for each in (box, slider, number)] == [
        "Text",
        "temperature",
        "max_tokens",
    ]
    assert (box.value, slider.value, number.value) == ("abc", 0.7, 60)
    assert (slider.max, slider.step, slider.style.description_width) == (2, 0.05, "110px")
    number.value = 1000
    assert number.value == 100


def test_a_change_or_a_click_acts():
    seen = []
    one, other = panel.text_box("One"), panel.number_box("two", 1, 9)
    panel.on_change(lambda: seen.append((one.value, other.value)), one, other)
    one.value, other.value = "x", 2
    assert seen == [("x", 1), ("x", 2)]
    panel.button("Go", lambda: seen.append("clicked")).click()
    assert seen[-1] == "clicked"


@pytest.mark.parametrize("value", [0, 5])
def test_a_choice_stands_beside_its_label_the_first_one_too(value):
    slider = panel.choice_slider([("none", 0), ("five", 5)], value, description="tokens")
    assert slider.description == f"tokens: {['none', 'five'][value > 0]}"
    slider.value = 5 - value
    assert slider.description == f"tokens: {['five', 'none'][value > 0]}"
    slider.index = 0
    assert slider.description == "tokens: none"
