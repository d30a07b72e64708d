"""Run, Stop, progress and the status line, without a panel."""

import signal
import threading
import time

import pytest

from labkit.errors import LabError
from labkit.ui import runner as module
from labkit.ui.runner import Progress, Runner


class Steps:
    """Work whose steps a test lets pass, and what was drawn and closed."""

    def __init__(self, total=3, error=None):
        self.total, self.error, self.drawn, self.closed = total, error, 0, 0
        self.passed = threading.Semaphore(0)
        self.reached = threading.Semaphore(0)

    def work(self):
        try:
            for done in range(1, self.total + 1):
                yield Progress(done, self.total, f"<{done}>")
                self.reached.release()
                assert self.passed.acquire(timeout=30)
            if self.error:
                raise self.error
        finally:
            self.closed += 1

    def draw(self):
        self.drawn += 1


def runner_of(steps, **options):
    return Runner(steps.work, steps.draw, "Does it", **options)


def test_it_runs_beside_the_cell_and_shows_the_last_step():
    steps = Steps()
    runner = runner_of(steps)
    runner.start()
    assert steps.reached.acquire(timeout=30)
    assert (runner.run.disabled, runner.stop_button.disabled) == (True, False)
    steps.passed.release(3)
    runner.wait(30)
    assert (runner.run.disabled, runner.stop_button.disabled) == (False, True)
    assert (runner.bar.value, runner.bar.max, runner.bar.bar_style) == (3, 3, "success")
    assert "&lt;3&gt;" in runner.status.value, "escaped"
    assert steps.closed == 1 and steps.drawn


def test_a_second_start_while_it_runs_is_ignored():
    steps = Steps()
    runner = runner_of(steps)
    runner.start()
    assert steps.reached.acquire(timeout=30)
    runner.run.click()
    steps.passed.release(3)
    runner.wait(30)
    assert steps.closed == 1
    steps.passed.release(3)
    runner.start()
    runner.wait(30)
    assert steps.closed == 2, "after its end it starts again"


def test_stop_keeps_what_came_and_calls_on_stop_at_once():
    steps, stopped = Steps(100), []
    runner = runner_of(steps, on_stop=lambda: stopped.append(True))
    runner.start()
    assert steps.reached.acquire(timeout=30)
    runner.stop_button.click()
    assert stopped == [True]
    steps.passed.release(100)
    runner.wait(30)
    assert steps.closed == 1 and runner.bar.value < 100
    assert runner.bar.bar_style == "warning" and "Stopped." in runner.status.value


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("top_p must be at most 1"), "top_p must be at most 1"),
        (LabError("No server.", "Start one."), "Start one."),
        (KeyError("x"), "Something went wrong: KeyError"),
        (SystemExit("x"), "Something went wrong: SystemExit"),
    ],
)
def test_an_error_is_shown_in_place_and_raised_by_wait(error, sentence):
    steps = Steps(1, error)
    steps.passed.release()
    runner = runner_of(steps)
    runner.start()
    with pytest.raises(type(error)):
        runner.wait(30)
    assert runner.bar.bar_style == "danger"
    assert sentence in runner.status.value and 'role="alert"' in runner.status.value
    assert not runner.run.disabled


def test_wait_says_that_it_still_runs():
    steps = Steps(1)
    runner = runner_of(steps)
    runner.start()
    with pytest.raises(TimeoutError, match=r"still runs after 0\.05 s"):
        runner.wait(0.05)
    steps.passed.release()
    runner.wait(30)


def test_it_draws_only_as_often_as_an_eye_follows(monkeypatch):
    steps = Steps(50)
    steps.passed.release(50)
    monkeypatch.setattr(module, "DRAWS_PER_S", 1e-9)  # once in many years
    runner = runner_of(steps)
    runner.start()
    runner.wait(30)
    assert steps.drawn == 2, "the end of the work, and the last step"
    assert runner.bar.value == 50


def test_an_interrupted_wait_is_stop_and_a_second_run_is_alone():
    """CPython marks a thread as stopped when `join` is interrupted, though it runs on."""
    inside, most, lock = [0], [0], threading.Lock()

    def work():
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        try:
            for number in range(1000):
                time.sleep(0.005)
                yield Progress(number, 1000, f"step {number}")
        finally:
            with lock:
                inside[0] -= 1

    runner = Runner(work, lambda: None, "Does it")
    main = threading.main_thread().ident
    for _ in range(7):
        threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start()
        runner.start()
        runner.wait()
        assert inside == [0] and "Stopped." in runner.status.value
        assert (runner.run.disabled, runner.stop_button.disabled) == (False, True)
    runner.start()
    threading.Timer(0.05, runner.run.click).start()
    threading.Timer(0.1, runner.stop).start()
    runner.wait(30)
    assert most == [1]
