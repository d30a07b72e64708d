"""The stop button in a cell: what came is kept, and further work of the cell is not begun."""

import re
import signal
import threading
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

import labkit
from labkit.backends.generate import stream
from labkit.interrupts import cell

VERBS = """
import time
import labkit as lab
from labkit.interrupts.cell import progress

def work(steps=600):
    done, bar = [], progress(range(steps))
    try:
        for number in bar:
            done.append(number)
            time.sleep(0.05)
    except KeyboardInterrupt:
        pass
    return done
"""
CELL = """print('begun')
first = work()
print('kept', 0 < len(first) < 600)
second = work()
print('never')
"""


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(kernel, code, stop=False):
    """What a cell printed, and the lines of its error."""
    manager, client = kernel
    printed, timer = [], threading.Timer(1, manager.interrupt_kernel)

    def hook(message):
        if text := message["content"].get("text"):
            printed.append(text)
            if stop and "begun" in text:
                timer.start()

    reply = client.execute_interactive(code, output_hook=hook, timeout=120)["content"]
    text = "".join(part for part in printed if "it/s" not in part)
    return text, "\n".join(reply.get("traceback", ()))


def test_a_stopped_cell_keeps_what_came_and_begins_nothing_more(kernel):
    assert run(kernel, VERBS)[1] == ""
    printed, error = run(kernel, CELL, stop=True)
    assert "kept True" in printed and "never" not in printed
    assert "Stopped at line 4 of this cell: only what had finished before is kept." in error
    # The next cell is whole again.
    printed, error = run(kernel, "print(len(first) > 0, len(work(3)))")
    assert "True 3" in printed and not error


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("lab.generate(None, 'Why?')", "ValueError at line 3 of this cell: model must be loaded"),
        ("lab.tokenise('a')", "AttributeError at line 3 of this cell: module 'labkit' has no"),
        ("lab.plot('a')", "TypeError at line 3 of this cell: plot draws what the lab's verbs"),
    ],
)
def test_what_the_lab_refuses_is_a_line(kernel, code, sentence):
    error = run(kernel, f"import labkit as lab\n\n{code}")[1]
    assert error.startswith(f"✗ {sentence}") and "\n" not in error
    # What %tb shows in full.
    told, error = run(
        kernel, "import sys, traceback\nprint(traceback.format_tb(sys.last_traceback))"
    )
    assert "/labkit/" in told.replace("\\", "/") and not error


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("int('x')", "int("),  # the learner's own
        ("from labkit.formatting import digits\ndigits('x')", "formatting.py"),  # a bug of the lab
    ],
)
def test_other_mistakes_keep_their_lines(kernel, code, line):
    error = run(kernel, f"import labkit as lab\n{code}")[1]
    assert "Traceback (most recent call last)" in error and line in error


@pytest.fixture
def stopped():
    before = signal.getsignal(signal.SIGINT)
    cell._begin(None)
    cell.note_stop()
    yield
    cell._end(None)
    signal.signal(signal.SIGINT, before)


def test_verbs_ask_before_they_have_a_model_work(stopped):
    any_model = labkit.replay("stand-in-ocean")
    for begin in (
        lambda: stream(any_model, "x"),
        lambda: labkit.generate(any_model, "x"),
        lambda: labkit.measure(any_model, "x"),
        lambda: cell.progress(range(3)),
    ):
        with pytest.raises(KeyboardInterrupt):
            begin()


def test_outside_of_a_notebook_no_stop_outlives_its_verb():
    """A script, an interactive Python and these tests have no cell that ends."""
    cell.note_stop()
    assert list(cell.progress(range(2))) == [0, 1]


def test_panels_which_work_in_threads_are_not_concerned(stopped):
    began = []
    thread = threading.Thread(target=lambda: began.append(list(cell.progress(range(2)))))
    thread.start()
    thread.join()
    assert began == [[0, 1]]


def test_every_bar_of_a_topic_begins_so():
    topics = Path(labkit.__file__).with_name("topics")
    asking = [
        p.name for p in topics.rglob("*.py") if re.search(r"\btqdm\(|import tqdm", p.read_text())
    ]
    assert asking == []
