"""`plot`, `explore`, `summarize`: each result has its picture, its line, and perhaps sliders."""

import importlib
from dataclasses import dataclass
from html import escape

_EXPERIMENTS = "labkit.topics.speed.experiments"
# Name of the result's class: where the function is that draws it, or that makes its panel.
_FIGURES = {
    "BatchTable": "labkit.topics.comparison.batch.figures:batch_table",
    "BeamSearch": "labkit.topics.sampling.paths.beam_search_figures:beams_table",
    "BpeTraining": "labkit.topics.tokens.figures:bpe_figure",
    "Branches": "labkit.topics.sampling.paths.walk_figures:branches_table",
    "CacheGrowth": "labkit.topics.speed.experiments.figures:cache_figure",
    "ChainRun": "labkit.topics.sampling.next_token.figures:chain_figure",
    "ChatTokens": "labkit.topics.tokens.strip:chat_strip",
    "Comparison": "labkit.topics.tokens.strip:comparison_strip",
    "DayOfWaiting": "labkit.topics.comparison.waiting_figures:day_figure",
    "Digits": "labkit.topics.tokens.tables:digits_table",
    "Draws": "labkit.topics.sampling.next_token.figures:draws_figure",
    "EngineComparison": "labkit.topics.speed.experiments.engines_figures:engines_figure",
    "Experiment": "labkit.topics.speed.experiments.figures:experiment_figure",
    "Gallery": "labkit.topics.tokens.tables:gallery_table",
    "LanguageCosts": "labkit.topics.tokens.figures:cost_figure",
    "LanguageTable": "labkit.topics.tokens.figures:language_figure",
    "LatencyCheck": "labkit.topics.speed.explain.figures:check_figure",
    "LatencyFit": "labkit.topics.speed.explain.figures:fit_figure",
    "Load": "labkit.topics.speed.measure.figures:load_figure",
    "MachineCheck": "labkit.topics.start.figures:machine_figure",
    "Measurement": "labkit.topics.speed.measure.figures:waterfall_figure",
    "MeasurementComparison": "labkit.topics.speed.measure.figures:measurements_figure",
    "NetworkLog": "labkit.topics.privacy.network.figures:network_picture",
    "NetworkWatch": "labkit.topics.privacy.network.figures:watch_picture",
    "OfflineProof": "labkit.topics.privacy.network.figures:proof_picture",
    "Payload": "labkit.topics.privacy.payload.figures:payload_picture",
    "Prediction": "labkit.topics.sampling.next_token.figures:prediction_figure",
    "PublishedScores": "labkit.topics.comparison.scores_figures:scores_figure",
    "QuantizationComparison": f"{_EXPERIMENTS}.quantization_figures:quantization_figure",
    "Redacted": "labkit.topics.privacy.scanner.finding_figures:redacted_picture",
    "Repeats": "labkit.topics.sampling.determinism.figures:repeats_table",
    "Reply": "labkit.topics.start.figures:reply_figure",
    "Roofline": "labkit.topics.speed.explain.figures:roofline_figure",
    "ScannerScore": "labkit.topics.privacy.scanner.figures:score_figure",
    "SideBySide": "labkit.topics.comparison.side_by_side.figures:time_figure",
    "Sweep": "labkit.topics.sampling.sweep.figures:sweep_figure",
    "TermsTable": "labkit.topics.privacy.payload.figures:terms_table",
    "TextDifferences": "labkit.topics.comparison.texts.figures:differences_picture",
    "Tokenization": "labkit.topics.tokens.strip:text_strip",
    "Trace": "labkit.topics.sampling.paths.trace_figures:trace_picture",
    "Tree": "labkit.topics.sampling.paths.tree_figures:tree_figure",
    "TurnCosts": "labkit.topics.tokens.figures:turns_figure",
    "VocabularyMap": "labkit.topics.tokens.figures:vocabulary_figure",
    "Votes": "labkit.topics.comparison.votes.figures:votes_figure",
}
_PANELS: dict[str, str] = {
    "BatchTable": "labkit.topics.comparison.batch.panel:explore_batch",
    "BpeTraining": "labkit.topics.tokens.panel:explore_bpe",
    "Prediction": "labkit.topics.sampling.next_token.panel:explore_prediction",
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
