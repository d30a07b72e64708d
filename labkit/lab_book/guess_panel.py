"""`guess`: a small field in which a learner makes up their mind before they measure."""

import math
import re
from typing import Any

import ipywidgets as widgets

from labkit.errors import LabError
from labkit.ui import html
from labkit.ui.panel import Panel, labelled, row

from . import store
from .entry import BookEntry, with_unit

KEPT = "Kept. What you measure will stand beside it."
BELOW_ZERO = ("", "points")  # a difference can be negative, and what has no unit
REMOVED = "No guess: nothing will stand beside the number."


def guess(name: str = "", *, unit: str = "", model: str = "") -> "GuessPanel":
    """A field for a guess, which the figure of the result and the lab book show beside the number.

    Args:
        name: of the number that is guessed, such as ``"decode_tokens_per_s"``; "": the next one
            that has this unit.
        unit: what it is counted in, such as ``"tokens/s"``.
        model: the model that the number is about, where others have such a number too; "": any.
    Raises:
        ValueError: neither name nor unit is given.
    """
    if not all(isinstance(each, str) for each in (name, unit, model)) or not (name or unit):
        got = f"{name!r}, {unit!r} and {model!r}"
        raise ValueError(f"guess needs a name or a unit, as texts, and maybe a model; got {got}")
    return GuessPanel(name, unit, model)


class GuessPanel(Panel):
    """The field.

    Attributes:
        field: where the guess is typed; Enter keeps it, an empty field removes it.
        value: the guess; None: none yet.
    """

    def __init__(self, name: str, unit: str, model: str):
        self._about, self._unit = (name, unit, model), unit
        kept = [each for each in store.read_guesses() if each.about == self._about]
        self.value: float | None = kept[-1].value if kept else None
        shown = "" if self.value is None else f"{self.value:.10g}"
        look = labelled("Your guess", "200px")
        self.field = widgets.Text(shown, placeholder="a number", continuous_update=False, **look)
        self.field.observe(lambda change: self._keep(change["new"]), "value")
        self.status = widgets.HTML()
        self.widget = row(self.field, widgets.Label(unit), self.status)

    @property
    def summary(self) -> str:
        """The guess in a line."""
        return "no guess" if self.value is None else f"guessed: {with_unit(self.value, self._unit)}"

    def static_form(self) -> list:
        """The guess, which cannot be typed on a page."""
        return [html.note(f"Your guess: {'—' if self.value is None else self.summary}")]

    def _keep(self, typed: str) -> None:
        """Keeps what was typed; where that is not a number, no earlier guess stays either."""
        self.value, problem = None, ""
        try:
            number = read_number(typed) if typed.strip() else None
            if number and number < 0 and self._unit not in BELOW_ZERO:
                raise ValueError(f"your guess must be 0 or more {self._unit}; got {typed[:40]!r}")
            self.value = number
        except ValueError as error:
            problem = str(error)
        try:
            store.keep_guess(self._about, self.value)
        except LabError as error:
            problem = str(error)
        done, tone = (REMOVED, "plain") if self.value is None else (KEPT, "good")
        self.status.value = html.note(problem, "bad") if problem else html.note(done, tone)


def read_number(typed: str, name: str = "your guess") -> float:
    """A number as people type it: ``1,000``, ``0.5``, ``20 %``.

    Raises:
        ValueError: it is not one.

    >>> read_number(" 1,000 "), read_number("20 %"), read_number("0,5"), read_number("0,125")
    (1000.0, 20.0, 0.5, 0.125)
    """
    text = "".join(typed.split()).rstrip("%$€").lstrip("$€~")  # no-break spaces go too
    whole, comma, rest = text.rpartition(",")
    is_group = len(rest) == 3 and whole.strip("+-0")  # the thousands of no number begin with 0
    if comma and not is_group and "." not in rest and "," not in whole:
        text = f"{whole}.{rest}"  # a decimal comma
    elif not re.fullmatch(r"[^,.]*(,\d{3})*(\.[^,]*)?", text):
        text = ""  # of the groups, one is not of thousands
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e15:
        raise ValueError(f"{name} must be a number, such as 20; got {typed[:40]!r}")
    return number


def beside(figure: Any, entries: tuple[BookEntry, ...]) -> Any:
    """A figure, plotly's or of HTML, with what was guessed and what was measured."""
    sentence = "; ".join(
        f"{each.label}: you guessed {each.guess_text}, it is {each.text}"
        for each in entries
        if each.guess is not None
    )
    if sentence and isinstance(figure, html.HtmlFigure):
        return html.HtmlFigure(html.note(sentence) + figure.html)
    if sentence and hasattr(figure, "update_layout"):
        more = 22  # pixels, so that the legend stays below it
        figure.update_layout(
            title_subtitle={"text": html.figure_text(sentence), "font": {"size": 13}},
            margin_t=(figure.layout.margin.t or 64) + more,
            height=figure.layout.height and figure.layout.height + more,
        )
    return figure
