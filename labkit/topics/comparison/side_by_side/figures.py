"""Figures of answers side by side: where the time went, and how the text arrived."""

from collections.abc import Iterable, Sequence
from textwrap import wrap

import plotly.graph_objects as go

from labkit.backends.reply import Reply
from labkit.stats import Spread
from labkit.topics.speed.measure.machine_noise import any_disturbed
from labkit.ui import subplots, theme
from labkit.ui.html import figure_text

from .answer_columns_figures import answers_table
from .compare import SideBySide
from .time_split import PART_NAMES, STREAM, TimePart, format_seconds, load_s, model_s, split_time

LOOKS = (
    (theme.GREY, "."),
    (theme.PINK, "\\"),
    (theme.GREEN, "x"),
    (theme.YELLOW, "-"),
    (theme.ORANGE, "/"),
    (theme.SKY, "|"),
    (theme.GREY, "+"),
    (theme.BLUE, ""),
)
LINES = (
    (theme.BLUE, "solid"),
    (theme.ORANGE, "dash"),
    (theme.GREEN, "dot"),
    (theme.PINK, "dashdot"),
    (theme.RED, "longdash"),
    (theme.GREY, "longdashdot"),
)
ROW_PX, LINE_PX, GAP_PX = 46, 17, 64
WIDTH_PX, LETTER_PX = 560, 7.2  # of the bars' room, about, and of a letter in it
LABEL = 30  # characters of a row's label, in a line
LEGEND = 80  # characters on a line
BELOW = {"yref": "container", "y": 0.01, "yanchor": "bottom", "x": 0, "xanchor": "left"}


def time_figure(side: SideBySide):
    """Where the time of each answer went: until the first token, and in total, from one zero."""
    return parts_figure(side.names, side.replies, time_title(side), side.first_s)


def time_title(side: SideBySide) -> str:
    """The title of a time figure: at once or in turn, and which models shared the machine."""
    title = f"Where the seconds went · {'in turn' if side.sequential else 'at once'}"
    if side.first_s:
        title += f", the middle one of {len(side.first_s[0].values)} rounds"
    if any_disturbed((side.noise,)):
        title += " · machine disturbed"
    if not side.shared:
        return title
    shared = f"{' and '.join(side.shared)} shared this machine"
    return f"{title}<br><sub>{figure_text(shared)}</sub>"


def parts_figure(
    names: Sequence[str],
    replies: Sequence[Reply | None],
    title: str,
    first_s: Sequence[Spread] = (),
):
    """Bars that start at the request, a row for each column; the row of a None stays empty.

    ``first_s`` are the times to the first token of every round, where there were several.
    """
    rows = [_label(name, reply) for name, reply in zip(names, replies, strict=True)]
    lines = max(row.count("<br>") + 1 for row in rows)
    half = max(ROW_PX, LINE_PX * lines + 8) * len(rows)
    inner = 2 * half + GAP_PX
    figure = theme.figure(
        title=title, height=inner + 190, barmode="overlay", margin={"t": 90, "b": 100}
    )
    subplots.divide(figure, 2, 1, vertical_spacing=GAP_PX / inner)
    figure.update_yaxes(
        ticksuffix="  ",
        categoryorder="array",
        categoryarray=rows,
        type="category",
        range=[len(rows) - 0.5, -0.5],
        showgrid=False,
    )
    _fill(
        figure,
        rows,
        replies,
        1,
        "seconds until the first token of the answer",
        map(_first, replies, first_s or [None] * len(rows)),
    )
    _fill(figure, rows, replies, 2, "seconds of the whole answer", map(_total, replies))
    # The origins stand in the first plot; the second has the names alone.
    alone = [f"{_name(name)}  " for name in names]
    figure.update_yaxes(tickvals=rows, ticktext=alone, row=2, col=1)
    return figure.update_layout(legend={**BELOW, "traceorder": "normal"})


def _label(name: str, reply: Reply | None) -> str:
    """A row's name and the origin of its numbers, broken into lines."""
    origin = [figure_text(line) for line in wrap(reply.origin, LABEL + 6)] if reply else []
    return "<br>".join([_name(name), *(f"<i>{line}</i>" for line in origin)])


def _name(name: str) -> str:
    lines = wrap(name, LABEL, break_on_hyphens=False)
    return "<br>".join(f"<b>{figure_text(line)}</b>" for line in lines)


def _bars(rows: list[str], replies: Sequence[Reply | None], whole: bool) -> list:
    parts = [
        (row, part)
        for row, reply in zip(rows, replies, strict=True)
        for part in _parts(reply)
        if whole or part.name != STREAM
    ]
    return [
        go.Bar(
            name=name,
            legendgroup=name,
            orientation="h",
            y=[row for row, part in parts if part.name == name],
            x=[part.seconds for _, part in parts if part.name == name],
            base=[part.begin_s for _, part in parts if part.name == name],
            showlegend=whole and any(part.name == name for _, part in parts),
            marker={"color": colour, "pattern": theme.pattern(pattern)},
            hovertemplate=f"{name}: %{{x:.3f}} s<extra></extra>",
        )
        for name, (colour, pattern) in zip(PART_NAMES, LOOKS, strict=True)
    ]


def _parts(reply: Reply | None) -> tuple[TimePart, ...]:
    return split_time(reply) if reply else ()


def _first(reply: Reply | None, rounds: Spread | None = None) -> tuple[float, str]:
    """The end of a row's bar before the stream, and the label behind it."""
    parts = [part for part in _parts(reply) if part.name != STREAM]
    if not parts:
        return 0.0, ""
    end, work = parts[-1].end_s, model_s(reply) if reply.http else None
    own = f"; {format_seconds(work)} of it the model's own work" if work is not None else ""
    loading = load_s(reply) if reply.http else None
    own += f", {format_seconds(loading)} loading it" if loading else ""
    span = f" ({format_seconds(rounds.low)} to {format_seconds(rounds.high)})" if rounds else ""
    return end, format_seconds(end) + span + own


def _total(reply: Reply | None) -> tuple[float, str]:
    """The end of a row's whole bar, and the label behind it."""
    end = max((part.end_s for part in _parts(reply)), default=None)
    ends = {"failed": "✗ failed", "interrupted": "■ stopped", "content_filter": "✗ withheld"}
    outcome = ends.get(reply and reply.finish)
    after = None if end is None else format_seconds(end)
    return end or 0.0, " after ".join(filter(None, [outcome, after]))


def _fill(figure, rows: list[str], replies, number: int, name: str, ends: Iterable) -> None:
    ends, cell = list(ends), {"row": number, "col": 1}
    # A bar leaves its label the share of the width that it needs behind it.
    shares = [max(0.3, 1 - (len(label) + 3) * LETTER_PX / WIDTH_PX) for _, label in ends]
    longest = max(end / share for (end, _), share in zip(ends, shares, strict=True)) or 1
    figure.add_traces(_bars(rows, replies, number == 2), rows=number, cols=1)
    figure.update_xaxes(range=[0, longest], row=number)
    subplots.heading(figure, f"<b>{name}</b>", **cell)
    for row, (end, label) in zip(rows, ends, strict=True):
        subplots.note(figure, f" {label}", x=end, y=row, **cell)


def arrivals_figure(side: SideBySide):
    """How the text of each arrived: its characters against the seconds since the request."""
    lines = []
    written = [each for each in zip(side.names, side.replies, strict=True) if each[1].steps]
    for index, (name, reply) in enumerate(written):
        colour, dash = LINES[index % len(LINES)]
        x, y = arrivals(reply)
        lines.append(
            go.Scatter(
                name="<br>".join(
                    figure_text(part) for part in wrap(f"{name} ({reply.origin})", LEGEND)
                ),
                x=x,
                y=y,
                mode="lines",
                line={"color": colour, "dash": dash, "width": 2, "shape": "hv"},
                hovertemplate="%{y} characters after %{x:.2f} s<extra></extra>",
            )
        )
    legend_px = (LINE_PX + 5) * sum(line.name.count("<br>") + 1 for line in lines)
    mode = "in turn, each from its own request" if side.sequential else "at once"
    figure = theme.figure(
        *lines,
        title=f"How the text arrived · {mode}",
        x="seconds since the request",
        y="characters",
        height=300 + legend_px,
        margin={"b": 56 + legend_px},
        showlegend=True,
        legend={**BELOW, "orientation": "v"},
    )
    return figure.update_xaxes(rangemode="tozero")


def arrivals(reply: Reply) -> tuple[list[float], list[int]]:
    """Seconds, and the characters of the answer by then: from nothing to the whole text."""
    times, counts = [0.0], [0]
    for step in reply.steps:
        times.append(step.elapsed_s)
        counts.append(counts[-1] + len("" if step.thinking else step.text))
    return times, counts


FIGURES = {SideBySide: {"time": time_figure, "arrivals": arrivals_figure, "answers": answers_table}}
