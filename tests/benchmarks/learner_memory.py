"""Memory of one learner on a shared server: the JupyterLab server and the kernel together.

    python tests/benchmarks/learner_memory.py [00_start 02_sampling 04_compare] [--server ADDRESS]

Runs each notebook in a kernel of its own, beside one JupyterLab server, and samples both with all
their children: USS is what only they use, PSS adds their part of what is shared. At most 250 MB of
USS are promised (the largest sample counts). Without an address, llama.cpp's server is started
with 16 slots, in a process of its own, which is not counted.
"""

import argparse
import os
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil

from labkit.commands.lab import FRUGAL
from labkit.commands.notebooks.execute import execute
from labkit.models.machine import inspect_machine

ROOT = Path(__file__).resolve().parents[2]
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
    parser.add_argument("notebooks", nargs="*", default=["00_start", "02_sampling", "04_compare"])
    parser.add_argument("--server")
    args = parser.parse_args()
    os.environ |= FRUGAL | {"LABKIT_SERVER": args.server or _serve()}
    lab = _jupyter()
    try:
        largest = [_measure(name, lab) for name in args.notebooks]
    finally:
        lab.terminate()
    print(f"{inspect_machine().cpu}, {inspect_machine().system}")
    sys.exit(any(each > MOST_MB for each in largest))


def _serve():
    from labkit.backends.llamacpp.model import get_gguf

    command = [sys.executable, "-c", SERVE, str(get_gguf("smollm2-135m")), "1"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process.stdout.readline().strip()


def _jupyter():
    """A JupyterLab server, as `labkit lab` starts one."""
    token = f"--IdentityProvider.token={secrets.token_hex(16)}"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", token]
    command += ["--ServerApp.log_level=ERROR", f"--ServerApp.root_dir={ROOT}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    used_s = -1.0
    while used_s != (used_s := sum(psutil.Process(process.pid).cpu_times()[:2])):
        time.sleep(5)  # until it has loaded its extensions, and is idle
    return process


def _measure(name, lab):
    path = ROOT / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    samples, done = [], threading.Event()

    def watch():
        while not done.wait(0.5):
            samples.append(_memory(lab))

    threading.Thread(target=watch, daemon=True).start()
    run = execute(path, notebook)
    done.set()
    server, kernel = zip(*samples, strict=True)
    uss = [a.uss + b.uss for a, b in samples]
    pss = max(a.pss + b.pss for a, b in samples)
    parts = [max(each.uss for each in side) / 1e6 for side in (kernel, server)]
    print(
        f"{name}: USS at most {max(uss) / 1e6:.0f} MB (kernel {parts[0]:.0f}, Lab server "
        f"{parts[1]:.0f}), PSS {pss / 1e6:.0f} MB; {run.problem or 'every cell ran'}",
        flush=True,
    )
    return max(uss) / 1e6


class _Sum:
    def __init__(self, processes):
        self.uss = self.pss = 0
        for process in processes:
            try:
                memory = process.memory_full_info()
            except psutil.Error:  # it has ended
                continue
            self.uss, self.pss = self.uss + memory.uss, self.pss + memory.pss


def _memory(lab):
    """Of the Lab server, and of the kernel with its children."""
    own = psutil.Process(lab.pid)
    kernels = [
        child
        for child in psutil.Process().children()
        if child.is_running() and "ipykernel_launcher" in " ".join(_command(child))
    ]
    below = [each for kernel in kernels for each in [kernel, *kernel.children(recursive=True)]]
    return _Sum([own, *own.children(recursive=True)]), _Sum(below)


def _command(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


if __name__ == "__main__":
    main()
