"""`tune_panel`: train with the loss as it falls; and a slider on an adapter's strength."""

from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets

from labkit.backends.local.model import LocalModel
from labkit.ui import html, theme
from labkit.ui.panel import Panel, RunPanel, choice_slider, column, labelled, on_change, row
from labkit.ui.runner import Progress, Runner

from .examples import ExampleSet, load_examples
from .figures import bars_figure, first_tokens, loss_figure, losses, strength_figure
from .result import FineTuning, TuningOptions
from .strength import StrengthSweep
from .training import TrainingRun, require_trainable


def tune_panel(model: LocalModel, examples: Any = "format", **options: Any) -> "TunePanel":
    """A panel that trains an adapter, with its losses live; Stop keeps the adapter.

    Args:
        model: from ``labkit.load``.
        examples: from `load_examples`, or what that takes.
        options: see `TuningOptions`.
    Raises:
        ValueError: an option is out of range, or there is no example.
        LabError: the model cannot be trained here, or the examples' file cannot be read.
    """
    require_trainable(model)
    return TunePanel(model, load_examples(examples), TuningOptions(**options))


class TunePanel(RunPanel):
    """Run, Stop, and the two losses.

    Attributes:
        steps, learning_rate: the controls.
        result: the `FineTuning` of the last run.
    """

    no_result = "your training: not run"

    def __init__(self, model: LocalModel, examples: ExampleSet, options: TuningOptions):
        self._model, self._examples, self._options = model, examples, options
        self._run: TrainingRun | None = None
        self.result: FineTuning | None = None
        self.steps = widgets.BoundedIntText(
            options.steps, min=1, max=max(10_000, options.steps), **labelled("steps", "190px")
        )
        rate = options.learning_rate
        look = labelled("learning rate", "210px", "95px")
        self.learning_rate = widgets.BoundedFloatText(
            rate, min=min(1e-6, rate), max=max(1.0, rate), **look
        )
        self.figure = theme.widget(losses((), (), "press Run"))
        self.notes = widgets.HTML()
        self.runner = Runner(self._work, self._draw, "Train an adapter on these examples")
        controls = row(self.steps, self.learning_rate)
        self.widget = column(controls, self.runner.widget, self.figure, self.notes)

    def _work(self) -> Iterator[Progress]:
        options = {name: getattr(self._options, name) for name in self._options.__slots__}
        options |= {"steps": self.steps.value, "learning_rate": self.learning_rate.value}
        yield Progress(0, self.steps.value, "loading a copy of the model")
        run = TrainingRun(self._model, self._examples, **options)
        # only now: without a run, the last result stays
        self._run, self.result = run, None
        try:
            yield Progress(0, run.options.steps, "reading the held-out examples")
            for point in run.steps():
                message = f"step {point.step + 1} of {run.options.steps}, loss {point.loss:.2f}"
                yield Progress(point.step + 1, run.options.steps, message)
        finally:
            self.result = run.result()
        yield Progress(len(run.losses), run.options.steps, self.result.summary)

    def _draw(self) -> None:
        if self._run is None:
            return
        title = self.result.title if self.result else f"on {self._run.examples.name}"
        fresh = losses(tuple(self._run.losses), tuple(self._run.held_out), title)
        with self.figure.batch_update():
            self.figure.update(data=[each.to_plotly_json() for each in fresh.data])
            self.figure.layout.title.text = fresh.layout.title.text
        notes = self.result.notes if self.result else ()
        self.notes.value = html.note(" ".join(notes)) if notes else ""

    def static_form(self) -> list:
        """The losses, if it was run."""
        return [loss_figure(self.result)] if self.result else [html.note(self.summary)]


class StrengthPanel(Panel):
    """A slider on an adapter's strength: the next token, learned and forgotten move together."""

    def __init__(self, sweep: StrengthSweep, strength: float = 1.0):
        self._sweep = sweep
        options = [(f"{each.strength:g}", each.strength) for each in sweep.points]
        chosen = sweep.nearest(strength).strength
        self.strength = choice_slider(options, chosen, **labelled("strength", "380px", "105px"))
        self.bars = theme.widget(bars_figure(sweep, self.strength.value))
        self.curves = theme.widget(self._marked_curves())
        on_change(self._show, self.strength)
        self.widget = column(self.strength, self.bars, self.curves)

    def _show(self) -> None:
        values, texts, title = first_tokens(self._sweep, self.strength.value)
        with self.bars.batch_update():
            self.bars.data[0].x = values
            self.bars.layout.title.text = title
            self.bars.layout.yaxis.ticktext = texts
        with self.curves.batch_update():
            self.curves.update_traces(marker_size=self._sizes())

    def _sizes(self) -> list[int]:
        """Larger markers where the slider stands."""
        chosen = self.strength.value
        return [16 if each.strength == chosen else 8 for each in self._sweep.points]

    def _marked_curves(self):
        return strength_figure(self._sweep).update_traces(marker_size=self._sizes())

    @property
    def summary(self) -> str:
        """Learned and forgotten at each strength."""
        return self._sweep.summary

    def static_form(self) -> list:
        """Both figures as they stand."""
        return [bars_figure(self._sweep, self.strength.value), self._marked_curves()]


PANELS = {StrengthSweep: StrengthPanel}
