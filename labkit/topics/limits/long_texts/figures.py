"""The figure of a growing conversation: tokens, seconds and money of each turn."""

import plotly.graph_objects as go

from labkit.ui import subplots, theme
from labkit.ui.html import figure_text

from .conversation import ConversationCost


def conversation_figure(cost: ConversationCost):
    """Seconds and money by turn, everything read again beside what is new."""
    turns = list(range(1, len(cost.turns) + 1))
    total = figure_text(cost.summary.partition("; reading")[0])
    figure = theme.figure(
        title=f"A growing conversation: {figure_text(cost.model)} · measured<br>"
        f'<span style="font-size:.8em">{total}</span>',
        height=380,
        margin={"t": 124},
    )
    subplots.columns(figure, ["seconds to read", f"US dollars so far, {figure_text(cost.priced)}"])
    for name, values, colour, dash in (
        ("all of it again", [each.whole_s for each in cost.turns], theme.RED, "solid"),
        ("what is new", [each.new_s for each in cost.turns], theme.BLUE, "dash"),
    ):
        line = {"color": colour, "dash": dash, "width": 2}
        points = go.Scatter(x=turns, y=values, name=name, mode="lines+markers", line=line)
        figure.add_trace(points.update(hovertemplate="turn %{x}: %{y:.2f} s<extra></extra>"), 1, 1)
    money = [sum(each.price_usd for each in cost.turns[:n]) for n in turns]
    line = {"color": theme.ORANGE, "width": 2}
    curve = go.Scatter(x=turns, y=money, mode="lines+markers", line=line, showlegend=False)
    figure.add_trace(curve.update(hovertemplate="turn %{x}: $%{y:.6f}<extra></extra>"), 1, 2)
    figure.update_xaxes(title_text="turn", dtick=max(1, len(turns) // 6))
    figure.update_layout(legend={"yref": "container", "y": 0.8})
    figure.update_yaxes(rangemode="tozero")
    return figure.update_yaxes(tickprefix="$", tickformat=",.6~f", row=1, col=2)


FIGURES = {ConversationCost: conversation_figure}
