"""Each learner is a user of the system: none reads another's files, the class's or the answers."""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labkit.classroom.learners import system_users

pytest.importorskip("jupyterhub", reason="pip install 'labkit[class]'")
pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")

from .learner import Learner
from .running_class import ROOT, RunningClass

OWN_MOUNTS = [sys.executable, "-m", "tests.classroom.own_mounts"]
TRY = """
import os
from pathlib import Path
def reads(path):
    try:
        return bool(os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1))
    except PermissionError:
        return False
print(os.getuid() != 0, [path for path in {paths!r} if reads(path)])
"""


def refusal():
    """Why users cannot be tried here; empty where they can."""
    if not system_users.are_possible():
        return "only root on Linux makes users"
    tried = subprocess.run([*OWN_MOUNTS, "true"], cwd=ROOT, capture_output=True, text=True)
    return tried.stderr.strip().splitlines()[-1] if tried.returncode else ""


@pytest.fixture(scope="module")
def running():
    """A class in a folder that others may enter; its users exist where it runs alone."""
    if reason := refusal():
        pytest.skip(f"no users here: {reason}")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        options = ("--students", "2")
        running = RunningClass(Path(folder) / "class", *options, users=(), inside=OWN_MOUNTS)
        yield running
        running.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_learner_reads_nothing_of_another_or_of_the_class(running):
    address, word, folder = running.settings.address, running.settings.word, running.folder
    assert "All learners are one user" not in running.log.read_text()
    with ThreadPoolExecutor(2) as pool:
        ada, grace = pool.map(lambda name: begin(Learner(address, name, word)), ("ada", "grace"))
    running.ask("assignment", "06_cost")
    assert "are copied to" in running.ask("collect")
    assert (folder / "collected" / "grace" / "notebooks" / "00_start.ipynb").is_file()
    servers = running.processes("singleuser")
    (server,) = [each for each in servers if each.environ()["HOME"].endswith("/grace")]
    paths = [
        running.settings.learners / "grace",
        running.settings.learners / "grace" / "key.txt",
        folder / "class.json",
        folder / "hub.sqlite",
        folder / "hub_cookie_secret",
        folder / "owners.json",
        folder / "course",
        ROOT / "tests" / "notebooks" / "answers.json",
        ROOT / ".git",
        folder / "collected" / "grace" / "notebooks" / "00_start.ipynb",
        f"/proc/{server.pid}/environ",
    ]
    assert ada.run(TRY.format(paths=[str(path) for path in paths])) == "True []\n"
    own = [str(running.settings.learners / "ada" / "key.txt"), str(ROOT / "labkit" / "cli.py")]
    assert ada.run(TRY.format(paths=own)) == f"True {own}\n"
    ada.run("path = os.path.expanduser('~/assignments/06_cost.ipynb'); open(path).read(1)")
    ada.run(f"os.remove(path); os.symlink({str(folder / 'class.json')!r}, path)")
    collected = running.ask("collect", "06_cost")
    assert "ada: " in collected and "cannot be read" in collected and "Missing: ada." in collected
    handed_in = running.settings.course / "submitted"
    assert sorted(each.name for each in handed_in.iterdir()) == ["grace"]
    assert grace.run("print(open('key.txt').read())") == "grace's key\n"


def begin(learner):
    """A learner with a key in a file that all may read, if they get to it."""
    assert learner.log_in()
    learner.start()
    learner.open_kernel()
    key = f"open(path, 'w').write({learner.name + chr(39) + 's key'!r})"
    learner.run(f"import os; path = os.path.expanduser('~/key.txt'); {key}; os.chmod(path, 0o644)")
    return learner


@pytest.mark.skipif(not system_users.are_possible(), reason="only root on Linux makes users")
def test_an_account_of_somebody_else_is_never_used(tmp_path):
    code = """
from types import SimpleNamespace
from pathlib import Path
from labkit.classroom.learners import system_users
system_users.require_group()
system_users.require_account(SimpleNamespace(learners=Path("/nowhere")), "root")
"""
    tried = subprocess.run([*OWN_MOUNTS, sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert tried.returncode and b"is a user of this machine" in tried.stderr
