"""What every panel shares: how it is shown, its Run, and what may be typed into it."""

import os
from collections.abc import Callable, Iterable
from typing import Any, Self

import ipywidgets as widgets

from labkit.errors import LabError

from . import html
from .runner import Runner

MOST_TYPED = 100_000  # characters in a box: the page sends all of them with every key


class Panel:
    """Controls around figures; a notebook shows it as a cell's last line.

    A subclass builds its controls in its constructor and gives `widget`, `summary` and
    `static_form`.
    """

    @property
    def widget(self) -> widgets.Widget:
        """The panel as one widget."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        """What the panel shows now, in a line."""
        raise NotImplementedError

    def static_form(self) -> Iterable[Any]:
        """What a page without a kernel shows instead: safe HTML, figures."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        parts = self.static_form() if static() else [self.widget]
        display(*(HTML(part) if isinstance(part, str) else part for part in parts))


class RunPanel(Panel):
    """A panel whose work a `Runner` does, with Run, Stop and progress.

    Attributes:
        runner: set by the subclass.
    """

    runner: Runner

    @property
    def result(self) -> Any:
        """What the work has given so far; None before the first."""
        raise NotImplementedError

    def start(self) -> Self:
        """Presses Run."""
        self.runner.start()
        return self

    def wait(self, timeout_s: float | None = None) -> Any:
        """Waits until the work has ended, and returns the result.

        Raises:
            TimeoutError: it still runs after `timeout_s` seconds.
        """
        self.runner.wait(timeout_s)
        return self.result


def row(*controls: widgets.Widget, **layout: str) -> widgets.HBox:
    """Controls beside one another, on several lines where the window is narrow."""
    return widgets.HBox(
        controls, layout={"flex_flow": "row wrap", "align_items": "center", **layout}
    )


def column(*parts: widgets.Widget, max_width: str = "960px") -> widgets.VBox:
    """Parts under one another."""
    return widgets.VBox(parts, layout={"max_width": max_width})


def html_or_error(make: Callable[[], str]) -> str:
    """The HTML, or the sentence that says what is wrong with the learner's input."""
    try:
        return make()
    except (ValueError, LabError) as error:
        return html.note(str(error), "bad")


def check_typed(text: str, name: str) -> None:
    """Checks that a text is short enough for a box of a panel.

    Args:
        text: what is in the box, or is to be.
        name: of the box, for the sentence.
    Raises:
        ValueError: it is longer than `MOST_TYPED` characters.
    """
    if len(text) > MOST_TYPED:
        raise ValueError(
            f"{name} must be at most {MOST_TYPED:,} characters in a panel, which sends all of them "
            f"with every key; got {len(text):,}. A cell takes longer ones."
        )


def static() -> bool:
    """Whether the notebook is executed to be read as a page, where no control answers.

    ``python3 -m labkit run`` asks for it with ``LABKIT_STATIC=1``.
    """
    return os.environ.get("LABKIT_STATIC") == "1"
