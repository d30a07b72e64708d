"""Figures of votes: the preference with its interval, and how many votes would settle it."""

import plotly.graph_objects as go

from labkit.formatting import number_of
from labkit.stats import LEVEL
from labkit.ui import subplots, theme
from labkit.ui.html import figure_text

from .power import votes_needed
from .votes import Votes

LOOKS = {"tie": (theme.GREY, "."), "both bad": (theme.YELLOW, "x")}
SHARES = tuple(half / 200 for half in range(106, 200))  # true shares on the curve
UNDECIDED = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
SIDES = ((theme.BLUE, ""), (theme.ORANGE, "/"))


def votes_figure(votes: Votes):
    """All votes as a bar, and below it the share of the decided ones with its interval."""
    one, other = votes.names
    order = (one, "tie", "both bad", other)
    looks = {one: SIDES[0], **LOOKS, other: SIDES[1]}
    total = max(1, len(votes.votes))
    below = {"yref": "container", "y": 0.36, "yanchor": "top"}
    bars = [
        go.Bar(
            name=f"{figure_text(name)}{' preferred' * (name in votes.names)}: {votes.counts[name]}",
            y=["all votes"],
            x=[100 * votes.counts[name] / total],
            orientation="h",
            marker={"color": looks[name][0], "pattern": theme.pattern(looks[name][1])},
            hovertemplate=f"{figure_text(name)}: {number_of(votes.counts[name], 'vote')}"
            "<extra></extra>",
        )
        for name in order
    ]
    figure = theme.figure(
        *bars,
        *_interval(votes),
        title=_title(votes),
        height=340,
        barmode="stack",
        showlegend=True,
        margin={"t": 60, "b": 156},  # long names take a line each
        legend={"x": 0, "xanchor": "left", "traceorder": "normal", **below},
    )
    figure.add_vline(x=50, line={"color": theme.INK, "width": 1, "dash": "dash"})
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=["decided votes", "all votes"],
        ticksuffix="  ",
        range=[-0.6, 1.6],
        showgrid=False,
    )
    return figure.update_xaxes(range=[0, 100], ticksuffix=" %")


def _interval(votes: Votes) -> list:
    if not votes.decided:
        return []
    share, (low, high) = 100 * votes.share, (100 * end for end in votes.interval)
    label = f"{share:.0f} % for {figure_text(votes.names[0])}, {low:.0f} to {high:.0f} %"
    return [
        go.Scatter(
            name=f"{100 * LEVEL:.0f} % interval",
            x=[share],
            y=["decided votes"],
            mode="markers+text",
            text=[label],
            showlegend=True,
            textposition="top left" if share > 65 else "top right" if share < 35 else "top center",
            marker={"symbol": "diamond", "size": 12, "color": theme.INK},
            cliponaxis=False,
            error_x=subplots.error_bars([(low, share, high)], thickness=2, width=8),
            hovertemplate=f"{label}<extra></extra>",
        )
    ]


def _title(votes: Votes) -> str:
    if not votes.votes:
        return "No votes yet"
    settled = "settled" if votes.settled else "not settled"
    count = number_of(len(votes.votes), "blind vote")
    return f"{count} of {votes.voters}: {settled} (measured)"


def votes_needed_figure(votes: Votes | None = None):
    """The number of votes that would settle it, by the true share of the preferred backend.

    Args:
        votes: the votes to mark on the curve; None: only the curve.
    """
    undecided = votes.undecided if votes and votes.decided else 0.0
    curve = go.Scatter(
        name="needed in 80 of 100 cases",
        mode="lines",
        x=[100 * share for share in SHARES],
        y=_needed(undecided),
        line={"color": theme.BLUE, "width": 2},
        hovertemplate="a preference of %{x:.1f} %: %{y:,} votes<extra></extra>",
    )
    figure = theme.figure(
        curve,
        *_mark(votes),
        title="How many votes settle it (computed)",
        x="true share of the preferred one among decided votes",
        y="votes (logarithmic)",
        height=430,
        showlegend=True,
        sliders=[_undecided_slider(undecided)],
    )
    figure.add_vline(x=50, line={"color": theme.INK, "width": 1, "dash": "dash"})
    lowest = 100 * _interval_of_leader(votes)[0] if votes and votes.decided else 50
    figure.update_xaxes(ticksuffix=" %", range=[min(50, lowest) - 1, 101])
    return figure.update_yaxes(type="log", dtick=1)


def _needed(undecided: float) -> list[int]:
    return [votes_needed(share, undecided=undecided) for share in SHARES]


def _undecided_slider(here: float) -> dict:
    """A slider of plotly's own over the share of undecided votes, which needs no kernel."""
    steps = sorted({*UNDECIDED, here})
    return {
        "active": steps.index(here),
        "currentvalue": {"prefix": "undecided votes: ", "font": {"size": 13}},
        "pad": {"t": 52},
        "steps": [
            {
                "label": f"{100 * share:.0f} %" + " (as here)" * (share == here > 0),
                "value": _in_words(share),
                "method": "restyle",
                "args": [{"y": [_needed(share)]}, [0]],
            }
            for share in steps
        ],
    }


def _in_words(undecided: float) -> str:
    """The curve at two preferences, for those who do not see it."""
    few, many = (votes_needed(share, undecided=undecided) for share in (0.75, 0.6))
    return f"A preference of 75 % is settled by {few:,} votes, one of 60 % by {many:,}."


def _interval_of_leader(votes: Votes) -> tuple[float, float]:
    low, high = votes.interval
    return (low, high) if votes.share >= 0.5 else (1 - high, 1 - low)


def _mark(votes: Votes | None) -> list:
    if not votes or not votes.decided:
        return []
    low, high = (100 * end for end in _interval_of_leader(votes))
    share = 100 * max(votes.share, 1 - votes.share)
    return [
        go.Scatter(
            name="your votes, with their interval",
            mode="markers",
            x=[share],
            y=[len(votes.votes)],
            marker={"symbol": "diamond", "size": 12, "color": theme.RED},
            error_x=subplots.error_bars([(low, share, high)], color=theme.RED),
            hovertemplate="%{y} votes, %{x:.0f} %<extra></extra>",
        )
    ]


FIGURES = {Votes: {"preference": votes_figure, "needed": votes_needed_figure}}
