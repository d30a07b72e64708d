"""Figures of a week's cost: its parts, prices over the years, places to run, and a shared card."""

import math
from collections.abc import Iterable
from html import escape

import plotly.graph_objects as go

from labkit.formatting import digits, number_of, usd
from labkit.ui import subplots, theme
from labkit.ui.html import HtmlFigure, figure_text
from labkit.ui.table import grid

from .cloud_bill import Week
from .cloud_models import NO_SCORE
from .facts import Hardware, HardwareList
from .hardware_tables import hardware_list_table, hardware_table
from .options import PARTS, CostOptions
from .past_prices import ARTICLE_USD, PricedWeek, PriceHistory
from .team import MOST_LOAD, SharedHardware

LOOKS = {
    "tokens": (theme.ORANGE, ""),
    "hardware": (theme.BLUE, ""),
    "idle power": (theme.GREEN, "/"),
    "power for answers": (theme.YELLOW, "x"),
    "rent": (theme.PINK, "."),
    "waiting": (theme.GREY, "|"),
}
SCALE = [20, 100]  # MMLU, in which guessing gives 25 %
GAP = "\u00a0\u00a0"  # between a label's line and the axis
POINTS = 400  # at least, of a line of waits over a larger team


def week_figure(week: Week):
    """The bill of the week as steps: what each part adds, and what each switch saves."""
    steps = [step for step in week.steps if abs(step.usd) > 1e-12] or list(week.steps[:1])
    amounts = [*(step.usd for step in steps), week.total_usd]
    figure = theme.figure(
        go.Waterfall(
            x=[
                *(
                    step.name.replace(" read", "<br>read").replace(", not", ",<br>not")
                    for step in steps
                ),
                "the week",
            ],
            y=amounts,
            measure=["relative"] * len(steps) + ["total"],
            text=[
                f"<b>{usd(amounts[-1])}</b>" if n == len(steps) else _signed(a)
                for n, a in enumerate(amounts)
            ],
            textposition="outside",
            cliponaxis=False,
            increasing={"marker": {"color": theme.ORANGE, "line": theme.OUTLINE}},
            decreasing={"marker": {"color": theme.GREEN, "line": theme.OUTLINE}},
            totals={"marker": {"color": theme.GREY, "line": theme.OUTLINE}},
            connector={"line": {"color": theme.LINE}},
            hovertemplate="%{x}: %{text}<extra></extra>",
        ),
        title=f"{number_of(round(week.questions), 'question')} to "
        f"{figure_text(week.price.origin)} (computed)",
        y="US dollars a week",
        showlegend=False,
        height=360,
        margin={"t": 72},
    )
    figure.update_xaxes(showgrid=False, tickangle=0)
    return figure.update_yaxes(tickprefix="$", rangemode="tozero")


def _signed(amount: float) -> str:
    return f"−{usd(-amount)}" if amount < 0 else f"+{usd(amount)}"


def history_figure(history: PriceHistory):
    """The same week with each model, by the month of its release; beside it, its quality."""
    labels = [f"{each.model.title} · {each.model.released}" for each in history.weeks]
    rows = len(labels)
    low, high = (f"${end:.0f}" for end in ARTICLE_USD)
    figure = theme.figure(
        title=f"The week with {rows} models; shaded: {low} to {high} (computed; scores recorded)",
        height=140 + 22 * rows,
        showlegend=False,
        margin={"t": 92, "b": 48},
    )
    widths = {"column_widths": [0.6, 0.4], "horizontal_spacing": 0.03, "shared_yaxes": True}
    subplots.divide(figure, 1, 2, **widths)
    for column, text in enumerate(("<b>US dollars a week</b>", "<b>MMLU, %</b>"), 1):
        subplots.heading(figure, text, row=1, col=column, font={"size": 13})
    totals = [each.week.total_usd for each in history.weeks if each.week.total_usd > 0] or [1.0]
    ends = [math.log10(min([*totals, 1])) - 0.3, math.log10(max([*totals, 100])) + 0.9]
    ticks = {"dtick": 1, "tickprefix": "$", "exponentformat": "none", "tickformat": ",.10~g"}
    figure.update_xaxes(type="log", range=ends, row=1, col=1, **ticks)
    figure.update_xaxes(range=SCALE, dtick=25, tick0=25, row=1, col=2)
    figure.add_trace(_price_dots(history, labels, 10 ** ends[0]), row=1, col=1)
    figure.add_trace(_score_dots(history, labels), row=1, col=2)
    for each, label in zip(history.weeks, labels, strict=True):
        if each.mmlu_percent is None:
            subplots.note(figure, NO_SCORE, x=SCALE[0], y=label, row=1, col=2, font={"size": 10})
    band = {"fillcolor": theme.SKY, "opacity": 0.3, "layer": "below"}
    band["line"] = {"width": 1, "color": theme.BLUE, "dash": "dot"}
    figure.add_vrect(*ARTICLE_USD, row=1, col=1, **band)
    names = {"type": "category", "categoryorder": "array", "categoryarray": labels}
    figure.update_yaxes(showgrid=False)
    return figure.update_yaxes(range=[rows - 0.4, -0.6], dtick=1, tickfont={"size": 12}, **names)


def _price_dots(history: PriceHistory, labels: list[str], edge: float):
    """Dots with their amounts, and a thin line from the names to each."""
    totals = [each.week.total_usd for each in history.weeks]
    return go.Scatter(
        x=[total or None for total in totals],
        y=labels,
        mode="markers+text",
        text=[f"  {usd(total)}" for total in totals],
        textposition="middle right",
        textfont={"size": 12},
        marker={"color": theme.BLUE, "size": 9},
        error_x=_thin_lines((edge, total) for total in totals),
        customdata=[figure_text(each.week.price.origin) for each in history.weeks],
        hovertemplate="%{y}: %{text} a week<br>%{customdata}<extra></extra>",
    )


def _thin_lines(ends: Iterable[tuple[float, float]]) -> dict:
    """From an edge of the plot to each dot."""
    ranges = ((min(edge, number), number, number) for edge, number in ends)
    return subplots.error_bars(ranges, color=theme.LINE, thickness=1, width=0)


def _score_dots(history: PriceHistory, labels: list[str]):
    known = [
        (each, label)
        for each, label in zip(history.weeks, labels, strict=True)
        if each.mmlu_percent is not None
    ]
    return go.Scatter(
        x=[each.mmlu_percent for each, _ in known],
        y=[label for _, label in known],
        mode="markers",
        error_x=_thin_lines((SCALE[0], each.mmlu_percent) for each, _ in known),
        marker={"color": theme.ORANGE, "size": 9, "symbol": "diamond", "line": theme.OUTLINE},
        hovertemplate="%{y}: %{x:g} %; guessing gives 25 %<extra></extra>",
    )


def history_table(history: PriceHistory) -> HtmlFigure:
    """Every price with its date and its source."""
    heads = ("model", "released", "$ per million in", "$ per million out", "a week", "price of")
    caption = "List prices of " + escape(history.weeks[0].week.price.source)
    return HtmlFigure(grid(heads, map(_price_cells, history.weeks), caption))


def _price_cells(each: PricedWeek) -> list[str]:
    price = each.week.price
    numbers = (price.input_usd_per_million, price.output_usd_per_million)
    cells = [escape(each.model.title), each.model.released, *(f"{one:.4g}" for one in numbers)]
    return [*cells, usd(each.week.total_usd), price.noted or "the list's version"]


def options_figure(result: CostOptions):
    """The week in each place: its cost in parts, the seconds of an answer, and its quality."""
    options = result.options
    labels = [f"<b>{figure_text(each.name)}</b>{GAP}<br>{_about(each)}{GAP}" for each in options]
    figure = theme.figure(
        title=f"{number_of(round(result.week.questions), 'question')} in "
        f"{number_of(len(options), 'place')} (computed)",
        height=150 + 68 * len(options),
        barmode="stack",
        bargap=0.5,
        margin={"t": 84, "b": 48},
        legend_traceorder="normal",
        x="US dollars a week",
    )
    for part in PARTS:
        amounts = [{p.name: p.usd for p in each.parts}.get(part, 0.0) for each in options]
        if any(amounts):
            figure.add_trace(_part_bars(part, amounts, labels))
    for each, label in zip(options, labels, strict=True):
        subplots.note(figure, f" <b>{usd(each.total_usd)}</b>", x=each.total_usd, y=label)
    most = max(each.total_usd for each in options) or 1.0
    figure.update_xaxes(range=[0, 1.2 * most], tickprefix="$")
    return figure.update_yaxes(range=[len(options) - 0.5, -0.5])


def _part_bars(part: str, amounts: list[float], labels: list[str]):
    colour, pattern = LOOKS[part]
    return go.Bar(
        name=part,
        x=amounts,
        y=labels,
        orientation="h",
        marker={"color": colour, "pattern": theme.pattern(pattern), "line": theme.OUTLINE},
        customdata=[usd(amount) for amount in amounts],
        hovertemplate=f"{part}: %{{customdata}}<extra></extra>",
    )


def _about(option) -> str:
    able = "" if option.fits else ", <b>too slow for the working hours</b>"
    seconds = f"{digits(option.answer_s)} s an answer{able}"
    return f"{figure_text(option.model)}, {option.quality},{GAP}<br>{seconds}"


def team_figure(shared: SharedHardware):
    """Mean wait by the size of the team: the formula as a line, the simulation as dots."""
    a_person = shared.questions_per_hour * shared.seconds / 3600
    most = shared.most_people
    sizes = sorted(range(most, 0, -max(1, most // POINTS)))
    line = [n * a_person * shared.seconds / (2 * (1 - n * a_person)) for n in sizes]
    teams = [team for team in shared.teams if team.simulated_s is not None]
    ranges = [(t.simulated_low_s, t.simulated_s, t.simulated_high_s) for t in teams]
    limit = f" up to a load of {MOST_LOAD:.0%}" if shared.not_simulated else ""
    figure = theme.figure(
        go.Scatter(
            name="formula (M/D/1)",
            x=sizes,
            y=line,
            mode="lines",
            line={"color": theme.BLUE, "width": 2},
            hovertemplate="%{x} people: %{y:.1f} s",
        ),
        go.Scatter(
            name=f"simulated{limit}, mean and 95 %",
            x=[t.people for t in teams],
            y=[t.simulated_s for t in teams],
            mode="markers",
            marker={"color": theme.ORANGE, "size": 9, "symbol": "diamond", "line": theme.OUTLINE},
            cliponaxis=False,
            error_y=subplots.error_bars(ranges),
            hovertemplate="%{x} people: %{y:.1f} s",
        ),
        title=f"One card for a team: {shared.seconds:.1f} s an answer (computed and simulated)",
        x=f"people who ask {shared.questions_per_hour:g} questions an hour each",
        y="seconds in the queue",
        height=360,
        margin={"t": 84},
    )
    end = most + 1
    figure.add_vline(
        end - 0.5,
        line={"color": theme.RED, "dash": "dot"},
        annotation={"text": "the queue never ends", "textangle": -90},
        annotation_position="top right",
    )
    return figure.update_xaxes(range=[0.5, end + 0.05 * end + 0.5]).update_yaxes(rangemode="tozero")


FIGURES = {
    Week: week_figure,
    PriceHistory: {"prices": history_figure, "table": history_table},
    CostOptions: options_figure,
    SharedHardware: team_figure,
    Hardware: hardware_table,
    HardwareList: hardware_list_table,
}
