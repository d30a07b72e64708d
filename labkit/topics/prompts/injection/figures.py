"""The figure of an injection test: every message, and what was answered."""

from labkit.ui import html
from labkit.ui.html import figure_text
from labkit.ui.table import grid

from .injection import InjectionTest


def injection_table(test: InjectionTest) -> html.HtmlFigure:
    """Each message with its answer, and whether the secret stands in it."""
    rows = [
        (
            kind,
            figure_text(each.message),
            html.paragraph(each.answer),
            "leaked" if each.leaked else "",
        )
        for kind, attempts in (("attack", test.attacks), ("harmless", test.harmless))
        for each in attempts
    ]
    heads = ("", "message", "answer", "the password")
    system = html.note(f"System prompt: {test.system}")
    return html.HtmlFigure(system + grid(heads, rows, figure_text(test.summary)))


FIGURES = {InjectionTest: injection_table}
