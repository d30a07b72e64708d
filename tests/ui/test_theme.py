"""Figures: what a page is told of a live one, and the colours that follow the page."""

import json
import os
import re
import subprocess
import sys
from contextlib import nullcontext

import comm.base_comm
import nbformat
import plotly.graph_objects as go
import pytest
from nbclient import NotebookClient

from labkit.ui import theme
from labkit.ui.live.live_figure import send_plotly

SENT = []


class Channel(comm.base_comm.BaseComm):
    """Keeps what a page would be sent."""

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        SENT.append((msg_type, data.get("state", {})))


@pytest.fixture
def sent(monkeypatch):
    monkeypatch.setattr("comm.create_comm", Channel)
    SENT.clear()
    return SENT


def bars(**layout):
    return theme.figure(go.Bar(x=[1, 2], y=[3, 4]), title="first", **layout)


def drawn(sent):
    """The figure that a page draws in the end, and all that it was sent."""
    whole = {name: value for _, state in sent for name, value in state.items()}
    return json.loads(whole["figure"]), whole


def test_a_page_is_told_of_a_live_figure_as_a_whole(sent):
    live = theme.widget(bars())
    figure, state = drawn(sent)
    assert figure["data"][0]["y"] == [3, 4]
    assert figure["layout"]["title"]["text"] == "first"
    assert state["_config"]["displaylogo"] is False and state["own_id"] == live.model_id


@pytest.mark.parametrize("together", [True, False])
def test_each_change_is_sent_as_the_whole_figure(sent, together):
    live = theme.widget(bars())
    sent.clear()
    with live.batch_update() if together else nullcontext():
        live.update_layout(title_text="second")  # a batch of its own, within the other
        live.data[0].y = [5, 6]
    figure, _ = drawn(sent)
    assert (figure["data"][0]["y"], figure["layout"]["title"]["text"]) == ([5, 6], "second")
    assert len(sent) == (1 if together else 2)


def test_traces_come_and_go(sent):
    live = theme.widget(bars())
    live.add_trace(go.Bar(x=[1], y=[9]))
    assert [trace["y"] for trace in drawn(sent)[0]["data"]] == [[3, 4], [9]]
    live.data = live.data[1:]
    assert [trace["y"] for trace in drawn(sent)[0]["data"]] == [[9]]


def test_a_page_that_was_busy_gets_the_whole_figure_when_it_asks(sent):
    live = theme.widget(bars())
    live.layout.title.text = "missed"
    sent.clear()
    live._handle_custom_msg({"event": "listening"}, [])
    assert drawn(sent)[0]["layout"]["title"]["text"] == "missed"


def test_plotlys_script_is_sent_once_and_not_with_each_figure(sent):
    send_plotly.cache_clear()
    for _ in range(3):
        theme.widget(bars())
    sizes = sorted((len(str(state)) for _, state in sent), reverse=True)
    assert sizes[0] > 4_000_000 > 20_000 > sizes[1]


SHOWN = """
import plotly.io
before = plotly.io.renderers.default
from labkit.ui import theme
theme.figure(title="first")
assert plotly.io.renderers.default == before
for mine in ("json", "svg"):
    plotly.io.renderers.default = mine
    plotly.io.renderers["plotly_mimetype"].config = {"mine": True}
    theme.figure(title="again")
    assert plotly.io.renderers.default == mine
    assert plotly.io.renderers["plotly_mimetype"].config == {"mine": True}
assert plotly.io.renderers["browser"].config["displaylogo"] is False
print("before:", before)
"""


def test_how_figures_are_shown_is_the_readers_choice():
    """In a script and in a notebook, which plotly sends the data alone, without its script."""
    unset = {name: each for name, each in os.environ.items() if name != "PLOTLY_RENDERER"}
    ran = subprocess.run([sys.executable, "-c", SHOWN], env=unset, capture_output=True, text=True)
    assert ran.stdout in ("before: \n", "before: browser\n"), ran.stderr
    cell = nbformat.v4.new_code_cell(SHOWN)
    NotebookClient(nbformat.v4.new_notebook(cells=[cell]), kernel_name="python3").execute(env=unset)
    assert cell.outputs[0].text == "before: plotly_mimetype\n"


@pytest.mark.parametrize("name", ["INK", "LINE", "PAPER"])
def test_the_neutral_colours_are_exchanged_where_the_page_is_dark(name):
    colour = getattr(theme, name).lstrip("#")
    red, green, blue = (int(colour[n : n + 2], 16) for n in (0, 2, 4))
    assert re.search(rf"rgb\({red}, {green}, {blue}\)", theme.FIGURE_CSS)
