"""`labkit test --gpu`: its checks run on the CPU too, dry, so that they stay in order."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from labkit.install.checkout import ROOT

FAILING = """
def test_it(checks):
    checks.at_most('first', 2.0, 1.0)
    checks.same('next', 3, 3)
"""
COMMAND = [sys.executable, "-m", "labkit", "test", "--gpu"]


def run(tmp_path, command=COMMAND, cwd=ROOT, **environment):
    hidden = {"OUT": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""}  # and so is any GPU
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=os.environ | hidden | environment
    )


def rows_in(tmp_path):
    return json.loads((tmp_path / "gpu.json").read_text())["checks"]


@pytest.mark.slow
def test_every_check_runs_dry(tmp_path):
    finished = run(tmp_path, LABKIT_GPU_DRY="1")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    rows = rows_in(tmp_path)
    assert {row["passed"] for row in rows} == {True, None}
    assert "| test_a_mode_writes_the_greedy_text[own-stream] | " in finished.stdout
    skipped = {row["test"].rpartition("::")[2] for row in rows if row["check"] == "skipped"}
    assert skipped <= {"test_4_bit_weights_by_llama_cpp"}
    # Numbers of a CPU decide nothing about a GPU's speed.
    assert all(row["passed"] is None for row in rows if "of generate" in row["check"])


@pytest.mark.slow
def test_without_a_gpu_nothing_has_passed(tmp_path):
    finished = run(tmp_path, LABKIT_GPU_DRY="0")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert " passed" not in finished.stdout
    for row in rows_in(tmp_path):
        assert (row["check"], row["passed"]) == ("skipped", None)
        assert "sees no CUDA GPU here" in row["value"]


@pytest.mark.slow
def test_a_failed_check_fails_its_test_at_the_end(tmp_path):
    """In a copy of the folder, with a test that goes on after a check has failed."""
    shutil.copytree(ROOT / "tests" / "gpu", tmp_path / "tests" / "gpu")
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    test = tmp_path / "tests" / "gpu" / "test_failing.py"
    test.write_text(FAILING)
    command = [sys.executable, "-m", "pytest", "--import-mode=importlib", "-q", test]
    finished = run(tmp_path, command, cwd=tmp_path, LABKIT_GPU_DRY="1", PYTHONPATH=str(ROOT))
    assert finished.returncode == 1
    assert "first: 2, not ≤ 1" in finished.stdout
    assert [row["passed"] for row in rows_in(tmp_path)] == [False, True]
