"""Colours, fonts and plotly settings of every figure.

The colours are Okabe and Ito's, which people with colour-blindness tell apart (Color Universal
Design, 2008); figures add patterns, symbols or words, never colour alone.
"""

import os
from collections.abc import Mapping
from typing import Any

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PINK, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#6E7781"
INK, LINE, PAPER = "#24292F", "#D0D7DE", "#FFFFFF"
FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif"

# Nothing on a page may call out: no "share", no link to a service.
CONFIG: Mapping[str, Any] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
}


def figure(*traces, title: str, x: str = "", y: str = "", height: int = 320, **layout):
    """A figure in the lab's look.

    Args:
        traces: plotly traces.
        title: what the figure shows; the reader's first line.
        x: title of the axis, with its unit.
        y: the same.
        height: pixels.
        layout: more of plotly's layout.
    """
    import plotly.graph_objects as go
    import plotly.io as pio

    if "PLOTLY_RENDERER" not in os.environ:
        # The light form: JupyterLab draws plotly's JSON itself, and the page loads nothing.
        pio.renderers.default = "plotly_mimetype"
    pio.renderers["plotly_mimetype"].config = dict(CONFIG)
    above = {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 1, "xanchor": "right"}
    fresh = go.Figure(traces).update_layout(
        template="none",
        title={
            "text": title,
            "font": {"size": 15},
            "x": 0,
            "y": 1,
            "yanchor": "top",
            "pad": {"l": 12, "t": 14},
        },
        font={"family": FONT, "size": 13, "color": INK},
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
        height=height,
        autosize=True,
        margin={"l": 12, "r": 12, "t": 64, "b": 12},
        legend={**above, "bgcolor": "rgba(0,0,0,0)"},
        xaxis=axis(x),
        yaxis=axis(y),
        hoverlabel={"font": {"family": FONT}},
    )
    return fresh.update_layout(**layout)


def axis(title: str = "") -> dict[str, Any]:
    """An axis in the lab's look."""
    look = {"gridcolor": LINE, "zerolinecolor": LINE, "automargin": True}
    return {"title": {"text": title, "font": {"size": 13}}, **look}


def pattern(shape: str) -> dict:
    """Strokes over a bar's colour, which need no colour: ``"/"``, ``"."``, ``"x"``; "": none."""
    return {"shape": shape, "fillmode": "overlay", "fgcolor": INK, "fgopacity": 0.6, "size": 6}


def widget(fresh):
    """A figure that a panel changes in place: a ``FigureWidget`` with the lab's settings."""
    import plotly.graph_objects as go

    live = go.FigureWidget(fresh)
    live._config = {**live._config, **CONFIG}  # plotly has no public way to set it
    return live
