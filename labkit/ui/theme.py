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
    "showLink": False,
    "plotlyServerURL": "",
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}


def figure(*traces, title: str, x: str, y: str, height: int = 320, **layout):
    """A figure in the lab's look.

    Args:
        traces: plotly traces.
        title: what the figure shows; the reader's first line.
        x: title of the axis, with its unit.
        y: the same.
        height: pixels.
        layout: more of plotly's layout.
    Returns:
        A ``go.Figure``, not shown.
    """
    import plotly.graph_objects as go
    import plotly.io as pio

    if "PLOTLY_RENDERER" not in os.environ:
        # The light form: JupyterLab draws plotly's JSON itself, and the page loads nothing.
        pio.renderers.default = "plotly_mimetype"
    pio.renderers["plotly_mimetype"].config = dict(CONFIG)
    axis = {"gridcolor": LINE, "zerolinecolor": LINE, "automargin": True}
    fresh = go.Figure(traces)
    fresh.update_layout(
        template="none",
        title={"text": title, "font": {"size": 15}, "x": 0, "xref": "container", "pad": {"l": 12}},
        font={"family": FONT, "size": 13, "color": INK},
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
        height=height,
        margin={"l": 12, "r": 12, "t": 52, "b": 12},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        xaxis={"title": {"text": x}, **axis},
        yaxis={"title": {"text": y}, **axis},
        hoverlabel={"font": {"family": FONT}},
    )
    return fresh.update_layout(**layout)


def widget(fresh):
    """A figure that a panel changes in place: a ``FigureWidget`` with the lab's settings."""
    import plotly.graph_objects as go

    live = go.FigureWidget(fresh)
    live._config = {**live._config, **CONFIG}  # plotly has no public way to set it
    return live
