"""Figures of token counts by language and by turn, and tables of example texts and digits."""

import math
from html import escape

import plotly.graph_objects as go

from labkit.formatting import number_of
from labkit.ui import subplots, theme
from labkit.ui.html import HtmlFigure, figure_text
from labkit.ui.table import grid

from .chat_template import ChatTokens, TurnCosts
from .examples import DigitGroups, ExampleTexts
from .languages import LanguageCosts, LanguageTable
from .token_strip import chat_strip, comparison_strip, text_strip, visible
from .tokenization import Tokenization
from .tokenizer_comparison import TokenizerComparison

# Of the heat map: from which ratio on a cell has which colour; plotly writes in dark or white.
STEPS = (
    (0, "#FFFFFF"), (1.25, "#DCEEFA"), (2, "#B5DDF6"), (3, "#8CC8EF"), (5, "#1F6A94"),
    (8, "#00364F"),
)  # fmt: skip
LOWEST = -1.0  # log2 of a ratio, at the white end


def language_figure(table: LanguageTable):
    """A heat map: tokens of the same text, by language and tokenizer, relative to English."""
    rows = sorted(
        zip(table.languages, table.relative, table.comparison.counts, strict=True),
        key=lambda row: sum(map(math.log, row[1])),
    )
    languages, ratios, counts = zip(*rows, strict=True)
    heat = go.Heatmap(
        x=list(map(figure_text, table.names)),
        y=list(map(figure_text, languages)),
        z=[[math.log2(ratio) for ratio in row] for row in ratios],
        text=[[f"{ratio:.1f}" for ratio in row] for row in ratios],
        customdata=counts,
        texttemplate="%{text}",
        hovertemplate="%{y} with %{x}: %{customdata} tokens, %{text} × English<extra></extra>",
        colorscale=_steps(highest := max(4.0, math.log2(max(map(max, ratios))))),
        zmin=LOWEST,
        zmax=highest,
        showscale=False,
        xgap=1,
        ygap=1,
    )
    figure = theme.figure(
        heat,
        title="Tokens of the same text, as a multiple of English (computed)",
        height=110 + 22 * len(languages),
    )
    figure.update_xaxes(side="top", showgrid=False, type="category")
    return figure.update_yaxes(autorange="reversed", showgrid=False, ticksuffix="  ", dtick=1)


def _steps(highest: float) -> list[list]:
    """Colours in steps: between the light and the dark ones no text would be readable."""
    ends = [*(math.log2(ratio) for ratio, _ in STEPS[1:]), highest]
    begins = [LOWEST, *ends[:-1]]
    return [
        [(z - LOWEST) / (highest - LOWEST), colour]
        for (_, colour), *pair in zip(STEPS, begins, ends, strict=True)
        for z in pair
    ]


def cost_figure(costs: LanguageCosts):
    """What the token counts mean: share of the window, seconds here, price in the cloud."""
    rows = sorted(costs.rows, key=lambda row: row.local_tokens)
    parts = (
        ([100 * row.window_share for row in rows], "%", theme.BLUE, ""),
        ([row.write_s for row in rows], "s", theme.ORANGE, "/"),
        ([row.price_usd for row in rows], "$", theme.GREEN, "."),
    )
    bars = [
        go.Bar(
            x=values,
            y=[figure_text(row.language) for row in rows],
            orientation="h",
            marker={"color": colour, "pattern": theme.pattern(shape)},
            hovertemplate="%{y}: %{x:,.3~r} " + unit + "<extra></extra>",
        )
        for values, unit, colour, shape in parts
    ]
    figure = theme.figure(
        title=f"What the tokens mean here and in the cloud ({figure_text(costs.price.origin)})",
        height=150 + 18 * len(rows),
        showlegend=False,
    )
    subplots.divide(figure, 1, 3, horizontal_spacing=0.05, shared_yaxes=True)
    figure.add_traces(bars, rows=[1] * 3, cols=[1, 2, 3])
    titles = (
        f"% of a window of {costs.window:,}<br>tokens (computed)",
        f"seconds to write the text here,<br>at {costs.tokens_per_s:.1f} tokens/s (computed)",
        f"US$ for 1,000 requests to<br>{figure_text(costs.price.model)} that read and<br>"
        "write the text (computed)",
    )
    for column, title in enumerate(titles, 1):
        figure.update_xaxes(title={"text": title, "font": {"size": 12}}, col=column)
    figure.update_yaxes(range=[len(rows) - 0.5, -0.5], showgrid=False, ticksuffix="  ", dtick=1)
    return figure


def turns_figure(turns: TurnCosts):
    """Tokens read on each turn: the system prompt again, earlier messages again, new messages."""
    numbers = list(range(1, len(turns.prompt_tokens) + 1))
    system = [turns.system_tokens] * len(numbers)
    earlier = [
        total - new - turns.system_tokens
        for total, new in zip(turns.prompt_tokens, turns.new_tokens, strict=True)
    ]
    parts = (
        ("system prompt, again", system, theme.ORANGE, "/"),
        ("earlier messages, again", earlier, theme.SKY, ""),
        ("new", list(turns.new_tokens), theme.BLUE, "."),
    )
    bars = [
        go.Bar(
            name=name,
            x=numbers,
            y=values,
            marker={"color": colour, "pattern": theme.pattern(shape)},
            hovertemplate="turn %{x}: %{y} tokens, " + name + "<extra></extra>",
        )
        for name, values, colour, shape in parts
    ]
    return theme.figure(
        *bars,
        title=f"{turns.total_tokens:,} tokens read in {number_of(len(numbers), 'turn')} (computed)",
        x="turn",
        y="tokens read",
        barmode="stack",
    ).update_xaxes(dtick=1)


_MONO = "font-family:ui-monospace,'DejaVu Sans Mono',monospace;white-space:pre"


def examples_table(examples: ExampleTexts) -> HtmlFigure:
    """Each text with its token counts and the reason for them."""
    comparison = examples.comparison
    texts = zip(comparison.labels, comparison.rows, examples.reasons, strict=True)
    rows = (
        [
            f"<b>{escape(label)}</b>",
            _example_text(cells[0].text, why),
            *(str(cell.count) for cell in cells),
        ]
        for label, cells, why in texts
    )
    return HtmlFigure(grid(["", "text, and why", *map(escape, comparison.names)], rows))


def _example_text(text: str, why: str) -> str:
    """A text line by line, with visible spaces, and the reason below."""
    lines = "<br>".join(escape(visible(line.encode())) for line in text.split("\n"))
    reason = f'<div style="color:{theme.QUIET};margin-top:2px">{escape(why)}</div>'
    return f'<div style="{_MONO}">{lines}</div>{reason}'


def digits_table(digits: DigitGroups) -> HtmlFigure:
    """Each number as each tokenizer splits it, one row per tokenizer."""
    comparison = digits.comparison
    rows = (
        [f"<b>{escape(name)}</b>", *map(_pieces, cells)]
        for name, cells in zip(comparison.names, zip(*comparison.rows, strict=True), strict=True)
    )
    return HtmlFigure(grid(["", *map(escape, comparison.labels)], rows))


def _pieces(cell: Tokenization) -> str:
    box = f"border:1px solid {theme.GREY};border-radius:3px;padding:0 1px;margin-right:1px"
    pieces = (f'<span style="{box}">{escape(visible(data))}</span>' for data in cell.data)
    return f'<span style="{_MONO}">{"".join(pieces)}</span>'


FIGURES = {
    ChatTokens: chat_strip,
    TokenizerComparison: comparison_strip,
    DigitGroups: digits_table,
    ExampleTexts: examples_table,
    LanguageCosts: cost_figure,
    LanguageTable: language_figure,
    Tokenization: text_strip,
    TurnCosts: turns_figure,
}
