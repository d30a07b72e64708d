"""`plot`, `explore`, `summarize`: each result has its picture, its line, and perhaps sliders."""

import importlib
from dataclasses import dataclass
from html import escape

# Name of the result's class: where the function is that draws it, or that makes its panel.
_FIGURES = {
    "BatchTable": "labkit.compare.batch_figures:batch_table",
    "BeamSearch": "labkit.sampling.beams_figures:beams_table",
    "BpeTraining": "labkit.tokens.figures:bpe_figure",
    "Branches": "labkit.sampling.walk_figures:branches_table",
    "CacheGrowth": "labkit.speed.experiment_figures:cache_figure",
    "ChainRun": "labkit.sampling.figures:chain_figure",
    "ChatTokens": "labkit.tokens.strip:chat_strip",
    "Comparison": "labkit.tokens.strip:comparison_strip",
    "DayOfWaiting": "labkit.compare.day_figures:day_figure",
    "Digits": "labkit.tokens.tables:digits_table",
    "Draws": "labkit.sampling.figures:draws_figure",
    "EngineComparison": "labkit.speed.engines_figures:engines_figure",
    "Experiment": "labkit.speed.experiment_figures:experiment_figure",
    "Gallery": "labkit.tokens.tables:gallery_table",
    "LanguageCosts": "labkit.tokens.figures:cost_figure",
    "LanguageTable": "labkit.tokens.figures:language_figure",
    "LatencyCheck": "labkit.speed.model_figures:check_figure",
    "LatencyFit": "labkit.speed.model_figures:fit_figure",
    "Load": "labkit.speed.figures:load_figure",
    "MachineCheck": "labkit.start.figures:machine_figure",
    "Measurement": "labkit.speed.figures:waterfall_figure",
    "MeasurementComparison": "labkit.speed.figures:measurements_figure",
    "NetworkLog": "labkit.privacy.network_figures:network_picture",
    "NetworkWatch": "labkit.privacy.network_figures:watch_picture",
    "OfflineProof": "labkit.privacy.network_figures:proof_picture",
    "Payload": "labkit.privacy.payload_figures:payload_picture",
    "Prediction": "labkit.sampling.figures:prediction_figure",
    "PublishedScores": "labkit.compare.scores_figures:scores_figure",
    "QuantizationComparison": "labkit.speed.quantization_figures:quantization_figure",
    "Redacted": "labkit.privacy.finding_figures:redacted_picture",
    "Repeats": "labkit.sampling.determinism_figures:repeats_table",
    "Reply": "labkit.start.figures:reply_figure",
    "Roofline": "labkit.speed.model_figures:roofline_figure",
    "ScannerScore": "labkit.privacy.figures:score_figure",
    "SideBySide": "labkit.compare.figures:time_figure",
    "Sweep": "labkit.sampling.sweep_figures:sweep_figure",
    "TermsTable": "labkit.privacy.payload_figures:terms_table",
    "TextDifferences": "labkit.compare.texts_figures:differences_picture",
    "Tokenization": "labkit.tokens.strip:text_strip",
    "Trace": "labkit.sampling.trace_figures:trace_picture",
    "Tree": "labkit.sampling.tree_figures:tree_figure",
    "TurnCosts": "labkit.tokens.figures:turns_figure",
    "VocabularyMap": "labkit.tokens.figures:vocabulary_figure",
    "Votes": "labkit.compare.votes_figures:votes_figure",
}
_PANELS: dict[str, str] = {
    "BatchTable": "labkit.compare.batch_panel:explore_batch",
    "BpeTraining": "labkit.tokens.panel:explore_bpe",
    "Prediction": "labkit.sampling.panel:explore_prediction",
}


def plot(result):
    """The picture of a result; a notebook shows it as a cell's last line.

    Args:
        result: what a verb of the lab returned.
    Raises:
        TypeError: for what is no result of the lab.
    """
    return _find("plot draws", _FIGURES, result)(result)


def explore(result, **start):
    """A panel that puts sliders on a result; no slider runs the model.

    Args:
        result: what a verb of the lab returned.
        start: where the panel's controls stand at first.
    Raises:
        TypeError: for a result that has no panel.
    """
    return _find("explore puts sliders on", _PANELS, result)(result, **start)


def _find(what: str, places: dict[str, str], result):
    place = places.get(type(result).__name__)
    if place is None:
        known = ", ".join(sorted(places))
        raise TypeError(f"{what} results of the lab ({known}); got {type(result).__name__}")
    module, _, function = place.partition(":")
    return getattr(importlib.import_module(module), function)


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """What a learner measured in a notebook.

    Attributes:
        lines: one for each result.
    """

    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in self.lines)}</ul>"


def summarize(*results) -> Summary:
    """The learner's own numbers, together.

    Args:
        results: of the lab's verbs or panels; None, where a panel was not run, is left out.
    Raises:
        TypeError: for what has no summary.
    """
    for result in results:
        if result is not None and not hasattr(result, "summary"):
            raise TypeError(f"summarize tells results of the lab; got {type(result).__name__}")
    return Summary(tuple(result.summary for result in results if result is not None))
