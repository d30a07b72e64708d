"""Pictures of engines and of copies beside one another: their numbers, and their texts."""

from html import escape

from labkit.formatting import MIB
from labkit.topics.speed.bar_table_figures import BarColumn, rows_figure
from labkit.ui import html, theme

from .engines import EngineComparison
from .runner import how_measured
from .text_divergence import EngineText

_CELL = (
    f"padding:5px 14px 5px 0;text-align:left;vertical-align:top;border-top:1px solid {theme.LINE}"
)
_MARK = f'<span style="color:{theme.RED};font-weight:700">┃</span>'
_AFTER = "text-decoration:underline;text-decoration-style:dotted;text-underline-offset:3px"


def engines_figure(comparison: EngineComparison):
    """Time to first token, speed and memory of each engine."""
    points = comparison.points
    first = [point.measurement.ttft_s for point in points]
    speed = [point.measurement.decode_tokens_per_s for point in points]
    held = comparison.footprints
    memory = [each and each.held_bytes / MIB for each in held]
    columns = (
        BarColumn(
            "time to first token\nseconds\nless is better", tuple(first), tuple(map(_spread, first))
        ),
        BarColumn("decode\ntokens/s\nmore is better", tuple(speed), tuple(map(_spread, speed))),
        BarColumn("memory\nMiB\nless is better", tuple(memory), tuple(map(_memory, held))),
    )
    return rows_figure(_title(comparison), comparison.names, columns)


def _title(comparison: EngineComparison) -> str:
    done = comparison.experiment
    return f"One prompt, {len(done.points)} engines · median and range, {how_measured(done)}"


def _spread(several) -> str:
    return f"{several.median:.3g}" if several else "not known"


def _memory(footprint) -> str:
    if not footprint:
        return "not known"
    whose = "alone" if footprint.own else "server"
    if footprint.gpu_bytes:
        whose = f"{footprint.gpu_bytes / MIB:,.0f} on the GPU"
    return f"{footprint.held_bytes / MIB:,.0f} ({whose})"


def texts_table(comparison) -> html.Picture:
    """What each wrote, one under another: a mark and a line under the text say where it parts.

    Args:
        comparison: of engines, or of number formats.
    """
    writings = comparison.writings
    first = writings[0].name if writings else ""
    head = (
        f"The same request at temperature 0 · measured. {_MARK} and the dotted line show where a "
        f"text parts from that of {escape(first)}."
    )
    body = "".join(_row(writing, place == 0) for place, writing in enumerate(writings))
    caption = f'<caption style="text-align:left;padding-bottom:6px">{head}</caption>'
    style = f"border-collapse:collapse;color:{theme.INK};width:100%;font-size:14px"
    return html.Picture(f'<table style="{style}">{caption}<tbody>{body}</tbody></table>')


def _row(writing: EngineText, first: bool) -> str:
    verdict = "the others are held against it" if first else _verdict(writing)
    verdict += f"; {writing.versions} texts in its runs" if writing.versions > 1 else ""
    verdict = f'<div style="font-weight:400;color:{theme.GREY}">{escape(verdict)}</div>'
    head = f'<th scope="row" style="{_CELL};width:17em">{escape(writing.name)}{verdict}</th>'
    return f'<tr>{head}<td style="{_CELL};white-space:pre-wrap">{_marked(writing)}</td></tr>'


def _verdict(writing: EngineText) -> str:
    if writing.parts_at is None:
        return "✓ the same text"
    return f"✗ parts after {writing.parts_at} characters"


def _marked(writing: EngineText) -> str:
    if writing.parts_at is None:
        return escape(writing.text)
    same, other = writing.text[: writing.parts_at], writing.text[writing.parts_at :]
    told = '<span role="img" aria-label="here it parts" title="here it parts">' + _MARK + "</span>"
    return f'{escape(same)}{told}<span style="{_AFTER}">{escape(other)}</span>'
