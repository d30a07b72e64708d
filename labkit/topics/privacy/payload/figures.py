"""What would leave, and what providers say becomes of it, as tables to read."""

from html import escape

from labkit.topics.privacy.scanner.finding_figures import marked, text_box
from labkit.ui import html, theme
from labkit.ui.table import grid

from .payload import Carried, Payload
from .terms import Terms, TermsTable, or_unknown

SHOWN_TEXTS = 8


def payload_picture(payload: Payload) -> html.HtmlFigure:
    """Where it would go, every header, every text with what was found in it, and every byte."""
    if payload.refusal:
        return html.HtmlFigure(html.note(f"0 bytes would leave.\n{payload.refusal}", "good"))
    if payload.address is None:
        return html.HtmlFigure(html.note(f"✓ {payload.summary}", "good"))
    tone = "plain" if payload.stays else "warning"
    texts = "".join(map(_carried, payload.texts[:SHOWN_TEXTS]))
    return html.HtmlFigure(
        f'<div style="color:{theme.INK};font-size:13px">{html.note(payload.summary, tone)}'
        f"{_section('The texts in it, as the other side reads them', texts)}"
        f"{_section('What becomes of it there', _becomes(payload))}"
        f"{_folded('Headers', _headers(payload))}"
        f"{_folded('The body, every byte', text_box(payload.body))}</div>"
    )


def _carried(carried: Carried) -> str:
    count = len(carried.findings)
    summary = f"{count} found" if count else "nothing found"
    head = f"<code>{escape(carried.path)}</code> · {summary}"
    return f'<div style="margin:6px 0 2px">{head}</div>{marked(carried.text, carried.findings)}'


def _becomes(payload: Payload) -> str:
    if payload.terms is None:
        where = "a server of this machine" if payload.stays else "this address"
        return html.note(f"Unknown: the lab knows no terms of {where}.")
    rows = _told(payload.terms)
    return grid([], ((escape(name), escape(text)) for name, text in rows))


def _told(terms: Terms) -> list[tuple[str, str]]:
    dated = f", terms of {terms.page_date}" if terms.page_date else ""
    return [
        ("provider", terms.provider),
        ("kept", or_unknown(terms.kept)),
        ("used for training", or_unknown(terms.training)),
        ("read by people", or_unknown(terms.seen_by)),
        ("source", f"{' , '.join(terms.sources)} (read {terms.read}{dated})"),
    ]


def _headers(payload: Payload) -> str:
    lines = [f"{payload.method} {payload.address}"]
    return text_box("\n".join([*lines, *(f"{name}: {value}" for name, value in payload.headers)]))


def _section(head: str, inner: str) -> str:
    return f'<div style="font-weight:600;margin-top:10px">{escape(head)}</div>{inner}'


def _folded(head: str, inner: str) -> str:
    return (
        f'<details style="margin-top:10px"><summary style="font-weight:600;cursor:pointer">'
        f"{escape(head)}</summary>{inner}</details>"
    )


def terms_table(table: TermsTable) -> html.HtmlFigure:
    """A row for each provider: how long, for what, and who reads it."""
    rows = (
        [
            f"<b>{escape(each.provider)}</b>",
            *map(_text, (each.kept, each.training, each.seen_by)),
            _sources(each),
        ]
        for each in table.terms
    )
    heads = ["", "kept", "used for training", "read by people", "where it says so"]
    note = (
        f'<div style="font-size:12px;color:{theme.GREY};max-width:75em">{escape(table.note)}</div>'
    )
    return html.HtmlFigure(grid(heads, rows) + note)


def _text(text: str | None) -> str:
    return escape(text) if text else f'<i style="color:{theme.GREY}">unknown</i>'


def _sources(terms: Terms) -> str:
    """Addresses as text: nothing on the page goes to them."""
    return "<br>".join(escape(each.removeprefix("https://")) for each in terms.sources)


FIGURES = {Payload: payload_picture, TermsTable: terms_table}
