"""Dollar signs of prices and of models are no formulas, in figures and in a notebook's HTML."""

from labkit.lab_book.entry import BookEntry
from labkit.lab_book.guess_panel import beside
from labkit.ui import html, table, theme


def test_two_prices_in_a_title_stay_prices():
    figure = theme.figure(title="from $40 to $80")
    assert figure.layout.title.text == "from &#36;40 to &#36;80"
    entry = BookEntry("cloud_week_usd", "a week", 60.0, "USD", guess=50.0)
    beside(figure, (entry,))
    assert figure.layout.title.subtitle.text.count("&#36;") == 2


def test_dollar_signs_in_what_others_wrote_are_no_formula():
    assert html.figure_text("$a$") == "&#36;a&#36;"
    assert theme.figure(title=html.figure_text("$a$")).layout.title.text == "&#36;a&#36;"
    entry = BookEntry("x", "<b> $", 6.0, "s", guess=5.0)
    subtitle = beside(theme.figure(title="t"), (entry,)).layout.title.subtitle.text
    assert subtitle.startswith("&lt;b&gt; &#36;: you guessed 5 s")


def test_html_is_kept_from_mathjax():
    """``mathjax_ignore`` is the class that JupyterLab's MathJax leaves alone."""
    parts = (html.paragraph("$a$"), html.note("$1 to $2"), table.grid((), [["$1", "$2"]]))
    assert all('class="mathjax_ignore"' in part for part in parts)
