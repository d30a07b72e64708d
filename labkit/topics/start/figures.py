"""Figures of this machine, and of the times of a reply."""

from collections.abc import Sequence
from itertools import pairwise

import plotly.graph_objects as go

from labkit.backends.reply import Reply, Step
from labkit.formatting import GIB
from labkit.ui import theme
from labkit.ui.html import figure_text

from .machine_report import Candidate, MachineReport


def machine_figure(report: MachineReport):
    """Memory that each model needs, one bar per model, with the free memory as a line."""
    rows = report.candidates
    names = [f"{row.entry.name}{' (here)' if row.on_disk else ''}" for row in rows]
    parts = (
        ("weights", [row.plan.needs.weights_bytes for row in rows], theme.BLUE, ""),
        ("cache of a conversation", [row.plan.needs.cache_bytes for row in rows], theme.SKY, "/"),
        ("torch (assumed)", [row.plan.needs.runtime_bytes for row in rows], theme.LINE, "."),
    )
    bars = [
        go.Bar(
            name=name,
            y=names,
            x=[value / GIB for value in values],
            orientation="h",
            marker={"color": colour, "pattern": theme.pattern(pattern)},
            hovertemplate="%{y}: %{x:.2f} GiB " + name + "<extra></extra>",
        )
        for name, values, colour, pattern in parts
    ]
    free = max(row.plan.available_bytes for row in rows) / GIB
    figure = theme.figure(
        *bars,
        title=f"Memory that each model needs, and the {free:.1f} GiB that are free here",
        x="GiB (computed from each model's configuration)",
        height=170 + 30 * len(rows),
        barmode="stack",
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, ticksuffix="  ")
    below = {"y": -0.2, "yanchor": "top", "x": 0, "xanchor": "left", "traceorder": "normal"}
    figure.update_layout(legend=below)
    label = {"text": f"free: {free:.1f} GiB ", "font": {"color": theme.RED}, "yanchor": "bottom"}
    line = {"color": theme.RED, "width": 2, "dash": "dash"}
    figure.add_vline(x=free, line=line, annotation=label, annotation_position="top left")
    for name, row in zip(names, rows, strict=True):
        figure.add_annotation(
            x=row.plan.needs.memory_bytes / GIB,
            y=name,
            xanchor="left",
            showarrow=False,
            text=_fit_label(row),
        )
    widest = max(*(row.plan.needs.memory_bytes / GIB for row in rows), free)
    return figure.update_xaxes(range=[0, widest * 1.25])


def _fit_label(row: Candidate) -> str:
    if not row.plan.fits:
        return " ✗ too large"
    device = "GPU" if row.plan.device in ("cuda", "mps") else "CPU"
    where = "GPU and CPU" if row.plan.spread else device
    return f" ✓ fits: {where}, {row.plan.needs.dtype}"


def reply_figure(reply: Reply):
    """Milliseconds per token: the first, which includes reading the prompt, in its own colour."""
    by = figure_text(f"{reply.origin}, {reply.model}")
    return timing_figure(reply.steps, title=f"{timing_title(reply.steps)} · {by}")


def timing_figure(steps: Sequence[Step], *, title: str, tokens: int | None = None):
    """A bar of milliseconds for each token; `tokens`: length of the axis if more are to come."""
    data = timing_data(steps)
    bars = [
        go.Bar(
            name=name,
            x=data[key]["x"],
            y=data[key]["y"],
            customdata=data[key]["text"],
            marker={"color": colour, "pattern": theme.pattern(pattern)},
            hovertemplate="token %{x} %{customdata}: %{y:.0f} ms<extra></extra>",
        )
        for key, name, colour, pattern in (
            ("first", "first token, including reading the prompt", theme.ORANGE, "/"),
            ("later", "each token after it", theme.BLUE, ""),
        )
    ]
    figure = theme.figure(*bars, title=title, x="token", y="milliseconds", bargap=0.15)
    figure.update_xaxes(range=token_range(len(steps), tokens or len(steps)))
    return figure.update_yaxes(rangemode="tozero")


def token_range(written: int, expected: int) -> list[float]:
    """Range of the token axis: it grows by hundreds, so that it does not jump with every token.

    >>> token_range(3, 60), token_range(130, 1500)
    ([0.4, 60.6], [0.4, 200.6])
    """
    room = min(expected, 100 * (written // 100 + 1))
    return [0.4, max(room, written, 8) + 0.6]


def timing_data(steps: Sequence[Step]) -> dict[str, dict[str, list]]:
    """Data of both traces: ``"first"`` and ``"later"``, each with ``x``, ``y`` and ``text``."""
    times = [0.0, *(step.elapsed_s for step in steps)]
    gaps = [1000 * (after - before) for before, after in pairwise(times)]
    texts = [figure_text(repr(step.text)) if step.text else "(no text yet)" for step in steps]
    rows = {"x": list(range(1, len(steps) + 1)), "y": gaps, "text": texts}
    return {
        "first": {key: row[:1] for key, row in rows.items()},
        "later": {key: row[1:] for key, row in rows.items()},
    }


def timing_title(steps: Sequence[Step]) -> str:
    """The times of a reply in one line.

    >>> timing_title([])
    'no token yet'
    """
    if not steps:
        return "no token yet"
    first, last, count = steps[0].elapsed_s, steps[-1].elapsed_s, len(steps)
    title = f"{count} token{'s' if count > 1 else ''}: the first after {first:.2f} s"
    if last > first:  # beam search gives all of them at once
        title += f", then {(count - 1) / (last - first):.1f} tokens/s"
    return title


FIGURES = {Reply: reply_figure, MachineReport: machine_figure}
