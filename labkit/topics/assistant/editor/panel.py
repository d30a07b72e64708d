"""`editor_panel`: code with ghost text as one types, and the time that it took."""

from statistics import median
from typing import Any

import ipywidgets as widgets

from labkit.backends.llamacpp.model import LlamaCppModel
from labkit.formatting import digits
from labkit.lab_book.entry import BookEntry
from labkit.topics.assistant.completion.complete import Completion
from labkit.topics.assistant.completion.prompts import METHODS, chosen_method, nearest
from labkit.ui import html
from labkit.ui.panel import Panel, check_typed, column, slider

from .figures import code_html, meter_html
from .ghost_field import GhostField
from .suggester import Request, Suggester, Watch

BEFORE = '''def mean(numbers):
    """The arithmetic mean of a list of numbers."""
    return'''
AFTER = "\n\n\nprint(mean([1, 2, 3]))\n"
LEAST = -3.0  # mean log-probability: e to that is 5 %
FIRST_S = 60  # the longest wait for the first suggestion


def editor_panel(
    model: LlamaCppModel,
    before: str = BEFORE,
    after: str | None = None,
    *,
    method: str | None = None,
    watch: Watch | None = None,
) -> "EditorPanel":
    """A field for code in which a model suggests how the line goes on.

    Tab accepts, Esc refuses. A key that is pressed meanwhile ends the engine's work for the key
    before it. Nothing that is typed is saved.

    Args:
        model: from ``labkit.load_llamacpp``.
        before: the code before the cursor at first.
        after: the code after it; None: none, or the rest of the lab's own example.
        method: as for ``lab.assistant.completion_prompt``; None: fill in the middle, and prefix
            only for a model that cannot.
        watch: ``lab.watch_network`` counts the connections that are tried meanwhile; None:
            they are not counted.
    Raises:
        ValueError: the code is empty or too long for a panel, or there is no such method.
        LabError: the model does not run in llama.cpp, or was not made to fill in.
    """
    method = chosen_method(model, method)
    after = (AFTER if before == BEFORE else "") if after is None else after
    nearest(model, before, after)  # raises what is wrong with them
    check_typed(before + after, "the code")
    panel = EditorPanel(model, before, after, method, watch)
    panel.wait()  # or what the next cell measures would be disturbed
    return panel


class EditorPanel(Panel):
    """The field, the time of the newest suggestion beside the budget, and what was counted.

    Attributes:
        field: the field for code.
        threshold: the mean log-probability below which nothing is shown.
        suggestion: the newest one; None before the first.
        accepted, refused: how many were.
        milliseconds: from the last key to each suggestion that was shown.
    """

    def __init__(
        self, model: LlamaCppModel, before: str, after: str, method: str, watch: Watch | None
    ):
        self._model, self._method = model, method
        self.suggestion: Completion | None = None
        self.accepted = self.refused = 0
        self._number, self._withheld = 0, set[int]()
        self.milliseconds: list[float] = []
        self._shown_ms: float | None = None  # of the newest
        self._suggester = Suggester(model, method, self._suggested, watch)
        self.field = GhostField(before, after, self._ask, self._happened)
        self.threshold = slider(
            "stay silent below", LEAST, LEAST, 0.0, step=0.1, width="460px", label_width="130px"
        )
        self.threshold.observe(self._show, "value")
        self.meter = widgets.HTML(meter_html(None, None))
        self.status = widgets.HTML()
        self.widget = column(self.field, self.meter, self.threshold, self.status)
        self._first = before, after
        self._ask(0, before, after)

    @property
    def withheld(self) -> int:
        """Number of suggestions below the threshold, the newest by where the slider is now."""
        return len(self._withheld)

    @property
    def summary(self) -> str:
        """What was shown, accepted and refused, and how long it took."""
        watched = self._suggester.connections
        parts = [
            f"{self._model.name}, {METHODS[self._method]}: {len(self.milliseconds)} shown while "
            f"typing, {self.accepted} accepted, {self.refused} refused, {self.withheld} withheld, "
            f"{self._suggester.superseded} superseded"
        ]
        if self.milliseconds:
            parts.append(f"median {digits(median(self.milliseconds))} ms from key to suggestion")
        if watched is not None:
            parts.append(f"connections tried: {'; '.join(watched[-3:]) or 'none'}")
        return "; ".join(parts) + " (measured)"

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The time from key to suggestion, once somebody has typed."""
        if not self.milliseconds:
            return ()
        value, low, high = median(self.milliseconds), min(self.milliseconds), max(self.milliseconds)
        label = "from key to suggestion"
        return (
            BookEntry("key_to_ghost_ms", label, value, "ms", low, high, model=self._model.name),
        )

    def wait(self, timeout_s: float = FIRST_S) -> Completion | None:
        """The newest suggestion, once the model has nothing to do or the time is over."""
        self._suggester.wait(timeout_s)
        return self.suggestion

    def static_form(self) -> list:
        """The code with the first suggestion, and its time."""
        done = self.wait()
        ms = 1000 * done.elapsed_s if done else None
        ghost = done.text.rstrip("\n") if done else ""
        return [code_html(*self._first, ghost), meter_html(None, ms), html.note(self.summary)]

    def _ask(self, number: int, before: str, after: str) -> None:
        try:
            check_typed(before + after, "the code")
        except ValueError as error:
            self.status.value = html.note(str(error), "bad")
            return
        self._suggester.ask(Request(number, before, after))

    def _suggested(self, request: Request, result: Completion | str) -> None:
        if isinstance(result, str):
            empty = not request.before.strip()
            self.status.value = html.note("Type some code." if empty else result, "plain")
            return
        self.suggestion, self._shown_ms, self._number = result, None, request.number
        self._show()

    def _show(self, *_: Any) -> None:
        """The newest suggestion, if the model is as sure of it as the slider asks."""
        done, number = self.suggestion, self._number
        if done is None:
            return
        sure, text = done.mean_logprob, done.text.rstrip()
        silent = bool(text) and sure is not None and sure < self.threshold.value
        self._withheld = self._withheld | {number} if silent else self._withheld - {number}
        self.field.ghost = {"number": number, "text": text, "silent": silent}
        self._draw()

    def _happened(self, kind: str, milliseconds: float | None) -> None:
        self.accepted += kind == "accepted"
        self.refused += kind == "refused"
        if milliseconds is not None:
            self._shown_ms = milliseconds
            self.milliseconds.append(milliseconds)
        self._draw()

    def _draw(self) -> None:
        done = self.suggestion
        engine = None if done is None or done.ttft_s is None else 1000 * done.elapsed_s
        self.meter.value = meter_html(self._shown_ms, engine)
        sure = done.mean_logprob if done else None
        says = "" if sure is None else f"mean log-probability {sure:.2f}. "
        # Not a note: read out after each key, it would drown the suggestion.
        self.status.value = html.paragraph(says + self.summary)
