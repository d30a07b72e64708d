"""A class of three on this machine, with a real hub and a real model; and what surrounds it."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from labkit.classroom.hub_client import read_load
from labkit.classroom.learners import system_users
from labkit.classroom.settings import checked_names
from labkit.errors import LabError

pytest.importorskip("jupyterhub", reason="pip install 'labkit[class]'")
pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")

from .learner import Learner
from .running_class import RunningClass

NAMES = ("ada", "grace", "edsger")
ASK = """
import labkit as lab
model = lab.load("smollm2-135m")  # the shared one, as LABKIT_SERVER says
reply = lab.generate(model, "Say {name}.", max_tokens=8, seed=1)
print(bool(reply.text) and not reply.error)
"""

REFUSALS = {
    "alan": "All 3 seats are taken",
    "ada": "Another browser has this name",
    "Ада": "A name has up to 31 letters a to z",
}

TOKENIZE = """
import labkit as lab
hello = lab.tokenize("Hello world", "o200k")
print([*hello.ids], hello.reader.library)
"""


@pytest.fixture(scope="module")
def running(certificate, tmp_path_factory):
    """Encrypted, as it is to be wider than the loopback."""
    tls = ("--certificate", certificate.chain, "--certificate-key", certificate.key)
    running = RunningClass(tmp_path_factory.mktemp("class") / "three", "--students", "3", *tls)
    yield running
    running.close()


@pytest.fixture
def browser(running, certificate):
    """``browser(name)`` is that of somebody who will type that name."""
    address, word = running.settings.address, running.settings.word
    return lambda name: Learner(address, name, word, certificate.authority)


def begin(learner):
    """A learner who has logged in, whose cell has run, and whose file is theirs."""
    assert learner.log_in()
    learner.start()
    learner.open_kernel()
    learner.run(f"import os; mine = {learner.name!r}; open('mine.txt', 'w').write(mine)")
    return learner


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_three_learn_while_the_hub_and_the_model_are_killed(running, browser):
    assert running.settings.address.startswith("https://127.0.0.1:")
    assert ("that user is root" in running.log.read_text()) == system_users.are_possible()
    with pytest.raises(requests.exceptions.SSLError):  # its certificate is not in the system's list
        Learner(running.settings.address, "ada", running.settings.word).log_in()
    with ThreadPoolExecutor(3) as pool:
        learners = list(pool.map(begin, map(browser, NAMES)))
        answers = list(pool.map(lambda one: one.run(ASK.format(name=one.name)), learners))
    assert answers == ["True\n"] * 3
    status = running.ask("status")
    assert status.startswith("3 of 3 learners are here") and "1 kernel" in status
    assert "the model writes" in status and "—" not in status

    # A fourth has no seat; a name is the browser's that took it.
    for name, reason in REFUSALS.items():
        refused = browser(name)
        assert not refused.log_in() and reason in refused.refusal, name
    stranger = browser("ada")
    stranger._word = "guessed-word"
    assert not stranger.log_in() and "not the word of this class" in stranger.refusal
    page = browser("a").session.get(f"{running.settings.address}/hub/login", timeout=60).text
    assert "letters a to z, digits and -" in page and "the word of your class" in page

    running.wait_for("model_server", other_than=running.kill("model_server"))
    assert learners[0].run(ASK.format(name="ada")) == "True\n"
    running.wait_for("tokenizer_server", other_than=running.kill("tokenizer_server"))
    assert learners[1].run(TOKENIZE) == "[13225, 2375] None\n"  # none of it is in the kernel
    running.wait_for("hub", other_than=running.kill("hub"))
    for learner in learners:  # their kernels have lived on, with what they hold
        assert learner.run("print(mine)") == f"{learner.name}\n"  # on the same connection

    # The leader frees a name: who had it is put out, and the files are the next one's.
    assert "may log in from another browser" in running.ask("release", "ada")
    home = learners[0].session.get(f"{running.settings.address}/hub/home", timeout=60)
    assert "/hub/login" in home.url
    assert browser("Ada ").log_in()  # as a tablet types it

    learners[1].run("import pathlib; pathlib.Path('notebooks/00_start.ipynb').write_text('mine')")
    assert "is stopped" in running.ask("stop")
    assert running.process.wait(60) == 0
    assert wait_until(lambda: not running.processes("python"))
    for name in NAMES:
        assert (running.settings.learners / name / "mine.txt").read_text() == name


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)
    return condition()


@pytest.mark.parametrize("name", ["Root!", "9ada", "a b", "../ada", "x" * 40, "ада", "a--b", "a-"])
def test_a_name_is_a_folders_and_a_users(name):
    with pytest.raises(LabError, match="cannot be a learner's name"):
        checked_names([name])


def test_a_list_may_repeat_itself():
    assert checked_names(["Ada ", "", "grace", "ada"]) == ("ada", "grace")
    assert checked_names(["a", "ada-l", "x" * 31]) == ("a", "ada-l", "x" * 31)


def test_the_load_is_read_of_both_servers():
    assert read_load('vllm:num_requests_waiting{engine="0"} 2.0\n') == (None, 2)
    assert read_load("") == (None, None)


def test_a_folder_that_others_may_not_enter_is_named(tmp_path):
    closed = tmp_path / "closed"
    (closed / "inside").mkdir(parents=True)
    closed.chmod(0o700)
    assert closed in (
        found := system_users.closed_to_others(closed / "inside"),
        *found.parents,
        closed,
    )
