"""`labkit test`: the suite in two parts, both of which count."""

import pytest

from labkit.commands import arguments
from labkit.commands import test as command

pytestmark = pytest.mark.slow  # each is two runs of pytest or more
SUITE = """
import os, pytest
@pytest.mark.alone
def test_alone(): assert "PYTEST_XDIST_WORKER" not in os.environ
@pytest.mark.alone
@pytest.mark.slow
def test_alone_and_slow(): assert {alone}
@pytest.mark.slow
def test_slow(): pass
def test_beside_others(): assert "PYTEST_XDIST_WORKER" in os.environ and {beside}
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """``run(*options)`` on a suite of four tests: exit status, and what each part ended with."""
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)  # which the command changes
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # this test may be beside others
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  alone\n  slow\n")

    def run(*options, alone=True, beside=True):
        (tmp_path / "test_it.py").write_text(SUITE.format(alone=alone, beside=beside))
        status = command.main(arguments.parse(["test", *options]))
        lines = capfd.readouterr().out.splitlines()
        return status, [line.split(" in ")[0].strip("= ") for line in lines if " in " in line]

    return run


def test_the_whole_suite_is_two_runs(run):
    assert run() == (0, ["2 passed", "2 passed, 2 deselected"])


def test_a_failure_of_either_counts(run):
    assert run(alone=False)[0] == run(beside=False)[0] == 1


def test_quick_leaves_out_what_is_slow(run):
    assert run("--quick", alone=False) == (0, ["1 passed"])


def test_quick_with_options(run):
    status, lines = run("--quick", "-k", "beside")
    assert (status, lines[0]) == (0, "1 passed")
    assert run("--quick", "-k", "nothing_of_that_name")[0] != 0


def test_options_alone_are_one_run(run):
    assert run("-k", "alone", "-m", "not slow") == (0, ["1 passed, 3 deselected"])
