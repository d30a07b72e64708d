"""The BPE panel: a slider over the merges, to watch a tokenizer grow."""

from typing import Any

import ipywidgets as widgets

from labkit.backends.prompts import check_text
from labkit.checks import check_whole
from labkit.topics.tokens.panel import LIVE_TOKENS
from labkit.topics.tokens.token_strip import token_strip, visible
from labkit.topics.tokens.tokenization import show_bytes
from labkit.ui import html, theme
from labkit.ui.pages.page_module import page_form
from labkit.ui.panel import (
    Panel,
    check_typed,
    column,
    html_or_error,
    labelled,
    on_change,
    row,
    text_box,
)
from labkit.ui.token_chips import MONOSPACED
from labkit.ui.visible_text import mark

from . import figures
from .bpe_training import BYTES, MOST_TOKENS, BpeTraining, train_bpe
from .merge_game_panel import MergeGame


def explore_bpe(training: BpeTraining, text: str = "", vocab_size: int | None = None) -> "BpePanel":
    """A slider over the merges, with the tokens of a text, the vocabulary and the compression.

    Args:
        training: from ``train_bpe``.
        text: text to tokenize; empty: the beginning of the corpus.
        vocab_size: vocabulary size when the corpus is changed in the panel; None: as now.
    Raises:
        ValueError: the text or the corpus is too long for a box, or the size is out of range.
    """
    check_whole("vocab_size", vocab_size, BYTES, MOST_TOKENS, or_none=True)
    check_typed(training.corpus, "corpus")
    check_text(text)
    check_typed(text, "text")
    return BpePanel(training, text or training.corpus[:120], vocab_size or training.vocab_size)


FRAME_MS = 700
NEWEST = 6  # tokens of the vocabulary listed beside the last


class BpePanel(Panel):
    """The corpus, the slider, the tokens of the text, and the curve.

    Attributes:
        corpus, text, merges: controls; a changed corpus is trained on at once.
        film: plays the merges one by one.
        game: guesses of the next merge.
        training: training that is shown.
        strip: last merge, and the tokens of the text.
        figure: compression curve, updated in place.
    """

    def __init__(self, training: BpeTraining, text: str, vocab_size: int):
        self.training, self._vocab_size = training, vocab_size
        self._problem = ""  # of the corpus in its box, while the last good one is in use
        label = "60px"
        self.corpus = text_box(
            "Corpus", training.corpus, rows=5, label_width=label, continuous_update=False
        )
        self.text = text_box("Text", text, rows=2, label_width=label)
        look = labelled("merges", "auto", label)
        self.merges = widgets.IntSlider(0, 0, len(training.merges), **look)
        # A film of all merges, which the slider follows in the page.
        self.film = widgets.Play(
            0, 0, len(training.merges), interval=FRAME_MS, show_repeat=False, tooltip="Play"
        )
        widgets.jslink((self.film, "value"), (self.merges, "value"))
        self.game = MergeGame(self._advance)
        self.strip = widgets.HTML()
        self.figure = theme.widget(figures.bpe_figure(training, 0))
        self.merges.layout.flex = "1 1 300px"
        stages = row(self.film, self.merges)
        parts = (self.corpus, self.text, stages, self.strip, self.game.widget, self.figure)
        self.widget = column(*parts)
        on_change(self._train, self.corpus)
        on_change(self._draw, self.text, self.merges)
        self._draw()

    @property
    def summary(self) -> str:
        """The summary of the training."""
        return self.training.summary

    def _train(self) -> None:
        try:
            check_typed(self.corpus.value, "corpus")
            self.training = train_bpe(self.corpus.value, self._vocab_size)
        except ValueError as error:
            self.strip.value = self._problem = html.note(str(error), "bad")
            return
        self._problem = ""
        self.game.restart()
        # Each takes its value down with it.
        self.merges.max = self.film.max = len(self.training.merges)
        counts, ratios = zip(*self.training.curve, strict=True)
        with self.figure.batch_update():
            self.figure.data[0].x, self.figure.data[0].y = counts, ratios
            layout, (x, y) = self.figure.layout, figures.bpe_ranges(self.training)
            layout.xaxis.range, layout.yaxis.range = x, y
        self._draw()

    def _advance(self) -> None:
        self.merges.value += 1

    def _draw(self) -> None:
        self.strip.value = self._problem or html_or_error(self._strip_html)
        merges = self.merges.value
        self.game.show(self.training, merges)
        with self.figure.batch_update():
            self.figure.data[1].x = [merges]
            self.figure.data[1].y = [figures.ratio_at(self.training, merges)]
            self.figure.layout.title.text = figures.bpe_title(self.training, merges)

    def _strip_html(self) -> str:
        check_typed(self.text.value, "text")
        tokens = self.training.tokenize(self.text.value, self.merges.value)
        news = html.note(self._news(self.merges.value))
        return news + token_strip([tokens], most=LIVE_TOKENS).html

    def _news(self, merges: int) -> str:
        """The last merge, and the tokens added to the vocabulary before it, newest first."""
        if not merges:
            return "No merge yet: every byte is a token."
        left, right, joined = map(_quoted, self.training.merge(merges))
        reader = self.training.reader(merges - 1)
        ids = range(reader.size - 1, max(BYTES, reader.size - NEWEST) - 1, -1)
        newest = ", ".join(_quoted(show_bytes(reader.bytes_of(token_id))) for token_id in ids)
        before = f"The tokens before it: {newest}." if newest else "It is the first."
        return f"Merge {merges}: {left} and {right} become {joined}. {before}"

    def static_form(self) -> list:
        """The slider for a page without a kernel; where no script runs, the text after all."""
        self.merges.value = self.merges.max
        return [page_form("merges", self._page_data(), STRIP_CSS, self.strip.value)]

    def _page_data(self) -> dict[str, Any]:
        """What the page shows at each number of merges; most of them leave the text as it is."""
        strips: list[list[str]] = []
        frames = []
        for merges in range(len(self.training.merges) + 1):
            data = self.training.tokenize(self.text.value, merges).data
            texts = [visible(token) for token in data[:LIVE_TOKENS]]
            if not strips or strips[-1] != texts:
                strips.append(texts)
            frame = {
                "news": self._news(merges),
                "strip": len(strips) - 1,
                "ratio": figures.ratio_at(self.training, merges),
                "title": figures.bpe_title(self.training, merges),
            }
            frames.append(frame)
        figure = figures.bpe_figure(self.training).to_plotly_json()
        return {"frames": frames, "strips": strips, "figure": figure}


STRIP_CSS = f"""
.lk-merges span{{font:14px/1.9 {MONOSPACED};border:1px solid {theme.GREY};border-radius:4px;
padding:1px 2px;margin-right:2px;white-space:pre-wrap;background:{theme.SKY + theme.TINT}}}
.lk-merges span:nth-child(2n){{background:{theme.ORANGE + theme.TINT}}}"""


def _quoted(text: str) -> str:
    """A token in quotation marks, spelt as in the strip."""
    return f"“{''.join(map(mark, text))}”"


PANELS = {BpeTraining: explore_bpe}
