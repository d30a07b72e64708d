"""The wall as a panel: the leader chooses what the projector shows; it follows the files."""

import contextlib
import threading
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from labkit.checks import check_number, checked_path
from labkit.classroom.settings import class_folder
from labkit.errors import LabError
from labkit.formatting import number_of
from labkit.ui import html, theme
from labkit.ui.panel import Panel, labelled, row
from labkit.ui.table import grid

from . import figures
from .results import FileResults, read_class

VIEWS = ("guesses", "speed", "votes", "exercises")
LARGE_HTML = f'<div style="font-size:{figures.LARGE}px;line-height:1.5">'


def class_panel(
    folder: str | Path | None = None, *, names: bool = False, every_s: float = 3.0
) -> "ClassPanel":
    """The class's guesses, speeds, votes and exercises, for the projector.

    Args:
        folder: of a class, or of the files that learners hand in; None: of the class in the lab's
            home.
        names: whether learners are named from the start; the panel has a box for it.
        every_s: seconds between two looks at the files.
    Raises:
        ValueError: an argument is out of range.
        LabError: there is no such folder.
    """
    check_number("every_s", every_s, "above 0", lambda x: x > 0)
    if not isinstance(names, bool):
        raise ValueError(f"names must be True or False; got {names!r}")
    chosen = None if folder is None else checked_path("folder", folder)
    return ClassPanel(class_folder(chosen), names, every_s)


class ClassPanel(Panel):
    """The wall.

    Attributes:
        results: of the last look at the files.
        view: which of `VIEWS` is shown.
        number: which guess is shown.
        truth: whether what the learners found stands beside it.
        names: whether learners are named.
        shown: where the figure is.
    """

    def __init__(self, folder: Path, names: bool, every_s: float):
        self._folder, self._every_s = folder, every_s
        self._known: dict[Path, FileResults] = {}
        self.results = read_class(folder, self._known)
        self.view = widgets.ToggleButtons(options=VIEWS, **labelled("Show", "auto"))
        self.number = widgets.Dropdown(**labelled("Guess", "380px"))
        self.truth = widgets.ToggleButton(False, description="Show the truth")
        self.names = widgets.Checkbox(names, description="Names", indent=False)
        self.status = widgets.HTML()
        self.shown = widgets.VBox()
        self._drawn: Any = None
        self._lock = threading.RLock()  # setting a control draws again
        controls = (self.view, self.number, self.truth, self.names)
        for control in controls:
            control.observe(lambda _change: self.draw(), "value")
        self.widget = widgets.VBox([row(*controls), self.status, self.shown])
        self.draw()
        threading.Thread(target=self._follow, daemon=True).start()

    @property
    def summary(self) -> str:
        """What is there."""
        solved = sum(right for one in self.results.learners for *_, right in one.exercises)
        learners = number_of(len(self.results.learners), "learner")
        return f"{learners}, {number_of(solved, 'exercise')} solved (measured)"

    def static_form(self) -> list:
        """The figure that is shown now."""
        return [html.note(self.summary), *filter(None, [self._figure()])]

    def look(self) -> None:
        """Reads the files again, and draws what has changed."""
        with contextlib.suppress(LabError):  # the folder is being moved: the next look finds it
            self.results = read_class(self._folder, self._known)
        self.draw()

    def draw(self) -> None:
        """Draws what is chosen, if it is not there already."""
        with self._lock:
            results = self.results
            if self.number.options != results.guessed:
                chosen = self.number.value
                self.number.options = results.guessed
                self.number.value = chosen if chosen in results.guessed else None
                if results.guessed and self.number.value is None:
                    self.number.value = results.guessed[0]
            state = (
                results,
                self.view.value,
                self.number.value,
                self.truth.value,
                self.names.value,
            )
            if state == self._drawn:
                return
            self._drawn = state
            self.number.layout.display = self.truth.layout.display = (
                "" if self.view.value == "guesses" else "none"
            )
            figure = self._figure()
            title = figure.layout.title.text if figure else ""
            if figure:  # the page sets titles in a figure in small type
                figure.update_layout(title_text="")
            self.shown.children = [theme.widget(figure)] if figure else []
            head = f"<b>{title}</b><br>" if title else ""
            sentence = f"{head}{escape(self._sentence(figure))}"
            self.status.value = f"{LARGE_HTML}{sentence}</div>{self._named()}"

    def _figure(self) -> Any:
        results, view = self.results, self.view.value
        if view == "guesses":
            number = self.number.value
            truth = self.truth.value
            return figures.guesses_figure(results, number, truth=truth) if number else None
        if view == "speed":
            return figures.speeds_figure(results, names=self.names.value)
        return figures.class_votes_figure(results) if view == "votes" else self._exercises()

    def _exercises(self) -> Any:
        any_here = any(one.exercises for one in self.results.learners)
        return figures.exercises_figure(self.results) if any_here else None

    def _sentence(self, figure: Any) -> str:
        left_out = len(self.results.left_out)
        more = f" {number_of(left_out, 'file')} could not be read." if left_out else ""
        nothing = "" if figure else f" No {self.view.value} yet."
        return f"Files of {number_of(len(self.results.learners), 'learner')}.{nothing}{more}"

    def _named(self) -> str:
        """Who has solved what, where the leader shows names."""
        if not (self.names.value and self.view.value == "exercises"):
            return ""
        rows = [
            (escape(name), escape(solved)) for name, solved in figures.table_of_names(self.results)
        ]
        return f"{LARGE_HTML}{grid(['learner', 'solved'], rows)}</div>"

    def _follow(self) -> None:
        """Looks again and again; ends with the kernel, or when the panel is closed."""
        pause = threading.Event()
        while not pause.wait(self._every_s) and self.widget.comm is not None:
            self.look()
