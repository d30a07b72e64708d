"""Figures of engines and of number formats side by side: their numbers and their texts."""

from collections.abc import Sequence
from html import escape

from labkit.formatting import MIB
from labkit.stats import Spread
from labkit.ui import html, subplots, theme
from labkit.ui.bar_table import BarColumn, bar_table_figure
from labkit.ui.table import grid

from .engines import EngineComparison
from .quantization import QuantizationComparison, QuantizedFile
from .runner import how_measured
from .text_divergence import GeneratedText

_MARK = f'<span style="color:{theme.RED};font-weight:700">┃</span>'
_AFTER = "text-decoration:underline;text-decoration-style:dotted;text-underline-offset:3px"


def engines_figure(comparison: EngineComparison):
    """Time to first token, speed and memory of each engine."""
    points, footprints = comparison.points, comparison.footprints
    first = [point.measurement.ttft_s for point in points]
    speed = [point.measurement.decode_tokens_per_s for point in points]
    memory = tuple(each and each.total_bytes / MIB for each in footprints)
    columns = (
        _column("time to first token\nseconds\nless is better", first, ".3g"),
        _column("decode\ntokens/s\nmore is better", speed, ".3g"),
        BarColumn("memory\nMiB\nless is better", memory, tuple(map(_memory, footprints))),
    )
    title = (
        f"One prompt, {len(points)} engines · median and range, "
        f"{how_measured(comparison.experiment)}"
    )
    return bar_table_figure(title, comparison.names, columns)


def _memory(footprint) -> str:
    if not footprint:
        return "not known"
    whose = "alone" if footprint.own else "server"
    if footprint.gpu_bytes:
        whose = f"{footprint.gpu_bytes / MIB:,.0f} on the GPU"
    return f"{footprint.total_bytes / MIB:,.0f} ({whose})"


def texts_table(comparison) -> html.HtmlFigure:
    """What each wrote, one below the other; a mark and an underline show where it diverges.

    Args:
        comparison: a comparison of engines or of number formats.
    """
    texts = comparison.texts
    first = texts[0].name if texts else ""
    caption = (
        f"The same request at temperature 0 · measured. {_MARK} and the dotted line show where a "
        f"text diverges from that of {escape(first)}."
    )
    rows = (_row(text, index == 0) for index, text in enumerate(texts))
    return html.HtmlFigure(grid([], rows, f'<span style="font-weight:400">{caption}</span>'))


def _row(text: GeneratedText, first: bool) -> list[str]:
    note = "the others are compared with it" if first else "✓ the same text"
    if text.diverges_at is not None:
        note = f"✗ diverges after {text.diverges_at} characters"
    note += f"; {text.versions} texts in its runs" if text.versions > 1 else ""
    head = f'<div style="color:{theme.GREY}">{escape(note)}</div>'
    return [
        f'<div style="width:17em"><b>{escape(text.name)}</b>{head}</div>',
        f'<div style="white-space:pre-wrap">{_marked(text)}</div>',
    ]


def _marked(text: GeneratedText) -> str:
    if text.diverges_at is None:
        return escape(text.text)
    same, other = text.text[: text.diverges_at], text.text[text.diverges_at :]
    mark = f'<span role="img" aria-label="diverges here" title="diverges here">{_MARK}</span>'
    return f'{escape(same)}{mark}<span style="{_AFTER}">{escape(other)}</span>'


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
