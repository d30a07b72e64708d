"""A copy of the files that the bootstrap is made of, with tiny dependencies of its own."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BARE = getattr(sys, "_base_executable", sys.executable)  # the Python below the environment
PIP = importlib.metadata.version("pip")

PYPROJECT = """
[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"
[project]
name = "labkit"
description = "A tiny lab."
requires-python = ">=3.11"
dynamic = ["version"]
dependencies = ["tiny-one>=1", "many-files"]
[project.optional-dependencies]
more = ["tiny-extra"]
llamacpp = []
test = ["labkit[more]"]
"""
EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
PINS = ["tiny-one==1.0", "many-files==1.0", "tiny-extra==1.0", "never-there==1.0", f"pip=={PIP}"]
SAY = """
import json, sys, importlib.metadata as metadata
def main(args):
    names = {d.name: d.version for d in metadata.distributions()}
    print(json.dumps({"prefix": sys.prefix, "executable": sys.executable, "packages": names}))
    return 7
"""


class Checkout:
    """A copy of the files that the bootstrap is made of, with dependencies of its own."""

    def __init__(self, root, index_url=""):
        self.root, self.index_url = root, index_url
        (root / "labkit/commands").mkdir(parents=True)
        for file in (ROOT / "labkit").glob("*.py*"):
            shutil.copy(file, root / "labkit")
        for folder in ("install", "filesystem", "interrupts", "commands/notebooks"):
            shutil.copytree(ROOT / "labkit" / folder, root / "labkit" / folder)
        for name in ("__init__.py", "arguments.py"):
            shutil.copy(ROOT / "labkit/commands" / name, root / "labkit/commands")
        shutil.copytree(ROOT / "labkit/models", root / "labkit/models")
        for name in ("run", "doctor", "models", "test"):
            (root / f"labkit/commands/{name}.py").write_text(SAY)
        (root / "notebooks").mkdir()
        for name in ("00_start", "01_tokens"):
            (root / f"notebooks/{name}.ipynb").write_text(EMPTY)
        (root / "pyproject.toml").write_text(PYPROJECT)
        (root / "requirements.lock").write_text("\n".join(PINS))
        self.venv = root / ".venv"
        self.log = self.venv / "labkit-install.log"

    def environment(self, **more):
        """Ours, without what pip or Python were told here, and with the loopback's index."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PIP_", "PYTHON", "LABKIT_", "VIRTUAL_ENV"))
        }
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "1"}
        index = {"PIP_INDEX_URL": self.index_url, "NO_PROXY": "*", "no_proxy": "*"}
        return kept | pip | index | more

    def start(self, *arguments, python=BARE, **more):
        """``python -m labkit …`` in a process group of its own, not waited for."""
        return subprocess.Popen(
            [python, "-m", "labkit", *arguments],
            cwd=self.root,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def run(self, *arguments, python=BARE, **more):
        """The same, waited for: exit status, stdout, stderr."""
        process = self.start(*arguments, python=python, **more)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err
