"""Figures of engines and of number formats side by side: their numbers and their texts."""

from collections.abc import Iterable
from html import escape

from labkit.formatting import MIB
from labkit.stats import Spread
from labkit.ui import html, theme
from labkit.ui.bar_table import BarColumn, bar_table_figure

from .engines import EngineComparison
from .runner import how_measured
from .text_divergence import GeneratedText

_CELL = (
    f"padding:5px 14px 5px 0;text-align:left;vertical-align:top;border-top:1px solid {theme.LINE}"
)
_MARK = f'<span style="color:{theme.RED};font-weight:700">┃</span>'
_AFTER = "text-decoration:underline;text-decoration-style:dotted;text-underline-offset:3px"


def engines_figure(comparison: EngineComparison):
    """Time to first token, speed and memory of each engine."""
    points, footprints = comparison.points, comparison.footprints
    first = tuple(point.measurement.ttft_s for point in points)
    speed = tuple(point.measurement.decode_tokens_per_s for point in points)
    memory = tuple(each and each.total_bytes / MIB for each in footprints)
    columns = (
        BarColumn("time to first token\nseconds\nless is better", first, _medians(first)),
        BarColumn("decode\ntokens/s\nmore is better", speed, _medians(speed)),
        BarColumn("memory\nMiB\nless is better", memory, tuple(map(_memory, footprints))),
    )
    title = (
        f"One prompt, {len(points)} engines · median and range, "
        f"{how_measured(comparison.experiment)}"
    )
    return bar_table_figure(title, comparison.names, columns)


def _medians(spreads: Iterable[Spread | None]) -> tuple[str, ...]:
    return tuple(f"{each.median:.3g}" if each else "not known" for each in spreads)


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
    head = (
        f"The same request at temperature 0 · measured. {_MARK} and the dotted line show where a "
        f"text diverges from that of {escape(first)}."
    )
    body = "".join(_row(text, index == 0) for index, text in enumerate(texts))
    caption = f'<caption style="text-align:left;padding-bottom:6px">{head}</caption>'
    style = f"border-collapse:collapse;color:{theme.INK};width:100%;font-size:14px"
    return html.HtmlFigure(f'<table style="{style}">{caption}<tbody>{body}</tbody></table>')


def _row(text: GeneratedText, first: bool) -> str:
    note = "the others are compared with it" if first else "✓ the same text"
    if text.diverges_at is not None:
        note = f"✗ diverges after {text.diverges_at} characters"
    note += f"; {text.versions} texts in its runs" if text.versions > 1 else ""
    note = f'<div style="font-weight:400;color:{theme.GREY}">{escape(note)}</div>'
    head = f'<th scope="row" style="{_CELL};width:17em">{escape(text.name)}{note}</th>'
    return f'<tr>{head}<td style="{_CELL};white-space:pre-wrap">{_marked(text)}</td></tr>'


def _marked(text: GeneratedText) -> str:
    if text.diverges_at is None:
        return escape(text.text)
    same, other = text.text[: text.diverges_at], text.text[text.diverges_at :]
    mark = f'<span role="img" aria-label="diverges here" title="diverges here">{_MARK}</span>'
    return f'{escape(same)}{mark}<span style="{_AFTER}">{escape(other)}</span>'
