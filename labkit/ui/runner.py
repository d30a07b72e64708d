"""What every panel with long work shares: Run, Stop, a progress bar, and a status line.

A click on Run is not handled while a cell runs, so the work runs in a thread, the cell returns
at once, and the controls keep answering. Scripts and tests call `Runner.wait`.
"""

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

import anywidget
import ipywidgets as widgets
import traitlets

from labkit.errors import LabError

from . import html

DRAWS_PER_S = 12  # as often as an eye follows; the model has the rest of the time


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is.

    Attributes:
        done: units done.
        total: units in all.
        message: the status, in words.
    """

    done: int
    total: int
    message: str


_NOTICE = """
function render({ model, el }) {
  const area = el.closest.bind(el, ".lk-runner");
  let timer = 0;
  function click(event) {
    if (!event.target.closest("button:not(:disabled)")) return;
    clearTimeout(timer);
    timer = setTimeout(() => { el.textContent = "waiting for the kernel …"; }, 600);
  }
  function answer() { clearTimeout(timer); el.textContent = ""; }
  el.setAttribute("role", "status");
  model.on("change:answered", answer);
  const attach = setInterval(() => {
    if (!area()) return;
    clearInterval(attach);
    area().addEventListener("click", click);
  }, 50);
  return () => { clearInterval(attach); model.off("change:answered", answer); };
}
export default { render };
"""


class KernelNotice(anywidget.AnyWidget):
    """Says that a click waits for the kernel, which handles none while a cell runs.

    Attributes:
        answered: number of clicks that the kernel has handled.
    """

    _esm = _NOTICE
    answered = traitlets.Int(0).tag(sync=True)


class StopButton(widgets.Button):
    """Its clicks are handled while a cell runs, where page and kernel have subshells for that.

    By default, ipykernel sends a click to where the button was last changed from: often the queue
    of the notebook's cells.
    """

    def open(self) -> None:
        """Tells the page of it, and the kernel that its clicks go where the page sends them."""
        super().open()
        self.comm._reply_subshell_for = lambda _data, asked: asked


class Runner:
    """Runs work in a thread, under a row of controls.

    Args:
        work: returns a fresh generator; each item is a `Progress`. Closing it stops the work.
        draw: shows what there is so far; called at most `DRAWS_PER_S` times a second, and at last.
        what: what the Run button does, for its tooltip.
        on_stop: called by Stop at once, for work that waits for something outside.

    Attributes:
        widget: the row of controls.
        started: whether the work was ever started.
        reported: whether the last run failed, and `wait` has raised its error.
    """

    def __init__(
        self,
        work: Callable[[], Generator[Progress, None, None]],
        draw: Callable[[], None],
        what: str,
        on_stop: Callable[[], None] = lambda: None,
    ):
        self._work, self._draw, self._on_stop = work, draw, on_stop
        self._stopping = threading.Event()
        # Not the thread's own state: CPython marks a thread as stopped when `join` is interrupted.
        self._ended = threading.Event()
        self._ended.set()
        self._starting = threading.Lock()
        self._error: BaseException | None = None
        self.started = self.reported = False
        self.run = widgets.Button(
            description="Run", icon="play", button_style="primary", tooltip=what
        )
        self.stop_button = StopButton(
            description="Stop", icon="stop", tooltip="Stop, and keep what came", disabled=True
        )
        self.bar = widgets.IntProgress(layout={"width": "180px"})
        self.status = widgets.HTML()
        self._notice = KernelNotice()
        self.run.on_click(lambda _: self._answer(self.start))
        self.stop_button.on_click(lambda _: self._answer(self.stop))
        self.widget = widgets.HBox(
            [self.run, self.stop_button, self.bar, self.status, self._notice],
            layout={"align_items": "center", "flex_flow": "row wrap"},
        ).add_class("lk-runner")

    def _answer(self, act: Callable[[], None]) -> None:
        self._notice.answered += 1
        act()

    def start(self) -> None:
        """Starts the work, unless it runs."""
        with self._starting:
            if not self._ended.is_set():
                return
            self._ended.clear()
        self._stopping.clear()
        self._error = None
        self.started, self.reported = True, False
        self._set_running(True)
        self.bar.bar_style = ""
        threading.Thread(target=self._go, daemon=True).start()

    def stop(self) -> None:
        """Asks the work to stop; what came is kept."""
        self._stopping.set()
        self._on_stop()

    def wait(self, timeout_s: float | None = None) -> None:
        """Waits until the work has ended, and raises what went wrong in it, if anything did.

        Interrupting it (the notebook's stop button, Ctrl-C) is Stop: what came is kept.

        Raises:
            TimeoutError: if it still runs after `timeout_s` seconds.
        """
        try:
            ended = self._ended.wait(timeout_s)
        except KeyboardInterrupt:
            self.stop()
            ended = self._ended.wait()
        if not ended:
            raise TimeoutError(f"The work still runs after {timeout_s} s.")
        if self._error:
            self.reported = True
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
        except BaseException as error:  # a panic in Rust is no Exception
            self._fail(error, f"Something went wrong: {type(error).__name__}: {error}")
        finally:
            self._set_running(False)
            self._ended.set()

    def _fail(self, error: BaseException, sentence: str) -> None:
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
