"""Beam search and sampling side by side: the texts, and how repetitive they are."""

from collections.abc import Sequence
from html import escape
from math import log

from labkit.backends.reply import Reply
from labkit.ui import html, theme
from labkit.ui.table import grid

from .beam_search import BeamSearch

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
        [title, *(_number(getattr(texts, field), form) for texts in both)]
        for field, (title, form) in _MEASURES.items()
    ]
    rows.append(["texts", _texts(result.beams), _texts(result.samples)])
    heads = ["", f"{len(result.beams)} beams", f"{len(result.samples)} samples"]
    title = f"Beam search beside sampling · measured, {escape(result.beams[0].model)}"
    return html.HtmlFigure(grid(heads, rows, title))


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else form.format(value)


def _texts(replies: Sequence[Reply]) -> str:
    return "".join(html.card(html.paragraph(reply.text) + _bits(reply)) for reply in replies)


def _bits(reply: Reply) -> str:
    bits = sum(-step.logprob for step in reply.steps) / log(2) / len(reply.steps)
    return f'<div style="font-size:12px;color:{theme.GREY}">{bits:.2f} bits per token</div>'
