"""Figures of the sampling chain: the model's scores, what remains, what was drawn."""

import numpy as np
import plotly.graph_objects as go

from labkit.ui import html, theme
from labkit.ui.html import figure_text
from labkit.ui.visible_text import spell

from .prediction import Prediction
from .sampling_chain import ChainRun, ChainStage, Draws, run_chain

BARS = 14  # tokens with a bar of their own; all others share one
OTHERS = "all others"


def prediction_figure(prediction: Prediction):
    """The model's own probabilities: the likeliest tokens, and all others together."""
    figure = chain_figure(run_chain(prediction))
    figure.data = figure.data[1:2]  # nothing is cut off or drawn yet
    title = f"What comes next · entropy {prediction.entropy_bits:.2f} bits (measured)"
    return figure.update_layout(title_text=title, xaxis_title_text="probability")


def draws_figure(draws: Draws):
    """What was drawn, beside the probabilities."""
    return chain_figure(draws.run, draws)


def chain_figure(run: ChainRun, draws: Draws | None = None):
    """Before and after the chain: the likeliest tokens, and all others together; draws marked."""
    top = leading(run.prediction)
    names = [*token_names(run.prediction, top), OTHERS]
    data = bar_data(run, top, draws)
    bars = [
        go.Bar(
            name=name,
            x=data[key],
            y=names,
            orientation="h",
            marker={"color": colour, "line": {"color": theme.INK, "width": width}},
            hovertemplate="%{y}: %{x:.3%}<extra>" + name + "</extra>",
        )
        for key, name, colour, width in (
            ("before", "the model's own", theme.PAPER, 1),
            ("after", "drawn from", theme.BLUE, 0),
        )
    ]
    marks = go.Scatter(
        name="drawn",
        x=data["drawn"],
        y=names,
        mode="markers",
        marker={
            "symbol": "diamond",
            "color": theme.ORANGE,
            "size": 9,
            "line": {"color": theme.INK, "width": 1},
        },
        hovertemplate="%{y}: %{x:.3%} of the draws<extra></extra>",
    )
    figure = theme.figure(
        *bars,
        marks,
        title=run.headline,
        x="probability (computed)",
        height=450,
        bargap=0.2,
        bargroupgap=0.1,
    )
    # Fixed margins and range: plotly draws twice where it computes them.
    figure.update_layout(margin={"l": 8 * max(map(len, names)) + 16, "b": 48, "r": 28})
    figure.update_xaxes(automargin=False, tickformat=".0%", range=[0, 1])
    return figure.update_yaxes(
        automargin=False, autorange="reversed", showgrid=False, ticksuffix="  "
    )


def bar_data(run: ChainRun, top: list[int], draws: Draws | None = None) -> dict[str, list]:
    """Shares of the leading tokens and of all others: ``"before"``, ``"after"``, ``"drawn"``."""
    drawn = np.zeros_like(run.drawn_from) if draws else None
    for token_id, count in draws.counts if draws else ():
        drawn[token_id] = count / draws.times
    return {
        "before": _with_rest(run.prediction.probabilities, top),
        "after": _with_rest(run.drawn_from, top),
        "drawn": _with_rest(drawn, top) if draws else [],
    }


def leading(prediction: Prediction) -> list[int]:
    """The likeliest tokens by the model's own scores, best first."""
    few = np.argpartition(prediction.scores, -BARS)[-BARS:]
    return few[np.argsort(-prediction.scores[few])].tolist()


def token_names(prediction: Prediction, token_ids: list[int]) -> list[str]:
    """Texts of tokens, escaped and each different from the others."""
    texts = [figure_text(spell(prediction.text_of(token_id))) for token_id in token_ids]
    repeated = {text for text in texts if texts.count(text) > 1}
    pairs = zip(texts, token_ids, strict=True)
    return [f"{text} #{token_id}" if text in repeated else text for text, token_id in pairs]


def _with_rest(shares: np.ndarray, top: list[int]) -> list[float]:
    own = shares[top].tolist()
    return [*own, max(0.0, float(shares.sum()) - sum(own))]


def stages_table(run: ChainRun, rows: int = 8) -> html.HtmlFigure:
    """A column for every stage: the likeliest tokens, then totals."""
    top = leading(run.prediction)[:rows]
    names, stages = token_names(run.prediction, top), run.stages
    heads = "".join(f'<th scope="col" style="{_HEAD}">{_head(stage)}</th>' for stage in stages)
    totals = (
        ("tokens remaining", [f"{stage.remaining:,}" for stage in stages]),
        ("cut off here", ["", *(f"{stage.cut_share:.1%}" for stage in stages[1:])]),
        ("entropy, bits", [f"{stage.entropy_bits:.2f}" for stage in stages]),
    )
    body = [
        _row(name, [_cell(run, stage, token_id) for stage in stages])
        for name, token_id in zip(names, top, strict=True)
    ]
    body += [
        _row(name, [f'<td style="{_NUMBER}">{text}</td>' for text in texts], top=not number)
        for number, (name, texts) in enumerate(totals)
    ]
    caption = "Stage by stage, from scores to what is drawn from"
    return html.HtmlFigure(
        f'<table {html.AS_WRITTEN} style="border-collapse:collapse;font-size:13px;line-height:1.3;'
        f'color:{theme.TEXT}">'
        f'<caption style="text-align:left;font-weight:600;padding:4px 0">{caption}</caption>'
        f"<thead><tr><td></td>{heads}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )


_HEAD = "text-align:right;font-weight:600;padding:2px 8px;vertical-align:bottom"
_NUMBER = "text-align:right;padding:1px 8px"


def _head(stage: ChainStage) -> str:
    if stage.setting is None:
        return "the model's<br>scores"
    return f"{stage.name.replace('_', '_<wbr>')}<br>{stage.setting:g}"


def _row(name: str, cells: list[str], *, top: bool = False) -> str:
    line = f"border-top:1px solid {theme.INK}" if top else ""
    head = f'<th scope="row" style="text-align:left;font-weight:400;padding:1px 8px">{name}</th>'
    return f'<tr style="{line}">{head}{"".join(cells)}</tr>'


def _cell(run: ChainRun, stage: ChainStage, token_id: int) -> str:
    """A probability over a bar of its length; a cross for a token that was cut off."""
    if not np.isfinite(run.scores[stage.name][token_id]):
        return f'<td style="{_NUMBER};color:{theme.QUIET}">✗</td>'
    share = float(stage.probabilities[token_id])
    text = f"{share:.1%}" if share >= 0.0005 else "&lt;0.1%"  # it may still be drawn
    bar = f"linear-gradient(to right,{theme.SKY}66 {100 * share:.1f}%,transparent 0)"
    return f'<td style="{_NUMBER};background:{bar};min-width:64px">{text}</td>'


FIGURES = {Prediction: prediction_figure, ChainRun: chain_figure, Draws: draws_figure}
