"""A user's share of a server: over processes, freed when one is killed, and said when it waits."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from labkit.backends.remote.share import WAITING, Share

ROOT = Path(__file__).resolve().parents[3]
TAKES = """
import sys, threading
from pathlib import Path
from labkit.backends.remote.share import Share
share = Share(Path(sys.argv[1]), 2)
taken = [share.take(threading.Event()) for _ in range(int(sys.argv[2]))]
print("taken", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def share(tmp_path):
    return Share(tmp_path / "locks", 2)


@pytest.fixture
def taker(share):
    """``taker(n)`` is a process that has taken so many slots."""
    processes = []

    def start(count):
        command = [sys.executable, "-c", TAKES, str(share.folder), str(count)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes.append(process := subprocess.Popen(command, cwd=ROOT, **pipes))
        assert process.stdout.readline() == "taken\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def ended(after_s=0.0):
    """An event that is set after some seconds."""
    event = threading.Event()
    threading.Timer(after_s, event.set).start()
    return event


def test_all_processes_of_a_user_have_one_share(share, taker):
    taker(1)
    own = share.take(ended(5))
    assert own and share.take(ended(0.2)) is None
    own()
    again = share.take(ended(5))
    assert again
    again()


def test_a_killed_process_frees_its_slots(share, taker):
    holder = taker(2)
    assert share.take(ended(0.2)) is None
    holder.kill()
    assert share.take(ended(10))


def test_who_waits_says_so_once(share, taker, capsys):
    holder = taker(2)
    got = []
    threads = [threading.Thread(target=lambda: got.append(share.take(ended(20)))) for _ in "ab"]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    shown = ""
    while WAITING not in shown and time.monotonic() < deadline:
        time.sleep(0.1)
        shown += capsys.readouterr().err
    holder.kill()
    for thread in threads:
        thread.join()
    assert all(got) and shown.count(WAITING) == 1


def test_a_home_that_cannot_be_written_to_bounds_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    share = Share(tmp_path / "file" / "locks", 1)
    assert share.take(ended()) and share.take(ended())
