"""What every panel with long work shares: Run, Stop, a progress bar, and how it stands in words.

A button's click is not handled while a cell runs, so the work runs in a thread, the cell returns
at once, and the controls keep answering. Scripts and tests call `Runner.wait`.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import ipywidgets as widgets

from ..errors import LabError
from . import html

REST_S = 0.06  # shorter than the eye notices, longer than a key that repeats takes
DRAWS_PER_S = 12  # as often as an eye follows; the model has the rest of the time
MOST_TYPED = 100_000  # characters in a box: the page sends all of them with every key


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is.

    Attributes:
        done: units done.
        total: units in all.
        message: how it stands, in words.
    """

    done: int
    total: int
    message: str


class Runner:
    """Runs work in a thread, under a row of controls.

    Args:
        work: returns a fresh iterator; each item is a `Progress`. Closing it stops the work.
        draw: shows what there is so far; called at most `DRAWS_PER_S` times a second, and at last.
        what: what the Run button does, for its tooltip.
        on_stop: called by Stop at once, for work that waits for something outside.

    Attributes:
        widget: the row of controls.
    """

    def __init__(
        self,
        work: Callable[[], Iterator[Progress]],
        draw: Callable[[], None],
        what: str,
        on_stop: Callable[[], None] = lambda: None,
    ):
        self._work, self._draw, self._on_stop = work, draw, on_stop
        self._stopping, self._thread = threading.Event(), None
        self._error: Exception | None = None
        self.run = widgets.Button(
            description="Run", icon="play", button_style="primary", tooltip=what
        )
        self.stop_button = widgets.Button(
            description="Stop", icon="stop", tooltip="Stop, and keep what came", disabled=True
        )
        self.bar = widgets.IntProgress(layout={"width": "180px"})
        self.status = widgets.HTML()
        self.run.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self.stop())
        self.widget = widgets.HBox(
            [self.run, self.stop_button, self.bar, self.status],
            layout={"align_items": "center", "flex_flow": "row wrap"},
        )

    def start(self) -> None:
        """Starts the work, unless it runs."""
        if self._thread and self._thread.is_alive():
            return
        self._stopping.clear()
        self._error = None
        self._set_running(True)
        self.bar.bar_style = ""
        self._thread = threading.Thread(target=self._go, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Asks the work to stop; what came is kept."""
        self._stopping.set()
        self._on_stop()

    def wait(self, timeout_s: float | None = None) -> None:
        """Waits until the work has ended, and raises what went wrong in it, if anything did.

        Raises:
            TimeoutError: if it still runs after `timeout_s` seconds.
        """
        if self._thread:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                raise TimeoutError(f"The work still runs after {timeout_s} s.")
        if self._error:
            raise self._error

    def _set_running(self, running: bool) -> None:
        self.run.disabled, self.stop_button.disabled = running, not running

    def _go(self) -> None:
        try:
            message = self._advance()
            stopped = self._stopping.is_set()
            self.bar.bar_style = "warning" if stopped else "success"
            self.status.value = html.note(f"Stopped. {message}" if stopped else message)
        except (ValueError, LabError) as error:  # the learner's own: the sentence says it all
            self._fail(error, str(error))
        except Exception as error:
            self._fail(error, f"Something went wrong: {type(error).__name__}: {error}")
        finally:
            self._set_running(False)

    def _fail(self, error: Exception, sentence: str) -> None:
        self._error = error
        self.bar.bar_style = "danger"
        self.status.value = html.note(sentence, "bad")

    def _advance(self) -> str:
        drawn_at, message, work = 0.0, "", self._work()
        try:
            for progress in work:
                message = progress.message
                now = time.monotonic()
                if now - drawn_at >= 1 / DRAWS_PER_S:
                    self._show(progress)
                    drawn_at = now
                if self._stopping.is_set():
                    break
        finally:
            work.close()
            self._draw()
        if message:
            self._show(progress)
        return message

    def _show(self, progress: Progress) -> None:
        self.bar.max, self.bar.value = progress.total, progress.done
        self.status.value = html.note(progress.message)
        self._draw()


class Rest:
    """Puts off what may wait until the learner's hand rests: only the last call is carried out.

    Where no event loop runs, in a script or a test, it is carried out at once.
    """

    def __init__(self):
        self._waiting: asyncio.TimerHandle | None = None

    def call(self, act: Callable[[], None]) -> None:
        """Carries it out after `REST_S`, unless another call comes first."""
        if self._waiting:
            self._waiting.cancel()
        try:
            self._waiting = asyncio.get_running_loop().call_later(REST_S, act)
        except RuntimeError:
            act()


def check_typed(text: str, name: str) -> None:
    """Raises a ValueError for a text that is too long for a box of a panel.

    Args:
        text: what stands in the box, or is to stand there.
        name: of the box, for the sentence.
    """
    if len(text) > MOST_TYPED:
        raise ValueError(
            f"{name} must be at most {MOST_TYPED:,} characters in a panel, which reads them anew "
            f"with every key; got {len(text):,}. A cell takes longer ones."
        )


def static() -> bool:
    """Whether the notebook is executed to be read as a page, where no control answers.

    ``python3 -m labkit run`` asks for it with ``LABKIT_STATIC=1``.
    """
    return os.environ.get("LABKIT_STATIC") == "1"
