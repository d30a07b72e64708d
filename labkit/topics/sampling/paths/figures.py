"""Figures of beam search, of a walk's branches and of the tree, and the table of all figures."""

from collections.abc import Sequence
from html import escape
from math import exp

import plotly.graph_objects as go

from labkit.backends.reply import Reply
from labkit.formatting import number_of
from labkit.ui import html, theme, token_chips
from labkit.ui.html import figure_text
from labkit.ui.table import grid
from labkit.ui.visible_text import spell

from .beam_search import BeamSearch, measure_repetitiveness
from .trace import Trace
from .trace_figures import trace_figure
from .tree import TokenTree
from .walk import Branch, Branches

# Field of `Repetitiveness`: its title and its format.
_MEASURES = {
    "bits_per_token": ("surprise, bits per token", "{:.2f}"),
    "repeated_share": ("repeated 4-grams within a text", "{:.0%}"),
    "distinct_2": ("different token pairs, over all texts (distinct-2)", "{:.0%}"),
    "self_similarity": ("similarity of the texts to each other, 0 to 1", "{:.2f}"),
}


def beams_table(result: BeamSearch) -> html.HtmlFigure:
    """The measures of both in two columns, and the texts under them."""
    both = result.beam_repetitiveness, result.sample_repetitiveness
    rows = [
        [title, *(_number(texts and getattr(texts, field), form) for texts in both)]
        for field, (title, form) in _MEASURES.items()
    ]
    rows.append(["texts", _cards(result.beams), _cards(result.samples)])
    heads = ["", number_of(len(result.beams), "beam"), number_of(len(result.samples), "sample")]
    how = "stopped, measured" if result.stopped else "measured"
    title = f"Beam search beside sampling · {how}, {escape(result.beams[0].model)}"
    return html.HtmlFigure(grid(heads, rows, title))


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else form.format(value)


def _cards(replies: Sequence[Reply]) -> str:
    return "".join(html.card(html.paragraph(reply.text) + _bits(reply)) for reply in replies)


def _bits(reply: Reply) -> str:
    bits = _number(measure_repetitiveness([reply]).bits_per_token, "{:.2f}")
    return f'<div style="font-size:12px;color:{theme.QUIET}">{bits} bits per token</div>'


def branches_table(result: Branches, *, current: str | None = None) -> html.HtmlFigure:
    """One row per branch, with a bar where it differs from the first; `current` is marked."""
    heads = ("branch", "tokens", "probability of the whole", "bits per token", "text")
    rows = [
        _branch_cells(each, result.branches[0], each.name == current) for each in result.branches
    ]
    return html.HtmlFigure(grid(heads, rows))


def _branch_cells(branch: Branch, first: Branch, here: bool) -> list[str]:
    bits = branch.bits_per_token
    return [
        f"{'▸ ' if here else ''}{escape(branch.name)}",
        str(len(branch.tokens)),
        chance(branch.probability) if branch.tokens else "–",
        "–" if bits is None else f"{bits:.2f}",
        _branch_text(branch, first),
    ]


def _branch_text(branch: Branch, first: Branch) -> str:
    texts = [token.text for token in branch.tokens]
    shared = branch.shared_tokens(first)
    if shared == min(len(branch.tokens), len(first.tokens)):  # one continues the other
        return token_chips.chips(texts)
    label = f"differs from {first.name} after {shared} token{'s' if shared != 1 else ''}"
    return token_chips.chips(texts, bar_at=shared, bar_label=label)


def chance(probability: float) -> str:
    """A probability for readers: in percent, or as 1 in n.

    >>> chance(0.123), chance(0.0002), chance(3e-12)
    ('12.3%', '1 in 5,000', '1 in 3 × 10^11')
    """
    if probability >= 0.001:
        return f"{probability:.1%}"
    if probability < 1e-300:
        return "less than 1 in 10^300"
    digits, _, power = f"{1 / probability:.0e}".partition("e")
    if int(power) < 9:
        return f"1 in {float(f'{1 / probability:.2g}'):,.0f}"
    return f"1 in {digits} × 10^{int(power)}"


_COLOURS = ("#BBDDF2", "#FBE3B0", "#BFE5D8", "#EBD3E1")  # pale, for the text on them
SMALLEST = 0.004  # share of the height: a box below two pixels is counted among the others
READABLE = 0.04  # share of the height: a smaller box shows its text only as a tooltip


def tree_figure(tree: TokenTree):
    """A box for each token; its height is the probability of the text that ends with it."""
    rows = [("prompt", "", _prompt(tree), 1.0, 1.0, theme.PAPER, "")]
    visible = [n for n, node in enumerate(tree.nodes) if exp(node.path_logprob) >= SMALLEST]
    rows += [_box(tree, number) for number in visible]
    rows += _others(tree, visible)
    ids, parents, labels, values, shares, colours, patterns = zip(*rows, strict=True)
    texts = [
        f"{label}  {share:.1%}" if value >= READABLE else ""
        for label, value, share in zip(labels, values, shares, strict=True)
    ]
    boxes = go.Icicle(
        ids=ids,
        parents=parents,
        labels=labels,
        values=values,
        customdata=shares,
        branchvalues="total",
        sort=False,  # best first, the others below
        tiling={"orientation": "h"},
        marker={
            "colors": colours,
            "line": {"color": theme.GREY, "width": 1},
            "pattern": {**theme.pattern(""), "shape": patterns, "fgopacity": 0.25},
        },
        text=texts,
        textinfo="text",
        hovertemplate="%{label}<br>%{customdata:.2%} after the text before it<br>"
        "%{value:.2%} together with all before it<extra></extra>",
        textfont={"size": 13, "color": theme.INK},
        textposition="middle left",
        leaf={"opacity": 1},
        pathbar={"visible": False},
    )
    count = len(tree.leaves)
    cover = "covers" if count == 1 else "cover"
    title = (
        f"The tree's {number_of(count, 'text')} {cover} {tree.covered:.1%} of the probability"
        f" · {tree.how}, {figure_text(tree.model)}"
    )
    return theme.figure(boxes, title=title, height=560)


def _prompt(tree: TokenTree) -> str:
    prompt = tree.prompt if isinstance(tree.prompt, str) else str(tree.prompt[-1]["content"])
    return figure_text(prompt if len(prompt) <= 24 else f"…{prompt[-24:]}")


def _box(tree: TokenTree, number: int) -> tuple:
    node = tree.nodes[number]
    parent = "prompt" if node.parent is None else str(node.parent)
    colour = _COLOURS[number % tree.width % len(_COLOURS)]
    label = figure_text(spell(node.text))
    return str(number), parent, label, exp(node.path_logprob), exp(node.logprob), colour, ""


def _others(tree: TokenTree, visible: list[int]) -> list[tuple]:
    """A box for the rest of the vocabulary after each visible text that has children."""
    totals = {node.parent: 0.0 for node in tree.nodes if node.parent in (None, *visible)}
    for number in visible:
        totals[tree.nodes[number].parent] += exp(tree.nodes[number].path_logprob)
    rows = []
    for parent, total in totals.items():
        whole = 1.0 if parent is None else exp(tree.nodes[parent].path_logprob)
        parent_id = "prompt" if parent is None else str(parent)
        rest = whole - total
        if rest > 0:  # rounding can make it slightly negative
            own_id, share = f"others {parent_id}", rest / whole
            rows.append((own_id, parent_id, "all others", rest, share, theme.PAPER, "/"))
    return rows


FIGURES = {
    BeamSearch: beams_table,
    Branches: branches_table,
    Trace: trace_figure,
    TokenTree: tree_figure,
}
