"""Panels: type a text and watch it being cut; move a slider and watch a tokenizer grow."""

from collections.abc import Callable, Sequence

import ipywidgets as widgets

from labkit.backends.prompts import check_text
from labkit.errors import LabError
from labkit.models.tokenizers.open import known_tokenizers
from labkit.topics.tokens.vocabulary.bpe import BYTES, BpeTraining, train_bpe
from labkit.ui import html, theme
from labkit.ui.static import static
from labkit.ui.typed_text import check_typed
from labkit.ui.visible_text import mark

from . import figures
from .comparison import Comparison, compare_tokenizers
from .strip import strip
from .tokenization import show_bytes

TEXT = "Hello! Try 12345, naïve, こんにちは or 👩‍🚀."
LIVE_TOKENS = 2000  # of all rows together, so that it follows every key
NEWEST = 6  # tokens of the vocabulary that are told beside the last
WIDE = {"width": "auto"}


def tokenize_live(
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


class TokenPanel:
    """A text box, a tick for each tokenizer, and the strip.

    Attributes:
        text, ticks: the controls; `ticks` by name.
        picture: the strip, or a sentence about what is wrong.
        comparison: what is shown; None while nothing is ticked.
    """

    def __init__(self, text: str, offered: Sequence[str], names: Sequence[str]):
        self.comparison: Comparison | None = None
        self.text = _box("Text", text, rows=4)
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
        ticks = widgets.HBox(list(self.ticks.values()), layout={"flex_flow": "row wrap"})
        return widgets.VBox([self.text, ticks, self.picture], layout={"max_width": "960px"})

    @property
    def summary(self) -> str:
        """The counts of the text that is shown."""
        return repr(self.comparison) if self.comparison else "your text: no tokens are shown"

    def _draw(self, change: object = None) -> None:
        self.comparison = None
        self.picture.value = _or_sentence(self._picture)

    def _picture(self) -> str:
        names = [name for name, tick in self.ticks.items() if tick.value]
        if not names:
            return html.note("Tick a tokenizer.")
        check_typed(self.text.value, "text")
        self.comparison = compare_tokenizers({"your text": self.text.value}, names)
        return strip(self.comparison.rows[0], most=LIVE_TOKENS).html

    def _ipython_display_(self) -> None:
        _show(self.widget, self.picture)


def explore_bpe(training: BpeTraining, text: str = "", vocab_size: int | None = None) -> "BpePanel":
    """A slider over the merges: a text being joined up, the vocabulary growing, the compression.

    Args:
        training: from ``train_bpe``.
        text: what to watch; empty: the beginning of the corpus.
        vocab_size: of a training with another corpus, made in the panel; None: as now.
    Raises:
        ValueError: for a text or a corpus that is too long for a box.
    """
    check_typed(training.corpus, "corpus")
    check_text(text)
    check_typed(text, "text")
    return BpePanel(training, text or training.corpus[:120], vocab_size or training.vocab_size)


class BpePanel:
    """The corpus, the slider, the text as it is cut, the curve.

    Attributes:
        corpus, text, merges: the controls; a changed corpus is trained on at once.
        training: the tokenizer that is shown.
        picture: the last merge and the strip.
        figure: the live figure.
    """

    def __init__(self, training: BpeTraining, text: str, vocab_size: int):
        self.training, self._vocab_size = training, vocab_size
        self.corpus = _box("Corpus", training.corpus, rows=5, live=False)
        self.text = _box("Text", text, rows=2)
        self.merges = widgets.IntSlider(
            0, 0, len(training.merges), description="merges", style={"description_width": "60px"},
            layout=WIDE,
        )  # fmt: skip
        self.picture = widgets.HTML()
        self.figure = theme.widget(figures.bpe_figure(training, 0))
        self.corpus.observe(self._train, "value")
        for control in (self.text, self.merges):
            control.observe(self._draw, "value")
        self._draw()

    @property
    def widget(self) -> widgets.Widget:
        """The panel as one widget."""
        parts = [self.corpus, self.text, self.merges, self.picture, self.figure]
        return widgets.VBox(parts, layout={"max_width": "960px"})

    @property
    def summary(self) -> str:
        """The training that is shown."""
        return self.training.summary

    def _train(self, change: object = None) -> None:
        try:
            check_typed(self.corpus.value, "corpus")
            self.training = train_bpe(self.corpus.value, self._vocab_size)
        except ValueError as error:
            self.picture.value = html.note(str(error), "bad")
            return
        self.merges.max = len(self.training.merges)  # takes the value down with it
        counts, ratios = zip(*self.training.curve, strict=True)
        with self.figure.batch_update():
            self.figure.data[0].x, self.figure.data[0].y = counts, ratios
        self._draw()

    def _draw(self, change: object = None) -> None:
        self.picture.value = _or_sentence(self._picture)
        merges = self.merges.value
        with self.figure.batch_update():
            self.figure.data[1].x = [merges]
            self.figure.data[1].y = [figures.ratio_at(self.training, merges)]
            self.figure.layout.title.text = figures.bpe_title(self.training, merges)

    def _picture(self) -> str:
        merges = self.merges.value
        said = "No merge yet: every byte is a token."
        if merges:
            left, right, joined = map(_quoted, self.training.merge(merges))
            said = f"Merge {merges}: {left} and {right} become {joined}. "
            newest = ", ".join(self._newest(merges - 1))
            said += f"The tokens before it: {newest}." if newest else "It is the first."
        check_typed(self.text.value, "text")
        tokens = self.training.tokenize(self.text.value, merges)
        return html.note(said) + strip([tokens], most=LIVE_TOKENS).html

    def _newest(self, merges: int) -> list[str]:
        """The last tokens that the vocabulary had grown by then, the newest first."""
        reader = self.training.reader(merges)
        ids = range(reader.size - 1, max(BYTES, reader.size - NEWEST) - 1, -1)
        return [_quoted(show_bytes(reader.bytes_of(token_id))) for token_id in ids]

    def _ipython_display_(self) -> None:
        self.merges.value = self.merges.max if static() else self.merges.value
        _show(self.widget, self.picture, figures.bpe_figure(self.training))


def _quoted(text: str) -> str:
    """A token in a sentence, spelt as in the strip."""
    return f"“{''.join(map(mark, text))}”"


def _box(label: str, text: str, *, rows: int, live: bool = True) -> widgets.Textarea:
    return widgets.Textarea(
        text, description=label, rows=rows, layout=WIDE, continuous_update=live,
        style={"description_width": "60px"},
    )  # fmt: skip


def _or_sentence(picture: Callable[[], str]) -> str:
    """What it gives, or the sentence of what is wrong."""
    try:
        return picture()
    except (ValueError, LabError) as error:
        return html.note(str(error), "bad")


def _show(widget: widgets.Widget, picture: widgets.HTML, *figures) -> None:
    """The panel; where no kernel will answer, what it shows now."""
    from IPython.display import HTML, display

    if static():
        display(HTML(picture.value), *figures)
    else:
        display(widget)
