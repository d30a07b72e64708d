"""The figure of an injection test: every message, and what was answered."""

from labkit.ui import html
from labkit.ui.html import figure_text
from labkit.ui.table import grid

from .injection import MOST_TOKENS, InjectionTest


def injection_table(test: InjectionTest) -> html.HtmlFigure:
    """Each message with its answer, and whether the secret stands in it."""
    rows = [
        (
            kind,
            figure_text(each.message),
            html.paragraph(f"{each.answer}{' …' if each.is_cut else ''}"),
            "leaked" if each.leaked else "",
        )
        for kind, attempts in (("attack", test.attacks), ("harmless", test.harmless))
        for each in attempts
    ]
    heads = ("", "message", "answer", "the password")
    system = html.note(f"System prompt: {test.system}")
    caption = f"{test.summary}; answers with … were cut at {MOST_TOKENS} tokens"
    return html.HtmlFigure(system + grid(heads, rows, figure_text(caption)))


FIGURES = {InjectionTest: injection_table}
