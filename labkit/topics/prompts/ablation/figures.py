"""The figure of an ablation: which part of a prompt earns its tokens."""

import plotly.graph_objects as go

from labkit.formatting import digits, number_of, points
from labkit.ui import subplots, theme
from labkit.ui.html import figure_text

from .ablation import Ablation, PartEffect

LOOKS = {  # colour and symbol of each judgement
    "earns its tokens": (theme.GREEN, "circle"),
    "helps": (theme.GREEN, "circle"),
    "not settled": (theme.INK, "circle-open"),
    "does harm": (theme.RED, "x"),
}


def ablation_figure(ablation: Ablation):
    """Each part's effect with its interval; beside it tokens, time, money and the judgement."""
    effects = ablation.effects
    figure = theme.figure(
        title=_title(ablation),
        x="points gained, with their 95 % interval",
        height=200 + 48 * len(effects),
        showlegend=False,
        margin={"t": 124, "r": 206},
    )
    for effect in effects:
        figure.add_trace(_dot(effect))
    figure.add_vline(0, line={"color": theme.GREY, "dash": "dash"})
    parts = [effect.part for effect in effects]
    names = {"tickvals": parts, "ticktext": list(map(_name, effects))}
    figure.update_yaxes(autorange="reversed", type="category", **names)
    for offset, head in zip(OFFSETS, ("tokens", "prefill", "per 1,000"), strict=True):
        corner = {"x": 1, "xref": "paper", "y": 1, "yref": "paper", "yanchor": "bottom"}
        subplots.note(figure, head, **corner, xshift=offset, font={"size": 12})
    for effect in effects:
        for offset, text in zip(OFFSETS, _cells(ablation, effect), strict=True):
            at = {"x": 1, "xref": "paper", "y": effect.part}
            subplots.note(figure, figure_text(text), **at, xshift=offset, font={"size": 12})
    return figure


OFFSETS = (12, 66, 136)  # pixels right of the plot
MARKS = {"does harm": "✗", "not settled": "?"}


def _name(effect: PartEffect) -> str:
    mark = MARKS.get(effect.judgement, "✓")
    return f"<b>{effect.part}</b>  <br>{mark} {effect.verdict}  "


def _dot(effect: PartEffect):
    colour, symbol = LOOKS[effect.judgement]
    low, high = effect.interval
    return go.Scatter(
        x=[100 * effect.difference],
        y=[effect.part],
        mode="markers",
        marker={"size": 11, "color": colour, "symbol": symbol, "line": {"width": 2}},
        error_x=subplots.error_bars([(100 * low, 100 * effect.difference, 100 * high)]),
        hovertemplate=f"{points(effect.difference)}; prefill {_rounds(effect)}<extra></extra>",
    )


def _cells(ablation: Ablation, effect: PartEffect) -> tuple[str, str, str]:
    cents = 100 * ablation.usd_per_1000(effect)
    money = f"{'+' * (cents >= 0)}{digits(cents)} ct"
    return f"{effect.tokens:+.0f}", _prefill(effect), money


def _prefill(effect: PartEffect) -> str:
    added = effect.prefill_s
    if added is None:
        return "unknown"
    mark = "? " if added.low <= 0 <= added.high else ""
    return f"{mark}{1000 * added.median:+,.0f} ms"


def _rounds(effect: PartEffect) -> str:
    added = effect.prefill_s
    if added is None:
        return "unknown"
    low, high, rounds = 1000 * added.low, 1000 * added.high, number_of(len(added.values), "round")
    return f"{1000 * added.median:+,.0f} ms, {low:+,.0f} to {high:+,.0f} in {rounds}"


def _title(ablation: Ablation) -> str:
    base = ablation.base
    calibrated = f", {base.calibration} calibration" if base.calibration else ""
    what = figure_text(f"{base.task.name}, {base.model}{calibrated}")
    return (
        f"{what}: {base.share:.0%} right with "
        f'the whole prompt · measured<br><span style="font-size:.8em">'
        f"{figure_text(base.prompt.label)}<br>{number_of(len(base.items), 'item')}, "
        f"{ablation.how}; "
        f"prefill with ?: rounds of timing differ in sign<br>"
        f"US cents for 1,000 requests: {figure_text(ablation.price.origin)}</span>"
    )


def combinations_figure(ablation: Ablation):
    """Every prompt that was scored, best first, with its interval."""
    ordered = sorted((ablation.base, *ablation.others), key=lambda each: each.share)
    labels = [figure_text(each.prompt.label) for each in ordered]
    figure = theme.figure(
        title=f"{len(ordered)} prompts on the same {len(ablation.base.items)} items · measured",
        x="share of right answers, with the 95 % interval",
        height=120 + 24 * len(ordered),
    )
    ranges = ((each.interval[0], each.share, each.interval[1]) for each in ordered)
    figure.add_trace(
        go.Scatter(
            x=[each.share for each in ordered],
            y=labels,
            mode="markers",
            marker={"color": theme.BLUE, "size": 9},
            error_x=subplots.error_bars(ranges, thickness=1),
        )
    )
    return figure.update_xaxes(tickformat=".0%", range=[0, 1.02])


FIGURES = {Ablation: {"parts": ablation_figure, "prompts": combinations_figure}}
