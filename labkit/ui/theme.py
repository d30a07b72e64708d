"""Colours, fonts and plotly settings of every figure.

The colours are Okabe and Ito's, which people with colour-blindness tell apart (Color Universal
Design, 2008); figures add patterns, symbols or words, never colour alone.
"""

import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labkit.interrupts.imports import without

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PINK, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#6E7781"
INK, LINE, PAPER = "#24292F", "#D0D7DE", "#FFFFFF"
OUTLINE = {"color": INK, "width": 1}  # of marks: it follows the page where a fill is too pale
TINT = "38"  # opacity of a colour behind text, so that it suits a light and a dark page

# What HTML takes from the page around it: JupyterLab's theme, a page of the lab, VS Code.
TEXT = "inherit"
QUIET = "color-mix(in srgb,currentColor 72%,transparent)"
ALERT = (
    "color-mix(in srgb,var(--jp-error-color1,var(--vscode-errorForeground,#B3261E)) 85%,"
    "currentColor)"
)
RULE = "rgba(128,136,144,.45)"
GROUND = f"var(--jp-layout-color0,var(--vscode-editor-background,{PAPER}))"
SOFT = "rgba(128,136,144,.12)"
# The same for a page of one figure, by the reader's preference.
PAGE = f""":root{{color-scheme:light dark}}
body{{color:var(--jp-content-font-color1,{INK});background:{GROUND}}}
@media (prefers-color-scheme:dark){{:root{{--jp-content-font-color1:#E2E7EC;
--jp-error-color1:#FF9D93;--jp-layout-color0:#14181D}}}}
"""
FIGURE_CSS = Path(__file__).with_name("figure.css").read_text(encoding="utf-8")
TOKEN_KEYS = Path(__file__).with_name("token_keys.js").read_text(encoding="utf-8")
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

    _configure_plotly()
    follow_page()
    above = {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 1, "xanchor": "right"}
    fresh = go.Figure(traces).update_layout(
        template="none",
        title={
            "text": no_formula(title),
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


@functools.cache
def _configure_plotly() -> None:
    """Has no figure call out, where plotly itself shows it: in a notebook, or in a browser."""
    import plotly.io as pio

    with without("rfc3987_syntax"):  # 17 MB, by way of nbformat
        renderers = pio.renderers
    for name in ("plotly_mimetype", "browser"):
        renderers[name].config = dict(CONFIG)


def no_formula(text: str) -> str:
    """A text whose dollar signs plotly shows; two of them would begin a formula.

    >>> no_formula("$40 to $80")
    '&#36;40 to &#36;80'
    """
    return text.replace("$", "&#36;")


@functools.cache
def follow_page() -> Any:
    """Has a notebook's figures follow its theme, width and keys, by a widget that shows nothing."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if not hasattr(shell, "kernel"):
        return None
    import anywidget

    class FigureColours(anywidget.AnyWidget):
        _esm = TOKEN_KEYS + Path(__file__).with_name("figure.js").read_text(encoding="utf-8")
        _css = FIGURE_CSS

    return FigureColours()


def axis(title: str = "") -> dict[str, Any]:
    """An axis in the lab's look."""
    look = {"gridcolor": LINE, "zerolinecolor": LINE, "automargin": True}
    return {"title": {"text": title, "font": {"size": 13}}, **look}


def pattern(shape: str) -> dict:
    """Strokes over a bar's colour, which need no colour: ``"/"``, ``"."``, ``"x"``; "": none."""
    return {"shape": shape, "fillmode": "overlay", "fgcolor": INK, "fgopacity": 0.6, "size": 6}


def widget(fresh):
    """A figure that a panel changes in place: a ``FigureWidget`` with the lab's settings."""
    from .live.live_figure import LiveFigure, send_plotly

    send_plotly()
    return LiveFigure(fresh, CONFIG)
