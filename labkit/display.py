"""`plot` and `explore`: every result has its figures, some have a panel."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

from labkit.lab_book.entry import BookEntry, entries_of
from labkit.lab_book.store import with_guesses

# Results of backends are drawn by the topic whose lesson they are; all others by their neighbours.
_ELSEWHERE = {
    "labkit.backends.reply": "labkit.topics.start",
    "labkit.backends.guard.redaction": "labkit.topics.privacy.scanner",
}
# By the name and the value of a guess: the number beside which it stands, and that one's cell.
_FIRST: dict[tuple[str, float | None], tuple[BookEntry, str | None]] = {}


def plot(result: Any, kind: str | None = None, **options: Any) -> Any:
    """The figure of a result; a notebook shows it as a cell's last line.

    Args:
        result: what a verb of the lab returned.
        kind: which of its figures, where it has several, such as ``"gaps"`` of a measurement;
            None: the first.
        options: of that figure, such as ``samples`` of a sweep's texts.
    Raises:
        TypeError: the result has no figure.
        ValueError: it has none of that kind.
    """
    figures = registered(result, "figures", "FIGURES")
    if figures is None:
        raise TypeError(f"plot draws what the lab's verbs return; got {type(result).__name__}")
    figures = figures if isinstance(figures, dict) else {"figure": figures}
    if kind is not None and not (isinstance(kind, str) and kind in figures):
        name, kinds = type(result).__name__, ", ".join(figures)
        known = f"one of {kinds}" if len(figures) > 1 else "left out, as there is one figure"
        raise ValueError(f"kind of a {name} must be {known}; got {kind!r}")
    return _beside_guess(figures[kind or next(iter(figures))](result, **options), result)


def _beside_guess(figure: Any, result: Any) -> Any:
    """The figure, with what the learner had guessed of its numbers."""
    if not (entries := entries_of(result)):
        return figure
    guessed = (each for each in with_guesses(entries) if each.guess is not None)
    if not (found := tuple(filter(_is_what_was_asked, guessed))):
        return figure
    from labkit.lab_book.guess_panel import beside

    return beside(figure, found)


def _is_what_was_asked(entry: BookEntry) -> bool:
    """Whether a guess is about that number: the first one drawn, or drawn again in its cell."""
    guess, cell = (entry.name, entry.guess), _cell_id()
    number, first_cell = _FIRST.get(guess, (entry, cell))
    if entry != number and (cell is None or cell != first_cell):
        return False
    _FIRST[guess] = entry, first_cell
    return True


def _cell_id() -> str | None:
    """The notebook's id of the cell that runs; None where it sent none."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    message = getattr(shell, "get_parent", dict)() or {}
    return message.get("metadata", {}).get("cellId")


def explore(result: Any, **start: Any) -> Any:
    """A panel that puts sliders on a result; no slider runs the model.

    Args:
        result: what a verb of the lab returned.
        start: where the panel's controls stand at first.
    Raises:
        TypeError: the result has no panel.
    """
    panel = registered(result, "panel", "PANELS")
    if panel is None:
        raise TypeError(
            "explore takes a prediction, a trained tokenizer, a table of answers, a calibration or "
            f"a sweep of strengths; got {type(result).__name__}"
        )
    return panel(result, **start)


def registered(result: Any, module: str, table: str) -> Callable | dict[str, Callable] | None:
    """What the folder of a result's type registers for it, or None.

    Args:
        result: any object.
        module: file of that folder, such as ``"figures"``.
        table: a dict in it by type, such as ``FIGURES``.
    """
    home = type(result).__module__
    folder = _ELSEWHERE.get(home, home.rpartition(".")[0])
    name = f"{folder}.{module}"
    if not folder.startswith("labkit.") or importlib.util.find_spec(name) is None:
        return None
    return getattr(importlib.import_module(name), table, {}).get(type(result))
