"""The bench's widget: what the page gets, and the scores that it asks for."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from labkit.backends.local.decoding.text_position import TextPosition
from labkit.backends.settings import STAGES, Settings
from labkit.errors import LabError
from labkit.ui.pages.page_module import module_text, page_form
from labkit.ui.visible_text import spell

from .prediction import Prediction

CHAIN = Path(__file__).with_name("chain.js")
CSS = Path(__file__).with_name("bench.css").read_text(encoding="utf-8")
LISTED = 60_000  # texts that the page gets: of a larger vocabulary the likeliest, others by number
SENT = 100  # likeliest tokens whose texts come with new scores
PAGE_CHOICES, PAGE_STEPS = 3, 4  # on a page: first tokens, and steps from the first of them
PROMPT_TOKENS = 400  # of a longer prompt the end is shown


class Bench(anywidget.AnyWidget):
    """The bench in the page; it computes all but the scores of a longer text.

    Args:
        prediction: the scores to begin with.
        settings: initial values of the controls.
        cursor: reads a longer text, where there is a model; it stands at the prompt's end.
        ends: token ids that end a text.

    Attributes:
        settings: stage to value, and ``"order"``; follows the page once the learner pauses.
        branches: name and token ids of each text of the learner; follows too.
    """

    _esm, _css = module_text("bench"), CSS
    settings = traitlets.Dict().tag(sync=True)
    branches = traitlets.List().tag(sync=True)
    scores, vocabulary = traitlets.Bytes().tag(sync=True), traitlets.Bytes().tag(sync=True)
    ids, prompt = traitlets.List().tag(sync=True), traitlets.List().tag(sync=True)
    ends = traitlets.List().tag(sync=True)
    is_live, asks = traitlets.Bool().tag(sync=True), traitlets.Bool().tag(sync=True)

    def __init__(
        self,
        prediction: Prediction,
        settings: Settings,
        cursor: TextPosition | None = None,
        ends: tuple[int, ...] = (),
    ):
        self._prediction, self._cursor = prediction, cursor
        shown = prediction.ids[-PROMPT_TOKENS:]
        values: dict[str, Any] = {stage: getattr(settings, stage) or 0 for stage in STAGES}
        super().__init__(
            settings={**values, "order": list(settings.order)},
            scores=prediction.scores.astype("<f4").tobytes(),
            vocabulary=_packed(_texts(prediction)),
            ids=list(prediction.ids),
            prompt=[spell(prediction.text_of(token_id)) for token_id in shown],
            ends=list(ends),
            is_live=cursor is not None,
            asks=cursor is not None,
        )
        self.on_msg(self._answer)

    def _answer(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Sends the scores after the tokens that the page names, or what is wrong with them."""
        path = content.get("read") if isinstance(content, dict) else None
        if not isinstance(path, list) or not all(type(token_id) is int for token_id in path):
            return
        try:
            scores = self.read(path)
        except (ValueError, LabError) as error:
            self.send({"read": path, "problem": str(error)})
        except KeyboardInterrupt:
            self.send({"read": path, "problem": "Stopped; the text is as it was."})
        else:
            texts = {int(each): spell(self._prediction.text_of(int(each))) for each in best(scores)}
            self.send({"read": path, "texts": texts}, [scores.astype("<f4").tobytes()])

    def read(self, path: list[int]) -> np.ndarray:
        """(vocab,) float32: the model's scores after the prompt and these tokens.

        Raises:
            LabError: there is no model, only a prediction.
            ValueError: the tokens are not in the vocabulary, or do not fit the context.
        """
        if self._cursor is None:
            raise LabError("This bench has no model.", "lab.bench_panel(model, prompt) has one.")
        self._cursor.go_to((*self._cursor.prompt_ids, *path))
        return self._cursor.scores

    def page_form(self, fallback: str) -> str:
        """The bench for a page without a kernel, with the scores of the likeliest beginnings."""
        names = ("settings", "scores", "vocabulary", "ids", "prompt", "ends", "is_live")
        held = dict(self._beginnings()) if self._cursor else {}
        data = {name: getattr(self, name) for name in names} | {"asks": False, "held": held}
        return page_form("bench", data, CSS, fallback)

    def _beginnings(self) -> Iterator[tuple[str, bytes]]:
        """The scores in half the bytes, after each of the likeliest tokens and on the best path."""
        first = np.argsort(-self._prediction.scores)[:PAGE_CHOICES].tolist()
        for token_id in first:
            yield str(token_id), self.read([token_id]).astype("<f2").tobytes()
        path = first[:1]
        while len(path) < PAGE_STEPS:
            path.append(int(self.read(path).argmax()))
            yield ",".join(map(str, path)), self.read(path).astype("<f2").tobytes()


def best(scores: np.ndarray, count: int = SENT) -> np.ndarray:
    """(count,): the likeliest tokens, in no order."""
    return np.argpartition(scores, -min(count, len(scores)))[-count:]


def _texts(prediction: Prediction) -> list[str]:
    """The text of each token, or nothing where the page shows its number."""
    texts = [""] * len(prediction.scores)
    for token_id in best(prediction.scores, LISTED).tolist():
        texts[token_id] = spell(prediction.text_of(token_id))
    return texts


def _packed(texts: list[str]) -> bytes:
    """Texts as the page reads them: separated by NUL, which `spell` leaves in none, in gzip."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress("\0".join(texts).encode("utf-8", "replace")) + packer.flush()
