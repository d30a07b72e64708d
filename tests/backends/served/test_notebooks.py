"""The notebooks' own cells on a shared server, in kernels in which torch cannot be imported.

And a learner's memory there: a kernel's and a Lab server's.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from labkit.install.frugal import FRUGAL
from labkit.models.tokenizers.shared import ADDRESS

from .memory import largest, private_mb

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def environment(llama_server, tokenizers, without_torch):
    """Of a learner in a class."""
    return learner_environment(llama_server.address, without_torch) | {ADDRESS: tokenizers}


def learner_environment(address, without_torch):
    """Of a learner on a shared server."""
    paths = os.pathsep.join([str(without_torch), str(ROOT)])
    return os.environ | FRUGAL | {"LABKIT_SERVER": address, "PYTHONPATH": paths}


@pytest.fixture(scope="module")
def lab_server_mb(environment):
    """Private memory of a Lab server that `labkit lab` has started, when it is idle."""
    command = [sys.executable, "-m", "labkit", "lab", "--no-browser"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as lab:
        while b"The lab is open at" not in lab.stdout.readline():
            assert lab.poll() is None
        [server] = psutil.Process(lab.pid).children()
        used_s = -1.0
        while used_s != (used_s := sum(server.cpu_times()[:2])):
            time.sleep(3)
        found = private_mb(server.pid)
        lab.terminate()
    return found


def run_notebook(name, environment):
    """Runs a notebook, and gives the most private memory that its kernel had, in MB."""
    command = [sys.executable, "-m", "labkit", "run", name]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as run:
        with largest(lambda: kernels_mb(run.pid)) as kernel_mb:
            said = run.communicate()[0]
        assert run.returncode == 0, said[-6000:]
        return kernel_mb()


def kernels_mb(pid):
    """Private memory of the kernels that a process has started, and of what they keep running."""
    try:
        children = psutil.Process(pid).children()
        kernels = [each.pid for each in children if "ipykernel_launcher" in each.cmdline()]
    except psutil.Error:  # it has ended
        return 0
    return sum(private_mb(each) for each in kernels)


@pytest.mark.slow
@pytest.mark.usefixtures("notebook_files")
@pytest.mark.parametrize(
    "name", ["00_start", "01_tokens", "02_sampling", "04_compare", "05_privacy", "10_decide"]
)
def test_a_notebook_runs_unchanged_and_a_learner_takes_250_mb(name, environment, lab_server_mb):
    kernel_mb = run_notebook(name, environment)
    if sys.platform == "linux":
        assert kernel_mb > 50 and lab_server_mb > 30
        assert kernel_mb + lab_server_mb < 250, (kernel_mb, lab_server_mb)
