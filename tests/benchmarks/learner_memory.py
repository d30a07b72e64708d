"""Memory of one learner on a shared server: the JupyterLab server and the kernel together.

    python -m tests.benchmarks.learner_memory [00_start 01_tokens …] [--server ADDRESS]

Runs each notebook in a kernel of its own, beside one JupyterLab server, and samples both with all
their children. What counts is memory that they have written: pages of files that are only read,
such as libraries, all learners share. At most 250 MB are promised (the largest sample counts), and
what a child without a network takes for some seconds is listed apart.
Without an address, llama.cpp's server is started with 16 slots, in a process of its own. The
class's tokenizers are in another. Neither is counted.
"""

import argparse
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil

from labkit.commands.lab import CONFIG, QUIET, START, free_port
from labkit.commands.notebooks.execute import execute
from labkit.install.frugal import FRUGAL
from labkit.models.machine import inspect_machine
from labkit.models.tokenizers.shared import ADDRESS

from ..backends.served.memory import cut_off_mb, largest, private_mb
from ..backends.served.shared_tokenizers import serving_tokenizers

ROOT = Path(__file__).resolve().parents[2]
# Those that run on a shared server.
NAMES = ("00_start", "01_tokens", "02_sampling", "04_compare")
NAMES += ("05_privacy", "07_prompts", "08_limits", "10_decide")
MOST_MB = 250
SERVE = """
import sys, time, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.model_alias = sys.argv[1], {"smollm2-135m"}
parameters.n_ctx, parameters.n_parallel, parameters.verbosity = 16384, 16, 0
parameters.kv_unified, parameters.n_threads_http = True, 24
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(sys.argv[2])
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


def main():
    """Prints a line for each notebook, and fails above the promise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", default=NAMES)
    parser.add_argument("--server")
    args = parser.parse_args()
    with serving_tokenizers() as tokenizers:
        os.environ |= FRUGAL | {"LABKIT_SERVER": args.server or _serve(), ADDRESS: tokenizers}
        sizes = _measure_all(args.notebooks)
    print(f"{inspect_machine().cpu}, {inspect_machine().system}")
    sys.exit(any(each > MOST_MB for each in sizes))


def _measure_all(names):
    lab = _jupyter()
    try:
        return [_measure(name, lab) for name in names]
    finally:
        lab.terminate()


def _serve():
    from labkit.backends.llamacpp.model import get_gguf

    command = [sys.executable, "-c", SERVE, str(get_gguf("smollm2-135m")), "1"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process.stdout.readline().strip()


def _jupyter():
    """A JupyterLab server, as `labkit lab` starts one."""
    command = [sys.executable, "-c", START, *QUIET, f"--ServerApp.root_dir={ROOT}"]
    command += ["--ServerApp.open_browser=False", f"--ServerApp.port={free_port('127.0.0.1')}"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"JUPYTER_CONFIG_PATH": str(CONFIG)},
    )
    assert process.stdin
    process.stdin.write(f"{secrets.token_hex(16)}\n".encode())
    process.stdin.close()
    used_s = -1.0
    while used_s != (used_s := sum(psutil.Process(process.pid).cpu_times()[:2])):
        time.sleep(5)  # until it has loaded its extensions, and is idle
    return process


def _measure(name, lab):
    path = ROOT / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    server = private_mb(lab.pid)
    with (
        largest(lambda: sum(map(private_mb, _kernels()))) as kernel,
        largest(lambda: sum(map(cut_off_mb, _kernels()))) as cut_off,
    ):
        run = execute(path, notebook)
        both = kernel() + server
    print(
        f"{name}: {both:.0f} MB (kernel at most {kernel():.0f}, Lab server {server:.0f}); without "
        f"a network, for seconds, {cut_off():.0f}; {run.problem or 'every cell ran'}",
        flush=True,
    )
    return both


def _kernels():
    return [
        child.pid
        for child in psutil.Process().children()
        if child.is_running() and "ipykernel_launcher" in " ".join(_command(child))
    ]


def _command(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


if __name__ == "__main__":
    main()
