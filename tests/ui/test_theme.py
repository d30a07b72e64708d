"""Figures: what a page is told of a live one, and the colours that follow the page."""

import re

import comm.base_comm
import plotly.graph_objects as go
import pytest

from labkit.ui import theme

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


def test_a_page_is_told_of_a_live_figure_as_a_whole(sent):
    live = theme.widget(bars())
    ((kind, state),) = [each for each in sent if "_widget_data" in each[1]]
    assert kind == "comm_open"
    assert state["_widget_data"][0]["y"] == [3, 4]
    assert state["_widget_layout"]["title"]["text"] == "first"
    assert state["_config"]["displaylogo"] is False and live.comm


def test_a_change_before_the_page_has_drawn_it_is_part_of_the_whole(sent):
    live = theme.widget(bars())
    sent.clear()
    with live.batch_update():
        live.data[0].y, live.layout.title.text = [5, 6], "second"
    whole = {name: value for _, state in sent for name, value in state.items()}
    assert whole["_widget_data"][0]["y"] == [5, 6]
    assert whole["_widget_layout"]["title"]["text"] == "second"


def test_once_it_is_drawn_only_changes_are_sent(sent):
    live = theme.widget(bars())
    live._js2py_layoutDelta = {"layout_delta": {}, "layout_edit_id": 0}
    sent.clear()
    live.data[0].y = [5, 6]
    states = [state for _, state in sent]
    assert any("_py2js_restyle" in state for state in states)
    assert not any("_widget_data" in state for state in states)


@pytest.mark.parametrize("name", ["INK", "LINE", "PAPER"])
def test_the_neutral_colours_are_exchanged_where_the_page_is_dark(name):
    colour = getattr(theme, name).lstrip("#")
    red, green, blue = (int(colour[n : n + 2], 16) for n in (0, 2, 4))
    assert re.search(rf"rgb\({red}, {green}, {blue}\)", theme.FIGURE_CSS)
