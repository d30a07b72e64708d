"""Beam search and sampling side by side: the texts, and how repetitive they are."""

from collections.abc import Sequence
from html import escape
from math import log

from labkit.backends.reply import Reply
from labkit.ui import html, theme

from .beam_search import BeamSearch

_CELL = "padding:3px 18px 3px 0;text-align:left;vertical-align:top"
# Field of `Repetitiveness`: its title and its format.
_MEASURES = {
    "bits_per_token": ("surprise, bits per token", "{:.2f}"),
    "repeated_share": ("repeated 4-grams within a text", "{:.0%}"),
    "distinct_2": ("different token pairs, over all texts (distinct-2)", "{:.0%}"),
    "self_similarity": ("similarity of the texts to each other, 0 to 1", "{:.2f}"),
}


def beams_table(result: BeamSearch) -> html.HtmlFigure:
    """The measures of both in two columns, and the texts under them."""
    names = [f"{len(result.beams)} beams", f"{len(result.samples)} samples"]
    heads = "".join(f'<th scope="col" style="{_CELL};width:36%">{name}</th>' for name in names)
    rows = "".join(
        _row(
            name,
            form,
            getattr(result.beam_repetitiveness, key),
            getattr(result.sample_repetitiveness, key),
        )
        for key, (name, form) in _MEASURES.items()
    )
    columns = (_texts(result.beams), _texts(result.samples))
    texts = "".join(f'<td style="{_CELL}">{column}</td>' for column in columns)
    title = f"Beam search beside sampling · measured, {escape(result.beams[0].model)}"
    caption = f'<caption style="text-align:left;font-weight:600">{title}</caption>'
    style = f"border-collapse:collapse;color:{theme.INK};width:100%;font-size:14px"
    return html.HtmlFigure(
        f'<table style="{style}">{caption}<tr><td></td>{heads}</tr>{rows}'
        f'<tr><th scope="row" style="{_CELL}">texts</th>{texts}</tr></table>'
    )


def _row(name: str, form: str, *values: float | None) -> str:
    cells = (
        f'<td style="{_CELL}">{"unknown" if value is None else form.format(value)}</td>'
        for value in values
    )
    line = f"border-bottom:1px solid {theme.LINE}"
    head = f'<th scope="row" style="{_CELL};font-weight:400">{name}</th>'
    return f'<tr style="{line}">{head}{"".join(cells)}</tr>'


def _texts(replies: Sequence[Reply]) -> str:
    return "".join(html.card(html.paragraph(reply.text) + _bits(reply)) for reply in replies)


def _bits(reply: Reply) -> str:
    bits = sum(-step.logprob for step in reply.steps) / log(2) / len(reply.steps)
    return f'<div style="font-size:12px;color:{theme.GREY}">{bits:.2f} bits per token</div>'
