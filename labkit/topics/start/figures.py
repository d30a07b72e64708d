"""Figures of this machine, and of the times of a reply."""

from collections.abc import Sequence

import plotly.graph_objects as go

from labkit.backends.reply import Reply, Step, Stream
from labkit.formatting import GIB, number_of
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
    widest = max(*(row.plan.needs.memory_bytes / GIB for row in rows), free)
    for name, row in zip(names, rows, strict=True):  # beyond all bars, where no line crosses them
        text = _fit_label(row)
        figure.add_annotation(x=widest, y=name, xanchor="left", showarrow=False, text=text)
    return figure.update_xaxes(range=[0, widest * 1.5])


def _fit_label(row: Candidate) -> str:
    if not row.plan.fits:
        return " ✗ too large"
    device = "GPU" if row.plan.device in ("cuda", "mps") else "CPU"
    where = "GPU and CPU" if row.plan.spread else device
    return f" ✓ {where}, {row.plan.needs.dtype}"


def reply_figure(reply: Reply):
    """Milliseconds per token: the first, which includes reading the prompt, in its own colour."""
    by = figure_text(f"{reply.origin}, {reply.model}")
    title = f"{reply_title(reply)} · {by}"
    return timing_figure(reply.steps, title=title, unit=step_unit(reply))


def step_unit(answer: Reply | Stream | None) -> str:
    """What one bar is of: a token, or a server's piece of text, which may hold several."""
    return "piece" if answer and answer.chunked else "token"


def timing_figure(
    steps: Sequence[Step], *, title: str, tokens: int | None = None, unit: str = "token"
):
    """A bar of milliseconds for each token; `tokens`: length of the axis if more are to come."""
    data = timing_data(steps)
    bars = [
        go.Bar(
            name=name,
            x=data[key]["x"],
            y=data[key]["y"],
            customdata=data[key]["text"],
            marker={"color": colour, "pattern": theme.pattern(pattern)},
            hovertemplate="%{x} %{customdata}: %{y:.0f} ms<extra></extra>",
            visible=key != "thought" or bool(data[key]["x"]),
        )
        for key, name, colour, pattern in (
            ("first", "the first, including reading the prompt", theme.ORANGE, "/"),
            ("thought", "what was thought before the answer", theme.SKY, "."),
            ("later", "each after it", theme.BLUE, ""),
        )
    ]
    figure = theme.figure(*bars, title=title, x=unit, y="milliseconds", bargap=0.15)
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
    """Data of the traces ``"first"``, ``"thought"`` and ``"later"``: ``x``, ``y`` and ``text``."""
    times = [0.0, *(step.elapsed_s for step in steps)]
    data = {key: {"x": [], "y": [], "text": []} for key in ("first", "thought", "later")}
    for n, step in enumerate(steps):
        row = data["first" if n == 0 else "thought" if step.thinking else "later"]
        row["x"].append(n + 1)
        row["y"].append(1000 * (times[n + 1] - times[n]))
        row["text"].append(figure_text(repr(step.text)) if step.text else "(no text yet)")
    return data


def timing_title(steps: Sequence[Step], unit: str = "token") -> str:
    """The times of what came so far, in one line.

    >>> timing_title([])
    'nothing yet'
    """
    if not steps:
        return "nothing yet"
    first, last, count = steps[0].elapsed_s, steps[-1].elapsed_s, len(steps)
    title = f"{count} {unit}{'s' if count > 1 else ''}: the first after {first:.2f} s"
    if last > first:  # beam search gives all of them at once
        title += f", then {(count - 1) / (last - first):.1f} {unit}s/s"
    thought = sum(step.thinking for step in steps)
    return f"{title}; {thought} of them thought" if thought else title


def reply_title(reply: Reply) -> str:
    """The times of a whole reply, in one line: in tokens, where their number is known."""
    if reply.output_tokens is None or not reply.steps:
        return timing_title(reply.steps, step_unit(reply))
    count = number_of(reply.output_tokens, "token")
    speed = reply.decode_tokens_per_s
    title = f"{count}: the first after {reply.ttft_s:.2f} s"
    title += f", then {speed:.1f} tokens/s" if speed else ""
    return title + (f"; {reply.thinking_summary}" if reply.thinking_summary else "")


FIGURES = {Reply: reply_figure, MachineReport: machine_figure}
