"""What would leave, and what providers say becomes of it, as tables to read."""

from html import escape

from labkit.formatting import number_of
from labkit.topics.privacy.scanner.figures import marked, text_box
from labkit.ui import html, theme
from labkit.ui.table import grid

from .payload import Carried, Payload
from .terms import UNKNOWN, TermsTable

SHOWN_TEXTS = 8  # and every one with a finding


def payload_picture(payload: Payload) -> html.HtmlFigure:
    """Where it would go, every header, every text with what was found in it, and every byte."""
    if payload.refusal:
        return html.HtmlFigure(html.note(f"0 bytes would leave.\n{payload.refusal}", "good"))
    if payload.address is None:
        return html.HtmlFigure(html.note(f"✓ {payload.summary}", "good"))
    tone = "plain" if payload.stays else "warning"
    shown = [
        each for number, each in enumerate(payload.texts) if number < SHOWN_TEXTS or each.findings
    ]
    texts = "".join(map(_carried, shown))
    if more := len(payload.texts) - len(shown):
        rest = number_of(more, "shorter text")
        texts += html.note(f"and {rest}, with nothing found; see the body")
    headers = [f"{name}: {value}" for name, value in payload.headers]
    body = _folded("The body, every byte; the lab masks keys that it uses", text_box(payload.body))
    head = text_box("\n".join([f"{payload.method} {payload.address}", *headers]))
    return html.HtmlFigure(
        f'<div style="color:{theme.TEXT};font-size:13px">{html.note(payload.summary, tone)}'
        f"{_section('The texts in it, as the other side reads them', texts)}"
        f"{_section('What becomes of it there', _becomes(payload))}"
        f"{_folded('Headers', head)}{body}</div>"
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
    terms = payload.terms
    dated = f", terms of {terms.page_date}" if terms.page_date else ""
    rows = (
        ("provider", terms.provider),
        ("kept", terms.kept or UNKNOWN),
        ("used for training", terms.training or UNKNOWN),
        ("read by people", terms.seen_by or UNKNOWN),
        ("source", f"{' , '.join(terms.sources)} (read {terms.read}{dated})"),
    )
    return grid([], (map(escape, each) for each in rows))


def _section(head: str, inner: str) -> str:
    return f'<div style="font-weight:600;margin-top:10px">{escape(head)}</div>{inner}'


def _folded(head: str, inner: str) -> str:
    return (
        f'<details style="margin-top:10px"><summary style="font-weight:600;cursor:pointer">'
        f"{escape(head)}</summary>{inner}</details>"
    )


def terms_table(table: TermsTable) -> html.HtmlFigure:
    """A row for each provider: how long, for what, and who reads it."""
    rows = []
    for each in table.terms:
        texts = (each.kept, each.training, each.seen_by)
        # Addresses as text: nothing on the page goes to them.
        sources = "<br>".join(escape(url.removeprefix("https://")) for url in each.sources)
        rows.append([f"<b>{escape(each.provider)}</b>", *map(_text, texts), sources])
    heads = ["", "kept", "used for training", "read by people", "where it says so"]
    note = (
        f'<div style="font-size:12px;color:{theme.QUIET};max-width:75em">{escape(table.note)}</div>'
    )
    return html.HtmlFigure(grid(heads, rows) + note)


def _text(text: str | None) -> str:
    return escape(text) if text else f'<i style="color:{theme.QUIET}">{UNKNOWN}</i>'


FIGURES = {Payload: payload_picture, TermsTable: terms_table}
