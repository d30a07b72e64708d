"""The tree of continuations as an icicle: the taller a box, the likelier its text."""

from html import escape
from math import exp

from labkit.ui import theme
from labkit.ui.visible_text import spell

from .tree import TokenTree

_COLOURS = ("#BBDDF2", "#FBE3B0", "#BFE5D8", "#EBD3E1")  # pale, for the text on them
SMALLEST = 0.004  # share of the height: a box below two pixels is counted among the others
READABLE = 0.04  # share of the height: a smaller box shows its text only as a tooltip


def tree_figure(tree: TokenTree):
    """A box for each token; its height is the probability of the text that ends with it."""
    import plotly.graph_objects as go

    rows = [("prompt", "", _prompt(tree), 1.0, 1.0, theme.PAPER, "")]
    visible = [n for n, node in enumerate(tree.nodes) if exp(node.path_logprob) >= SMALLEST]
    rows += [_row(tree, number) for number in visible]
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
    title = (
        f"The tree's {len(tree.leaves)} texts cover {tree.covered:.1%} of the probability"
        f" · measured, {escape(tree.model)}"
    )
    return theme.figure(boxes, title=title, height=560)


def _prompt(tree: TokenTree) -> str:
    prompt = tree.prompt if isinstance(tree.prompt, str) else str(tree.prompt[-1]["content"])
    return escape(prompt if len(prompt) <= 24 else f"…{prompt[-24:]}")


def _row(tree: TokenTree, number: int) -> tuple:
    node = tree.nodes[number]
    parent = "prompt" if node.parent is None else str(node.parent)
    colour = _COLOURS[number % tree.width % len(_COLOURS)]
    label = escape(spell(node.text))
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
