"""A figure that a panel changes in place, and plotly's script for all of a page's.

Plotly's own widget brings 5 MB with each figure, tells the page of its changes one by one, and
anywidget drops those that come while a busy page still loads it. This one has its whole state as a
single value, and a module that starts at once.
"""

import contextlib
import functools
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anywidget
import plotly.graph_objects as go
import traitlets
from plotly.io import to_json
from plotly.offline import get_plotlyjs

_MODULE = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_FigureWidget: Any = go.FigureWidget


class PlotlyScript(anywidget.AnyWidget):
    """Plotly's script, for every live figure of a page; it shows nothing."""

    _esm = _MODULE
    script = traitlets.Unicode().tag(sync=True)


@functools.cache
def send_plotly() -> PlotlyScript:
    """Brings plotly's script to the page, once."""
    return PlotlyScript(script=get_plotlyjs())


class LiveFigure(_FigureWidget):
    """A figure whose every change reaches the page as the whole figure.

    Args:
        fresh: the figure to begin with.
        config: plotly's settings for it.
    """

    _esm = _MODULE
    _widget_data, _widget_layout = traitlets.List(), traitlets.Dict()  # not sent
    figure = traitlets.Unicode().tag(sync=True)
    own_id = traitlets.Unicode().tag(sync=True)
    _is_held = False

    def __init__(self, fresh: Any, config: Mapping[str, Any]):
        super().__init__(fresh)
        self._config = {**self._config, **config}  # plotly has no public way to set it
        self._send_whole()
        self.on_msg(lambda *_: self.send_state("figure"))

    def open(self) -> None:
        """Makes the figure known to the page, by its own name too, under which it listens."""
        self._model_id = self.own_id = uuid.uuid4().hex
        super().open()

    @contextlib.contextmanager
    def batch_update(self) -> Iterator[None]:
        """Sends what is changed within it once, at its end."""
        # Plotly's own keeps each change and makes all of them a second time at its end.
        is_outer, self._is_held = not self._is_held, True
        try:
            yield
        finally:
            if is_outer:  # `update_layout` begins one too
                self._is_held = False
                self._send_whole()

    def _send_whole(self, *_args: Any, **_more: Any) -> None:
        if not self._is_held:
            self.figure = to_json(self, validate=False)

    _send_update_msg = _send_restyle_msg = _send_relayout_msg = _send_whole
    _send_addTraces_msg = _send_moveTraces_msg = _send_deleteTraces_msg = _send_whole
