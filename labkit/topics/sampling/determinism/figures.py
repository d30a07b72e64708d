"""The answers of repeated requests: a row for each different one, a bar where it differs."""

from html import escape
from itertools import groupby
from math import exp, floor, log10

from labkit.topics.sampling.paths.trace import token_text
from labkit.ui import html, theme, token_chips
from labkit.ui.visible_text import spell

from .results import NO_SECOND, Condition, FirstDifference, RepeatRun, Repeats

_CELL = "padding:3px 14px 3px 0;text-align:left;vertical-align:top"


def repeats_table(repeats: Repeats) -> html.HtmlFigure:
    """What was varied, whether the answers stayed the same, and where they first differ if not."""
    head = (
        f"{escape(repeats.model)}, the same request, repeated · {repeats.how}. "
        f'<span style="color:{theme.ALERT};font-weight:700">┃</span> marks where an answer '
        "first differs from the first of its group."
    )
    body = "".join(map(_group, repeats.conditions))
    style = (
        f"border-collapse:collapse;table-layout:auto;color:{theme.TEXT};width:100%;font-size:14px"
    )
    caption = f'<caption style="text-align:left;padding-bottom:6px">{head}</caption>'
    return html.HtmlFigure(f'<table {html.AS_WRITTEN} style="{style}">{caption}{body}</table>')


def _group(condition: Condition) -> str:
    result = f'<div style="font-weight:400">{escape(_result(condition))}</div>'
    head = (
        f'<tr style="border-top:2px solid {theme.GREY}"><th colspan="2" scope="rowgroup" '
        f'style="{_CELL}">{escape(condition.description)}{result}</th></tr>'
    )
    return f"<tbody>{head}{''.join(_rows(condition))}</tbody>"


def _result(condition: Condition) -> str:
    if condition.why_not:
        return f"– not varied: {condition.why_not}"
    if len(condition.compared) < 2:
        return f"– {NO_SECOND}"
    difference, shift = condition.earliest_difference, condition.largest_shift
    if difference:
        return f"✗ differ from token {difference.index + 1} on: {_leading(difference)}"
    scores = "are the same too" if not shift else f"differ by up to {_digit(shift)}"
    return f"✓ {len(condition.compared)} answers, all the same; the log-probabilities {scores}"


def _digit(value: float) -> str:
    """A small number by its first digit, written out.

    >>> _digit(0.0000217), _digit(0.072)
    ('0.00002', '0.07')
    """
    return f"{value:.{-floor(log10(value))}f}"


def _leading(difference: FirstDifference) -> str:
    both = f"one has “{spell(difference.first)}”, another “{spell(difference.other)}”"
    if difference.gap is None:
        return both
    leaders = " and ".join(
        f"“{spell(each.text)}” with {exp(each.logprob):.1%}" for each in difference.leading
    )
    return f"{both}; in the lead were {leaders}, {difference.gap:.2f} apart in log-probability"


def _rows(condition: Condition):
    """A row for each different answer, in order of first appearance."""
    order = {run.ids: index for index, run in reversed(list(enumerate(condition.runs)))}
    ordered = sorted(condition.runs, key=lambda run: order[run.ids])
    for _, same in groupby(ordered, key=lambda run: run.ids):
        runs = list(same)
        label = " · ".join(map(_label, runs))
        if len(runs) == len(condition.runs) > 2 and all(run.complete for run in runs):
            label = f"all {len(runs)}"
        yield (
            f'<tr><th scope="row" style="{_CELL};font-weight:400;width:14em">{escape(label)}</th>'
            f'<td style="{_CELL}">{_text(condition, runs[0])}</td></tr>'
        )


def _label(run: RepeatRun) -> str:
    return run.label if run.complete else f"{run.label} (stopped)"


def _text(condition: Condition, run: RepeatRun) -> str:
    texts = [token_text(step) for step in run.reply.steps]
    later = condition.compared[1:]
    difference = condition.differences[later.index(run)] if run in later else None
    if difference is None:
        return token_chips.chips(texts)
    return token_chips.chips(
        texts, bar_at=difference.index, bar_label="first difference from the first answer"
    )


FIGURES = {Repeats: repeats_table}
