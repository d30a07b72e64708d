"""Pictures of the chain: what the model scored, what is left, what was drawn."""

from html import escape

import numpy as np

from ..ui import html, theme
from ..ui.spelling import spell
from .analysis import ChainRun, Draws, Prediction, Stage, run_chain

SHOWN = 14  # tokens with a bar of their own; all others share one
CURVE_POINTS = 90
OTHERS = "all others"


def prediction_figure(prediction: Prediction):
    """The model's own probabilities: the likeliest tokens, and all others together."""
    return chain_figure(run_chain(prediction))


def draws_figure(draws: Draws):
    """What was drawn, against what the probabilities say."""
    return chain_figure(draws.run, draws)


def chain_figure(run: ChainRun, draws: Draws | None = None):
    """Before and after the chain: the likeliest tokens, and the curve of all probabilities.

    Args:
        run: from ``run_chain``.
        draws: what was drawn from it; marks beside the bars.
    """
    import plotly.graph_objects as go

    data = chain_data(run, draws)
    bars = [
        go.Bar(
            name=name, x=data[key], y=data["tokens"], orientation="h",
            marker={"color": colour, "pattern": theme.pattern(shape)},
            hovertemplate="%{y}: %{x:.3%}<extra>" + name + "</extra>",
        )
        for key, name, colour, shape in (
            ("before", "the model's own", theme.LINE, "/"),
            ("after", "drawn from", theme.BLUE, ""),
        )
    ]  # fmt: skip
    marks = go.Scatter(
        name="drawn", x=data["drawn"], y=data["tokens"], mode="markers",
        marker={"symbol": "diamond", "color": theme.ORANGE, "size": 9,
                "line": {"color": theme.INK, "width": 1}},
        hovertemplate="%{y}: %{x:.3%} of the draws<extra></extra>",
    )  # fmt: skip
    curves = [
        go.Scatter(
            x=data[key][0], y=data[key][1], mode="lines", xaxis="x2", yaxis="y2", showlegend=False,
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate="the likeliest %{x:,}: %{y:.2%} together<extra>" + name + "</extra>",
        )
        for key, name, colour, dash in (
            ("curve_before", "the model's own", theme.GREY, "dot"),
            ("curve_after", "drawn from", theme.BLUE, "solid"),
        )
    ]  # fmt: skip
    cut = go.Scatter(
        x=data["cut"], y=[0, 1], mode="lines", xaxis="x2", yaxis="y2", showlegend=False,
        line={"color": theme.RED, "dash": "dash", "width": 2}, name="the cut",
        hovertemplate="%{x:,} tokens left<extra></extra>",
    )  # fmt: skip
    picture = theme.figure(
        *bars, marks, *curves, cut, title=chain_title(run), x="probability", y="",
        height=470, bargap=0.2, bargroupgap=0.1,
    )  # fmt: skip
    return _two_panels(picture, len(run.prediction.scores))


def _two_panels(picture, vocabulary: int):
    """Bars on the left, the curve on the right."""
    axis = {"gridcolor": theme.LINE, "zerolinecolor": theme.LINE, "automargin": True}
    small = {"font": {"size": 13}}
    picture.update_layout(
        xaxis={"domain": [0, 0.56], "tickformat": ".0%", "range": [0, 1]},
        yaxis={"autorange": "reversed", "showgrid": False, "ticksuffix": "  "},
        xaxis2={**axis, "domain": [0.68, 1], "anchor": "y2", "type": "log", "minor": {},
                "title": {"text": "so many of the likeliest tokens", **small},
                "range": [-0.05, float(np.log10(vocabulary)) + 0.05], "dtick": 1},
        yaxis2={**axis, "anchor": "x2", "tickformat": ".0%", "range": [0, 1.03],
                "title": {"text": "have this probability together", **small}},
        margin={"t": 84},
    )  # fmt: skip
    return picture


def chain_data(run: ChainRun, draws: Draws | None = None) -> dict[str, list]:
    """What changes in the figure: bars, marks, curves, the cut."""
    first, last = run.stages[0].probabilities, run.drawn_from
    top = leading(run.prediction)
    counts = np.zeros(len(first)) if draws else None
    for token_id, count in draws.counts if draws else ():
        counts[token_id] = count / draws.times
    return {
        "tokens": [*token_names(run.prediction, top), OTHERS],
        "before": _with_rest(first, top),
        "after": _with_rest(last, top),
        "drawn": _with_rest(counts, top) if draws else [],
        "curve_before": _curve(first),
        "curve_after": _curve(last[last > 0]),
        "cut": [run.stages[-1].kept] * 2,
    }


def leading(prediction: Prediction) -> list[int]:
    """The likeliest tokens by the model's own scores, best first."""
    few = np.argpartition(prediction.scores, -SHOWN)[-SHOWN:]
    return few[np.argsort(-prediction.scores[few])].tolist()


def token_names(prediction: Prediction, token_ids: list[int]) -> list[str]:
    """Their texts, safe and each different from the others."""
    texts = [escape(spell(prediction.text_of(token_id))) for token_id in token_ids]
    twice = {text for text in texts if texts.count(text) > 1}
    named = zip(texts, token_ids, strict=True)
    return [f"{text} #{token_id}" if text in twice else text for text, token_id in named]


def _with_rest(shares: np.ndarray, top: list[int]) -> list[float]:
    shown = shares[top].tolist()
    return [*shown, max(0.0, float(shares.sum()) - sum(shown))]


def _curve(probabilities: np.ndarray) -> tuple[list[int], list[float]]:
    """How much the likeliest 1, 2, 3 … tokens have together, at places even on a log axis."""
    sums = np.cumsum(np.sort(probabilities)[::-1], dtype=np.float64)
    ranks = np.unique(np.geomspace(1, len(sums), CURVE_POINTS).round().astype(int))
    return ranks.tolist(), np.minimum(sums[ranks - 1], 1).tolist()


def chain_title(run: ChainRun) -> str:
    """How many tokens are left, and how undecided it is, in one line."""
    first, last = run.stages[0], run.stages[-1]
    return (
        f"{last.kept:,} of {first.kept:,} tokens left · "
        f"entropy {first.entropy_bits:.2f} → {last.entropy_bits:.2f} bits (computed)"
    )


def stages_table(run: ChainRun, rows: int = 10) -> html.Picture:
    """Every stage as a column: what became of the likeliest tokens, and of all together."""
    top = leading(run.prediction)[:rows]
    names = token_names(run.prediction, top)
    heads = "".join(f'<th scope="col" style="{_HEAD}">{_head(stage)}</th>' for stage in run.stages)
    told = (
        ("tokens left", [f"{stage.kept:,}" for stage in run.stages]),
        ("cut off here", [f"{stage.cut:.1%}" if i else "" for i, stage in enumerate(run.stages)]),
        ("entropy, bits", [f"{stage.entropy_bits:.2f}" for stage in run.stages]),
    )
    body = [
        _row(name, [_cell(stage.probabilities[token_id]) for stage in run.stages])
        for name, token_id in zip(names, top, strict=True)
    ]
    body += [_row(name, [f'<td style="{_NUMBER}">{text}</td>' for text in texts], top=not number)
             for number, (name, texts) in enumerate(told)]  # fmt: skip
    caption = "From the model's scores to what is drawn from, stage by stage"
    return html.Picture(
        f'<table style="border-collapse:collapse;font-size:13px;color:{theme.INK}">'
        f'<caption style="text-align:left;font-weight:600;padding:4px 0">{caption}</caption>'
        f"<thead><tr><td></td>{heads}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )


_HEAD = "text-align:right;font-weight:600;padding:2px 8px;vertical-align:bottom"
_NUMBER = "text-align:right;padding:1px 8px"


def _head(stage: Stage) -> str:
    if stage.setting is None:
        return "the model's<br>scores"
    return f"{stage.name.replace('_', '_<wbr>')}<br>{stage.setting:g}"


def _row(name: str, cells: list[str], *, top: bool = False) -> str:
    line = f"border-top:1px solid {theme.INK}" if top else ""
    head = f'<th scope="row" style="text-align:left;font-weight:400;padding:1px 8px">{name}</th>'
    return f'<tr style="{line}">{head}{"".join(cells)}</tr>'


def _cell(share: float) -> str:
    """A probability over a bar as long; a dash for a token that is out."""
    if share == 0:
        return f'<td style="{_NUMBER};color:{theme.GREY}">✗</td>'
    bar = f"linear-gradient(to right,{theme.SKY}66 {100 * share:.1f}%,transparent 0)"
    return f'<td style="{_NUMBER};background:{bar};min-width:64px">{share:.1%}</td>'
