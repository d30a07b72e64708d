"""One learner sweeps in three kernels; another asks short questions: with the bound and without.

    python -m tests.benchmarks.fairness [--rounds 3] [--slots 16]

From the checkout's root, with `labkit[llamacpp]`. One model server as of a class; the contenders
take turns. With the bound, the three kernels have one home and so one share of the slots (a
quarter); without it, each has a home of its own and all slots for a share. What is measured is the
other learner's time to first token.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from labkit.classroom.model_server import parameters
from labkit.classroom.settings import free_port
from labkit.models.machine import inspect_machine
from labkit.models.storage.store import home
from labkit.stats import percentile

KERNELS, QUESTIONS = 3, 6
BEGIN = """
import sys, time
from labkit.backends.served import open as served
served.SHARE = int(sys.argv[1])
import labkit as lab
model = lab.load("smollm2-135m")
print("ready", flush=True)
sys.stdin.readline()
"""
SWEEP = f"""{BEGIN}
while True:
    lab.sweep(model, "Say something about the sea.", temperatures=(0.5, 1), samples=16,
              max_tokens=24)
"""
ASK = f"""{BEGIN}
for number in range({QUESTIONS}):
    began = time.perf_counter()
    stream = lab.stream(model, f"What is {{number}} plus 2?", max_tokens=8)
    next(stream)
    print(time.perf_counter() - began, flush=True)
    list(stream)
    time.sleep(0.5)
"""


def main():
    """Runs the contenders in turn, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, default=16)
    args = parser.parse_args()
    import xllamacpp

    here = inspect_machine()
    print(f"{here.cpu}, {here.cores} cores; SmolLM2-135M, {args.slots} slots.\n", flush=True)
    chosen = {"model": "smollm2-135m", "slots": args.slots, "context": 1024}
    settings = SimpleNamespace(**chosen, model_port=free_port())
    server = xllamacpp.Server(parameters(xllamacpp, settings))
    waits = {"nobody sweeps": [], "bounded": [], "without": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            for name, found in waits.items():
                found += ask_beside(name, server.listening_address, Path(folder))
    print("| sweeps of another | TTFT p50 | p95 | worst |\n|---|---|---|---|")
    for name, found in waits.items():
        p50, p95 = percentile(found, 50), percentile(found, 95)
        print(f"| {name} | {p50:.2f} s | {p95:.2f} s | {max(found):.2f} s |")


def ask_beside(name, address, folder):
    """The waits of who asks while a learner sweeps, in that way."""
    share = "1" if name == "without" else "4"
    sweepers = []
    for number in range(KERNELS if name != "nobody sweeps" else 0):
        own = f"sweeper-{number}" if name == "without" else "sweeper"
        sweepers.append(start(SWEEP, share, address, folder / own))
    asker = start(ASK, "4", address, folder / "asker")
    try:
        for each in (*sweepers, asker):
            assert each.stdout.readline() == "ready\n"
        for each in sweepers:
            release(each)
        time.sleep(2)
        release(asker)
        return [float(asker.stdout.readline()) for _ in range(QUESTIONS)]
    finally:
        for each in (*sweepers, asker):
            each.kill()
            each.communicate()


def start(code, share, address, own_home):
    """A kernel of somebody with that home."""
    own_home.mkdir(exist_ok=True)
    env = {"HOME": str(own_home), "XDG_CACHE_HOME": str(own_home / ".cache")}
    env |= {"LABKIT_SERVER": address, "LABKIT_HOME": str(home())}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    command = [sys.executable, "-c", code, share]
    return subprocess.Popen(command, env=os.environ | env, text=True, **pipes)


def release(process):
    """Lets it begin."""
    process.stdin.write("\n")
    process.stdin.flush()


if __name__ == "__main__":
    main()
