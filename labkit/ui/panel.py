"""What every panel shares: how it is shown, its Run, and what may be typed into it."""

import os
from collections.abc import Callable, Iterable
from typing import Any, Self

import ipywidgets as widgets

from labkit.errors import LabError

from . import html, theme
from .runner import Runner

LABEL_WIDTH = "85px"
# Shown below a panel that did not come to life: JupyterLab itself says "model not found".
DISCONNECTED = f"""<style>.lk-again{{display:none}}
.jp-OutputArea:not(:has(.lk-panel)) .lk-again{{display:block;animation:lk-late 6s}}
@keyframes lk-late{{0%,99%{{visibility:hidden}}}}</style><div class="lk-again">{
    html.note(
        "This panel is no longer connected. Run its cell again; "
        "after a restart of the kernel, first the cells above it.",
        "warning",
    )
}</div>"""
MOST_TYPED = 100_000  # characters in a box: the page sends all of them with every key


class Panel:
    """Controls around figures; a notebook shows it as a cell's last line.

    A subclass builds its controls in its constructor and gives `widget`, `summary` and
    `static_form`.

    Attributes:
        widget: the panel as one widget.
    """

    widget: widgets.DOMWidget

    @property
    def summary(self) -> str:
        """What the panel shows now, in a line."""
        raise NotImplementedError

    def static_form(self) -> Iterable[Any]:
        """What a page without a kernel shows instead: safe HTML, figures."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        # ``python3 -m labkit run`` makes a page to be read, where no control answers.
        theme.follow_page()
        is_static = os.environ.get("LABKIT_STATIC") == "1"
        live = [self.widget.add_class("lk-panel"), DISCONNECTED]
        parts = self.static_form() if is_static else live
        display(*(HTML(part) if isinstance(part, str) else part for part in parts))


class RunPanel(Panel):
    """A panel whose work a `Runner` does, with Run, Stop and progress.

    Attributes:
        runner: set by the subclass.
        result: what the work has given so far; None before the first.
        no_result: the summary until then.
    """

    runner: Runner
    result: Any = None
    no_result: str

    @property
    def summary(self) -> str:
        """The result in a line."""
        return self.result.summary if self.result else self.no_result

    def start(self) -> Self:
        """Presses Run."""
        self.runner.start()
        return self

    def wait(self, timeout_s: float | None = None) -> Any:
        """Waits until the work has ended, and returns the result; an interrupt is Stop.

        Raises:
            TimeoutError: it still runs after `timeout_s` seconds.
        """
        self.runner.wait(timeout_s)
        return self.result

    def finished(self) -> Any:
        """The result of the run that was started, or else of one that starts now.

        One also starts where the last has failed and its error was raised; none does after Stop.
        """
        is_first = not (self.runner.started or self.result)
        if is_first or self.runner.reported:
            self.start()
        return self.wait()


def labelled(label: str, width: str | None, label_width: str = LABEL_WIDTH) -> dict[str, Any]:
    """Arguments of any control: its label, and the widths of the whole and of the label."""
    style, layout = {"description_width": label_width}, {"width": width}
    # Without a tooltip, the page shows "null".
    return {"description": label, "tooltip": label, "style": style, "layout": layout}


def text_box(
    label: str, text: str = "", *, rows: int = 3, label_width: str = LABEL_WIDTH, **more: Any
) -> widgets.Textarea:
    """A box to type in, as wide as the panel."""
    return widgets.Textarea(text, rows=rows, **labelled(label, "auto", label_width), **more)


def slider(
    label: str,
    value: float,
    low: float,
    high: float,
    *,
    step: float = 0.05,
    width: str = "380px",
    label_width: str = LABEL_WIDTH,
    **more: Any,
) -> widgets.FloatSlider:
    """A slider for a number."""
    look = labelled(label, width, label_width)
    return widgets.FloatSlider(value, min=low, max=high, step=step, **look, **more)


def choice_slider(
    options: list[tuple[str, float]], value: float, **look
) -> widgets.SelectionSlider:
    """A slider over choices, the chosen one beside its label.

    ipywidgets' own readout can be typed into, and does not hear of it.
    """
    made = widgets.SelectionSlider(options=options, value=value, readout=False, **look)
    name = made.description

    def show() -> None:
        chosen, _ = made.options[made.index]  # its `label` is empty for the first
        made.description = f"{name}: {chosen}"

    on_change(show, made)
    show()
    return made


def number_box(label: str, value: int, most: int) -> widgets.BoundedIntText:
    """A box for a whole number from 1."""
    return widgets.BoundedIntText(value, min=1, max=most, **labelled(label, "190px"))


def button(label: str, act: Callable[[], Any], **more: Any) -> widgets.Button:
    """A button, and what a click does."""
    made = widgets.Button(description=label, **more)
    made.on_click(lambda _: act())
    return made


def on_change(act: Callable[[], Any], *controls: widgets.Widget) -> None:
    """Has a new value of any of the controls do something."""
    for control in controls:
        control.observe(lambda _: act(), "value")


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
