"""The panel of a calibration: a temperature and the number of bins, without running the model."""

import ipywidgets as widgets

from labkit.checks import check_number, check_whole
from labkit.ui import html, theme
from labkit.ui.debounce import Debounce
from labkit.ui.panel import Panel, column, labelled, on_change, row, slider

from .figures import diagram_data, diagram_traces
from .reliability import BINS, MOST_BINS, Reliability
from .result import Calibration
from .temperature_fit import reliability_at

WIDE = "120px"


def explore_calibration(
    measured: Calibration, *, temperature: float = 1.0, bins: int = BINS
) -> "CalibrationPanel":
    """Sliders on a calibration: what a temperature does to the option probabilities.

    Args:
        measured: from ``lab.limits.calibration``.
        temperature: where its slider stands at first, 0.1 to 10.
        bins: the same of the number of bins, 2 to 30.
    Raises:
        ValueError: a value is out of range, or it was stopped before the first question.
    """
    check_number("temperature", temperature, "0.1 to 10", lambda x: 0.1 <= x <= 10)
    check_whole("bins", bins, 2, MOST_BINS)
    measured.reliability()
    return CalibrationPanel(measured, temperature, bins)


class CalibrationPanel(Panel):
    """A temperature, the number of bins, and the reliability diagram of both.

    Attributes:
        temperature, bins: the sliders.
        shown: confidences and outcomes at the temperature.
        figure: the diagram, updated in place.
        status: its numbers.
    """

    def __init__(self, measured: Calibration, temperature: float, bins: int):
        self.measured, self._rest = measured, Debounce()
        self.temperature = slider("temperature", temperature, 0.1, 10, step=0.05, label_width=WIDE)
        look = labelled("bins", "380px", WIDE)
        self.bins = widgets.IntSlider(bins, min=2, max=MOST_BINS, **look)
        self.status = widgets.HTML()
        self.shown = self._reliability()
        self.figure = theme.widget(self._diagram())
        self.widget = column(row(self.temperature, self.bins), self.status, self.figure)
        self._describe()
        on_change(self._change, self.temperature, self.bins)

    def _reliability(self) -> Reliability:
        return reliability_at(self.measured.items, self.temperature.value)

    def _title(self) -> str:
        return f"Option probability at temperature {self.temperature.value:g} · computed"

    def _diagram(self):
        figure = theme.figure(
            *diagram_traces(self.shown, self.bins.value),
            title=self._title(),
            x="confidence",
            y="share right",
            height=420,
            showlegend=False,
        )
        figure.update_xaxes(tickformat=".0%", range=[-0.02, 1.02])
        return figure.update_yaxes(tickformat=".0%", range=[-0.02, 1.04])

    def _change(self) -> None:
        self.shown = self._reliability()
        data = diagram_data(self.shown, self.bins.value)
        low, high, _, dots = self.figure.data
        with self.figure.batch_update():
            low.x = high.x = dots.x = data["x"]
            low.y, high.y, dots.y = data["perfect_low"], data["perfect_high"], data["y"]
            dots.error_y.array, dots.error_y.arrayminus = data["high"], data["low"]
            dots.text = data["text"]
            self.figure.layout.title.text = self._title()
        self._rest.call(self._describe)

    def _describe(self) -> None:
        self.status.value = html.note(self.summary)

    @property
    def summary(self) -> str:
        """The scores at this temperature."""
        bins = self.bins.value
        perfect, most = self.shown.perfect_ece(bins)
        return (
            f"sure to {self.shown.confidence:.0%}, right {self.shown.share:.0%}; ECE "
            f"{self.shown.ece(bins):.3f} (a perfect model's {perfect:.3f}, up to {most:.3f}); "
            f"Brier {self.shown.brier:.3f}; log loss {self.shown.log_loss:.3f}"
        )

    def static_form(self) -> list:
        """The numbers, and the figure."""
        return [self.status.value, self._diagram()]


PANELS = {Calibration: explore_calibration}
