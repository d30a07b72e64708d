"""The bench as a panel: on a prediction alone, or with the model that goes on from there."""

from labkit.backends.capabilities import ScoringModel
from labkit.backends.loaded.decoding import open_position
from labkit.backends.prompts import Messages
from labkit.backends.settings import Settings
from labkit.ui.panel import Panel

from . import figures
from .bench_panel import Bench
from .prediction import Prediction, predict
from .sampling_chain import ChainRun, chain_settings, run_chain


def bench_panel(
    model: ScoringModel, prompt: str | Messages, *, raw: bool = False, **settings
) -> "BenchPanel":
    """A bench for one text: its scores, every setting in any order, and the model's next ones.

    Args:
        model: from ``labkit.load``.
        prompt: a text, or chat messages.
        raw: whether to continue the text without the chat template.
        settings: initial values of the controls, as for ``labkit.sampling.run_chain``.
    Raises:
        LabError: the model does not give its scores.
        ValueError: the prompt or a setting is out of range, or a setting is not the chain's.
    """
    chosen = chain_settings(settings)
    prediction = predict(model, prompt, raw=raw)
    return BenchPanel(prediction, chosen, model)


def explore_prediction(prediction: Prediction, **settings) -> "BenchPanel":
    """The bench on a prediction, without a model: temperature, filters and penalties together.

    Args:
        prediction: from ``labkit.predict``.
        settings: initial values of the controls, as for ``labkit.sampling.run_chain``.
    Raises:
        ValueError: a setting is out of range, or not one of the chain's.
    """
    return BenchPanel(prediction, chain_settings(settings))


class BenchPanel(Panel):
    """The bench; every control answers in the page, also while a cell runs.

    Attributes:
        prediction: scores of the prompt.
        widget: the bench, with the settings as they stand in the page.
    """

    widget: Bench

    def __init__(
        self, prediction: Prediction, settings: Settings, model: ScoringModel | None = None
    ):
        self.prediction = prediction
        cursor = model and open_position(model, prediction.ids)
        self.widget = Bench(prediction, settings, cursor, tuple(model.end_ids) if model else ())

    @property
    def run(self) -> ChainRun:
        """The chain on the prompt's scores with the settings as they stand."""
        settings = dict(self.widget.settings)
        return run_chain(self.prediction, **{**settings, "top_k": settings["top_k"] or None})

    @property
    def summary(self) -> str:
        """The settings, and what remains after the last stage."""
        return self.run.summary

    def static_form(self) -> list:
        """The bench for a page without a kernel; the table of stages where no script runs."""
        return [self.widget.page_form(figures.stages_table(self.run).html)]


PANELS = {Prediction: explore_prediction}
