"""The tokenizer panel: type a text and watch its tokens."""

from collections.abc import Iterable, Sequence

import ipywidgets as widgets

from labkit.backends.prompts import check_text
from labkit.models.tokenizers.open import known_tokenizers
from labkit.ui import html
from labkit.ui.panel import Panel, check_typed, column, html_or_error, on_change, row, text_box

from .token_strip import token_strip
from .tokenizer_comparison import TokenizerComparison, compare_tokenizers

TEXT = "Hello! Try 12345, naïve, こんにちは or 👩‍🚀."
LIVE_TOKENS = 2000  # in all rows together, few enough to follow every key


def tokenize_panel(
    text: str = TEXT, names: str | Sequence[str] = ("smollm2", "gpt2", "o200k")
) -> "TokenPanel":
    """A box to type in, with the tokens of several tokenizers below.

    Args:
        text: initial text of the box.
        names: tokenizers that are ticked at first.
    Raises:
        ValueError: a name is not in the list, or the text is not a text or too long.
    """
    check_text(text)
    check_typed(text, "text")
    offered = known_tokenizers()
    several = isinstance(names, Iterable) and not isinstance(names, str)
    names = tuple(names) if several else (names,)
    if unknown := [name for name in names if name not in offered]:
        raise ValueError(f"names must be of {', '.join(offered)}; got {unknown[0]!r}")
    return TokenPanel(text, offered, names)


class TokenPanel(Panel):
    """A text box, a tick for each tokenizer, and the strip of tokens.

    Attributes:
        text, ticks: controls; `ticks` by name.
        strip: tokens of the text, or a sentence about what is wrong.
        comparison: comparison in the strip; None while nothing is ticked.
    """

    def __init__(self, text: str, offered: Sequence[str], names: Sequence[str]):
        self.comparison: TokenizerComparison | None = None
        self.text = text_box("Text", text, rows=4, label_width="60px")
        self.ticks = {
            name: widgets.Checkbox(
                name in names, description=name, indent=False, layout={"width": "120px"}
            )
            for name in offered
        }
        self.strip = widgets.HTML()
        self.widget = column(self.text, row(*self.ticks.values()), self.strip)
        on_change(self._draw, self.text, *self.ticks.values())
        self._draw()

    @property
    def summary(self) -> str:
        """The token counts of the text in the box."""
        return repr(self.comparison) if self.comparison else "your text: no tokens are shown"

    def _draw(self) -> None:
        self.comparison = None
        self.strip.value = html_or_error(self._strip_html)

    def _strip_html(self) -> str:
        names = [name for name, tick in self.ticks.items() if tick.value]
        if not names:
            return html.note("Tick a tokenizer.")
        check_typed(self.text.value, "text")
        self.comparison = compare_tokenizers({"your text": self.text.value}, names)
        return token_strip(self.comparison.rows[0], most=LIVE_TOKENS).html

    def static_form(self) -> list:
        """The strip of the text."""
        return [self.strip.value]
