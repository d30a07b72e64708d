"""Panels: type a text and watch it being cut; move a slider and watch a tokenizer grow."""

from collections.abc import Sequence

import ipywidgets as widgets

from labkit.backends.prompts import check_text
from labkit.models.tokenizers.open import known_tokenizers
from labkit.ui import html
from labkit.ui.panel import Panel, check_typed, column, html_or_error, row

from .comparison import Comparison, compare_tokenizers
from .strip import strip

TEXT = "Hello! Try 12345, naïve, こんにちは or 👩‍🚀."
LIVE_TOKENS = 2000  # of all rows together, so that it follows every key


def tokenize_panel(
    text: str = TEXT, names: Sequence[str] = ("smollm2", "gpt2", "o200k")
) -> "TokenPanel":
    """A box to type in; the tokens follow.

    Args:
        text: what stands in the box at first.
        names: tokenizers that are ticked at first.
    Raises:
        ValueError: for a name that is not in the list, or a text that is none or too long.
    """
    check_text(text)
    check_typed(text, "text")
    offered = known_tokenizers()
    unknown = [name for name in names if name not in offered]
    if unknown:
        raise ValueError(f"names must be of {', '.join(offered)}; got {unknown[0]!r}")
    return TokenPanel(text, offered, names)


class TokenPanel(Panel):
    """A text box, a tick for each tokenizer, and the strip.

    Attributes:
        text, ticks: the controls; `ticks` by name.
        picture: the strip, or a sentence about what is wrong.
        comparison: what is shown; None while nothing is ticked.
    """

    def __init__(self, text: str, offered: Sequence[str], names: Sequence[str]):
        self.comparison: Comparison | None = None
        self.text = text_box("Text", text, rows=4)
        self.ticks = {
            name: widgets.Checkbox(
                name in names, description=name, indent=False, layout={"width": "120px"}
            )
            for name in offered
        }
        self.picture = widgets.HTML()
        for control in (self.text, *self.ticks.values()):
            control.observe(self._draw, "value")
        self._draw()

    @property
    def widget(self) -> widgets.Widget:
        """The panel as one widget."""
        return column(self.text, row(*self.ticks.values()), self.picture)

    @property
    def summary(self) -> str:
        """The counts of the text that is shown."""
        return repr(self.comparison) if self.comparison else "your text: no tokens are shown"

    def _draw(self, change: object = None) -> None:
        self.comparison = None
        self.picture.value = html_or_error(self._picture)

    def _picture(self) -> str:
        names = [name for name, tick in self.ticks.items() if tick.value]
        if not names:
            return html.note("Tick a tokenizer.")
        check_typed(self.text.value, "text")
        self.comparison = compare_tokenizers({"your text": self.text.value}, names)
        return strip(self.comparison.rows[0], most=LIVE_TOKENS).html

    def static_form(self) -> list:
        """The strip of the text."""
        return [self.picture.value]


def text_box(label: str, text: str, *, rows: int, live: bool = True) -> widgets.Textarea:
    """A box to type in; live: every key is sent."""
    return widgets.Textarea(
        text, description=label, rows=rows, layout={"width": "auto"}, continuous_update=live,
        style={"description_width": "60px"},
    )  # fmt: skip
