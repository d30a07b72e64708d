"""The chain panel: sliders for every stage, in any order, without running the model."""

import random

import ipywidgets as widgets

from labkit.backends.settings import STAGES, Settings
from labkit.ui import html, theme
from labkit.ui.debounce import Debounce
from labkit.ui.panel import Panel, button, choice_slider, column, labelled, on_change, row, slider

from . import figures
from .prediction import Prediction
from .sampling_chain import Draws, draw, run_chain

OFF = {stage: getattr(Settings(temperature=1.0), stage) or 0 for stage in STAGES}
TOP_KS = (1, 2, 3, 5, 8, 10, 20, 30, 40, 50, 100, 200, 500, 1000, 5000, 10_000)
RANGES = {
    "temperature": (0, 3, 0.05),
    "top_p": (0.01, 1, 0.01),
    "min_p": (0, 0.3, 0.001),
    "typical_p": (0.01, 1, 0.01),
    "repetition_penalty": (0.5, 2, 0.05),
    "presence_penalty": (-2, 2, 0.1),
}


def explore_prediction(prediction: Prediction, **settings) -> "ChainPanel":
    """Sliders on a prediction: temperature, filters and penalties together.

    Args:
        prediction: from ``labkit.predict``.
        settings: initial values of the controls, as for ``labkit.sampling.run_chain``.
    Raises:
        ValueError: a setting is out of range.
    """
    return ChainPanel(prediction, Settings(**{"temperature": 1.0, **settings}))


class ChainPanel(Panel):
    """Sliders in an order that the learner chooses, the table of stages, and the figures.

    Attributes:
        run: chain with the current settings.
        draws: last draws; None after a control changes.
        controls: stage to its slider.
        up, down: stage to its button.
        figure, curve: figures, updated in place.
        order: stages in the order in which they are applied.
    """

    def __init__(self, prediction: Prediction, settings: Settings):
        self.prediction = prediction
        self.order = list(settings.order)
        self.draws: Draws | None = None
        self._is_resetting, self._rest = False, Debounce()
        self.controls = {stage: _control(stage, getattr(settings, stage)) for stage in STAGES}
        self.up = {stage: self._order_button(stage, -1, "earlier") for stage in STAGES}
        self.down = {stage: self._order_button(stage, +1, "later") for stage in STAGES}
        self.run = run_chain(prediction, **self._settings_now())
        self._top = figures.leading(prediction)
        self.figure = theme.widget(figures.chain_figure(self.run))
        self.curve = theme.widget(figures.curve_figure(self.run))
        self.table = widgets.HTML()
        self.status = widgets.HTML(layout={"min_height": "58px"})  # draws move nothing below it
        self._rows = widgets.VBox()
        self._arrange()
        wide, draw = {"width": "130px"}, self._draw_tokens
        self.draw_one = button("Draw one", lambda: draw(1), icon="random", layout=wide)
        self.draw_many = button("Draw 1,000", lambda: draw(1000), icon="random", layout=wide)
        self.reset_button = button("Reset", self.reset, icon="undo", layout=wide)
        self.widget = self._lay_out()
        self._draw()
        on_change(self._change, *self.controls.values())

    def _order_button(self, stage: str, step: int, word: str) -> widgets.Button:
        look = {"tooltip": f"Apply {stage} {word}", "layout": {"width": "34px"}}
        icon = "arrow-up" if step < 0 else "arrow-down"
        return button("", lambda: self._move(stage, step), icon=icon, **look)

    def _move(self, stage: str, step: int) -> None:
        index = self.order.index(stage)
        other = index + step
        if 0 <= other < len(self.order):
            self.order[index], self.order[other] = self.order[other], self.order[index]
            self._arrange()
            self._change()

    def _arrange(self) -> None:
        for stage in STAGES:
            self.up[stage].disabled = stage == self.order[0]
            self.down[stage].disabled = stage == self.order[-1]
        self._rows.children = [
            widgets.HBox([self.up[stage], self.down[stage], self.controls[stage]])
            for stage in self.order
        ]

    def _settings_now(self) -> dict:
        values = {stage: control.value for stage, control in self.controls.items()}
        return {**values, "top_k": values["top_k"] or None, "order": tuple(self.order)}

    def reset(self) -> None:
        """Sets every control to its neutral value, in transformers' order."""
        self._is_resetting = True  # the figure is drawn once, at the end
        self.order = list(STAGES)
        self._arrange()
        for stage, control in self.controls.items():
            control.value = OFF[stage]
        self._is_resetting = False
        self._change()

    def _change(self) -> None:
        if self._is_resetting:
            return
        self.draws = None
        self.run = run_chain(self.prediction, **self._settings_now())
        self.status.value = ""
        self._draw()

    def _draw_tokens(self, times: int) -> None:
        self.draws = draw(self.run, times, seed=random.getrandbits(32))
        self.status.value = html.note(self.draws.summary)
        self._draw()

    def _draw(self) -> None:
        """Updates the bars at once; curve and table, which cost as much again, at rest."""
        bars = figures.bar_data(self.run, self._top, self.draws)
        _, after, drawn = self.figure.data
        with self.figure.batch_update():
            after.x = bars["after"]
            if drawn.x or bars["drawn"]:
                drawn.x = bars["drawn"]
            self.figure.layout.title.text = self.run.headline
        self._rest.call(self._draw_rest)

    def _draw_rest(self) -> None:
        lines = figures.curve_data(self.run)
        _, after, cut = self.curve.data
        with self.curve.batch_update():
            after.x, after.y = lines["after"]
            cut.x, _ = lines["cut"]
        self.table.value = figures.stages_table(self.run).html

    def _lay_out(self) -> widgets.Widget:
        head = widgets.HTML(html.paragraph("Applied from top to bottom:"))
        buttons = row(self.draw_one, self.draw_many, self.reset_button)
        left = widgets.VBox(
            [head, self._rows, buttons, self.status],
            layout={"max_width": "430px", "flex": "1 1 430px"},
        )
        above = row(left, self.table, align_items="stretch")
        shares = ((self.figure, "3 1 420px"), (self.curve, "2 1 320px"))
        boxes = [widgets.VBox([each], layout={"flex": flex}) for each, flex in shares]
        below = row(*boxes, align_items="stretch")
        return column(above, below, max_width="1080px")

    @property
    def summary(self) -> str:
        """The settings, and what remains of the vocabulary."""
        return self.run.summary

    def static_form(self) -> list:
        """The table of stages and both figures."""
        run = self.run
        return [figures.stages_table(run), figures.chain_figure(run), figures.curve_figure(run)]


def _control(stage: str, value) -> widgets.Widget:
    look = {"width": "330px", "label_width": "130px"}
    if stage == "top_k":
        steps = sorted({*TOP_KS, value or 1}, reverse=True)
        options = [("off", 0), *((f"{k:,}", k) for k in steps)]  # None: nothing would be chosen
        return choice_slider(options, value or 0, **labelled(stage, **look))
    low, high, step = RANGES[stage]
    while abs(value / step - round(value / step)) > 1e-6 and step > 1e-4:
        step /= 10  # the page would round the learner's value to a step
    digits = ".2f" if step >= 0.01 else ".3f"
    low, high = min(low, value), max(high, value)  # an initial value beyond the range widens it
    return slider(stage, value, low, high, step=step, readout_format=digits, **look)


PANELS = {Prediction: explore_prediction}
