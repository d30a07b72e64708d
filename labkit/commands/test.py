"""``python3 -m labkit test``: the whole suite two tests at a time, or what pytest is asked for."""

import os
import subprocess
import sys

from labkit.install.checkout import ROOT

# A file's tests share what it set up; files go in their order, so the long ones of a browser early.
TWO_WORKERS = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
# Without the suite's own options, whose plugins a bare machine with a GPU may lack.
ON_A_GPU = ["tests/gpu", "-o", "addopts=--strict-markers --import-mode=importlib", "-q"]
# Two processes that compute: a thread that waits for work lets the other's have its core.
BESIDE_ANOTHER = {"OMP_WAIT_POLICY": "passive"}


def main(args):
    """Runs pytest over the checkout and returns its exit status, or the first that is not 0.

    The whole suite is two runs: what times something has the machine to itself. Its quick part is
    the first run without what is slow. What needs a GPU is in neither: ``--gpu`` runs that alone.
    """
    os.chdir(ROOT)
    options = args.pytest_arguments
    if args.gpu:
        return _pytest([*ON_A_GPU, *options])
    if options and not args.quick:
        return _pytest(options)
    if args.quick:
        quick = ["-m", "not alone and not slow", "--ignore=tests/browser", *options]
        return _pytest([*TWO_WORKERS, *quick], **BESIDE_ANOTHER)
    statuses = [
        _pytest([*TWO_WORKERS, "-m", "not alone"], **BESIDE_ANOTHER),
        _pytest(["-m", "alone"]),
    ]
    return next(filter(None, statuses), 0)


def _pytest(options, **environment):
    return subprocess.call([sys.executable, "-m", "pytest", *options], env=os.environ | environment)
