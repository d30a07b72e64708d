"""A figure of number formats: a row for each, its numbers in columns."""

from collections.abc import Sequence
from html import escape

from labkit.formatting import MIB
from labkit.stats import Spread
from labkit.ui import subplots
from labkit.ui.bar_table import BarColumn, bar_table_figure

from .quantization import QuantizationComparison, QuantizedFile
from .runner import how_measured


def quantization_figure(comparison: QuantizationComparison):
    """Size, memory, speed and distance from the scores of the file with the most bits."""
    files = comparison.files
    measured = [file.measurement for file in files]
    peaks = [file.footprint and file.footprint.peak_bytes for file in files]
    bits = [file.divergence and file.divergence.mean_bits for file in files]
    first = [each and each.ttft_s for each in measured]
    speed = [each and each.decode_tokens_per_s for each in measured]
    columns = (
        _column("file\nMB\nless is better", [file.file_bytes / 1e6 for file in files], ",.0f"),
        _column("peak memory\nMiB\nless is better", [n and n / MIB for n in peaks], ",.0f"),
        _column("first token\nafter s\nless is better", first, ".2g"),
        _column("decode\ntokens/s\nmore is better", speed, ".3g"),
        _column(f"scores\nbits off {comparison.reference}\nless is better", bits, ".2g", 0.001),
    )
    what = f"{escape(comparison.model)} in {len(files)} number formats"
    title = f"{what} · {how_measured(comparison.experiment)}"
    names = [_name(file) for file in files]
    figure = bar_table_figure(title, names, columns)
    caution = escape(comparison.caution).replace(": ", ":<br>")
    below = {"x": 0, "xref": "paper", "y": 0, "yref": "paper", "yanchor": "top", "yshift": -4}
    subplots.note(figure, caution, **below, align="left", font={"size": 12})
    return figure.update_layout(margin={"b": 48})


def _name(file: QuantizedFile) -> str:
    return f"{file.kind}{'' if file.copied else ', its own'}: {file.bits_per_weight:.1f} bits"


def _column(
    title: str, values: Sequence[Spread | float | None], form: str, least: float = 0.0
) -> BarColumn:
    return BarColumn(title, tuple(values), tuple(_label(each, form, least) for each in values))


def _label(value: Spread | float | None, form: str, least: float) -> str:
    if value is None:
        return "not known"
    number = value.median if isinstance(value, Spread) else value
    return f"under {least}" if 0 < number < least else f"{number:{form}}"
