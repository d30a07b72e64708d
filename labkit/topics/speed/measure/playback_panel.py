"""A panel that streams the same text at several speeds side by side."""

import time
from collections.abc import Callable, Iterator, Sequence
from html import escape

import ipywidgets as widgets

from labkit.backends.reply import Reply
from labkit.formatting import number_of
from labkit.ui import html
from labkit.ui.panel import RunPanel, column, row
from labkit.ui.runner import Progress, Runner
from labkit.ui.table import grid

from .measurement import Measurement
from .playback import PACES, Pacing, pace_text

TICK_S = 0.04


def pace_panel(
    reply: Reply, measurement: Measurement | None = None, *, paces: Sequence[float] = PACES
) -> "PacePanel":
    """A panel that streams a reply at several speeds at once, this machine's own among them.

    Args:
        reply: a reply from ``labkit.generate``.
        measurement: a measurement of the same model; None: the reply's own times are used.
        paces: tokens per second.
    Raises:
        ValueError: the reply has no answer, the measurement is of another model, or a speed is
            out of range.
    """
    return PacePanel(pace_text(reply, measurement, paces=paces))


class PacePanel(RunPanel):
    """A column for each speed.

    Attributes:
        pacing, result: the text and its speeds.
        runner: Run, Stop and progress.
        columns: the text streamed so far at each speed.
    """

    def __init__(
        self,
        pacing: Pacing,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.pacing = self.result = pacing
        self._clock, self._sleep = clock, sleep
        self._elapsed_s = 0.0
        box = {"width": "230px", "margin": "4px 8px 4px 0"}
        self.columns = [widgets.HTML(layout=box) for _ in pacing.paces]
        self.runner = Runner(self._work, self._draw, "Stream the text at every speed")
        self._draw()
        self.widget = column(self.runner.widget, row(*self.columns), max_width="1250px")

    def _work(self) -> Iterator[Progress]:
        began, end = self._clock(), self.pacing.elapsed_s
        while True:
            self._elapsed_s = min(end, self._clock() - began)
            message = f"{self._elapsed_s:.1f} of {end:.1f} s"
            yield Progress(int(1000 * self._elapsed_s), int(1000 * end) or 1, message)
            if self._elapsed_s >= end:
                return
            self._sleep(TICK_S)

    def _draw(self) -> None:
        total = self.pacing.tokens
        for text_column, pace in zip(self.columns, self.pacing.paces, strict=True):
            text = self.pacing.text_at(pace, self._elapsed_s)
            done = self._elapsed_s >= pace.seconds(total) - 1e-9
            state = f"✓ after {pace.seconds(total):.1f} s" if done else "…"
            head = f"<b>{escape(pace.name)}</b><br>{escape(pace.origin)} {state}"
            text_column.value = f"{head}{html.card(html.paragraph(text or ' '))}"

    def static_form(self) -> list:
        """How long the text takes at each speed."""
        total = self.pacing.tokens
        rows = [
            (escape(f"{pace.name} ({pace.origin})"), f"{pace.seconds(total):.1f} s")
            for pace in self.pacing.paces
        ]
        take = "takes" if total == 1 else "take"
        return [grid((), rows, f"How long {number_of(total, 'token')} {take}")]
