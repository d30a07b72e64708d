"""`python3 -m labkit check`: format, style and types of the code, in seconds."""

import subprocess
import sys
import time
from argparse import Namespace

from labkit.install.checkout import ROOT

CODE = ("labkit", "tests", "notebooks")
# What each reads of pyproject.toml: [tool.ruff], and for types [tool.pyrefly].
CHECKS = {
    "format": ("ruff", "format", "--check", *CODE),
    "style": ("ruff", "check", *CODE),
    "types": ("pyrefly", "check", "--python-interpreter-path", sys.executable),
}
FIXES = (("ruff", "check", "--fix", "--quiet", *CODE), ("ruff", "format", "--quiet", *CODE))


def main(args: Namespace) -> int:
    """Runs the checks, after ruff's fixes if ``args.fix``; returns 0 when all passed, else 1."""
    if args.fix:
        for command in FIXES:  # what is left, the checks report
            _run(command)
    return int(not all([_passes(name) for name in CHECKS]))  # a list: all of them run


def _passes(name: str) -> bool:
    began = time.monotonic()
    ran = _run(CHECKS[name])
    word = "FAILED" if ran.returncode else "passed"
    print(f"{word}   {name:6}  ({time.monotonic() - began:.1f} s)", flush=True)
    if ran.returncode:
        print((ran.stdout + ran.stderr).strip())
    return not ran.returncode


def _run(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, encoding="utf-8", cwd=ROOT
    )
