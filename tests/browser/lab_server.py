"""JupyterLab by the lab's own command, without a network where the Linux kernel can do that."""

import contextlib
import ctypes
import functools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from .chromium import CHROMIUM

ROOT = Path(__file__).resolve().parents[2]
PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1  # linux/prctl.h
IN_NAMESPACE = [sys.executable, "-m", "labkit.topics.privacy.network.network_namespace"]


@functools.cache
def can_be_offline():
    """Whether the lab, its kernels and a Chromium can share a network namespace of their own."""
    if not (CHROMIUM and shutil.which("nsenter")):
        return False
    return not subprocess.run([*IN_NAMESPACE, "true"], cwd=ROOT, capture_output=True).returncode


class LabServer:
    """``python3 -m labkit lab`` on this checkout, with settings of its own.

    Attributes:
        address: of its first page, token included.
        chromium: the program that starts Chromium where the lab is: outside the namespace its
            loopback cannot be reached.
    """

    def __init__(self, folder):
        command = [sys.executable, "-m", "labkit", "lab", "--no-browser"]
        self.process = subprocess.Popen(
            [*IN_NAMESPACE, *command] if can_be_offline() else command,
            cwd=ROOT,
            env=os.environ | _settings(folder),
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_end_with_parent if PRCTL else None,
        )
        self.address = self._read_address()
        self.chromium = self._write_chromium(folder) if can_be_offline() else CHROMIUM

    def _read_address(self):
        for line in self.process.stdout:
            if found := re.search(r"http://\S+", line):
                return found.group()
        raise AssertionError("the lab printed no address")

    def _write_chromium(self, folder):
        enter = ["nsenter", f"--target={self.process.pid}", "--net", "--preserve-credentials"]
        if _namespace("user", self.process.pid) != _namespace("user"):
            enter.append("--user")
        script = folder / "chromium"
        script.write_text(f'#!/bin/sh\nexec {shlex.join([*enter, CHROMIUM])} "$@"\n')
        script.chmod(0o755)
        return str(script)

    def assert_offline(self):
        """Where that is possible: no process of the lab and of its Chromium has our network."""
        if not can_be_offline():
            return
        ours, browsers = _namespace("net"), []
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # another test's, which has ended
                if "--disable-background-networking" in process.cmdline():
                    browsers.append(process)
        assert browsers
        for process in [*psutil.Process(self.process.pid).children(recursive=True), *browsers]:
            assert _namespace("net", process.pid) != ours, process

    def close(self):
        """Ends it, kernels included."""
        self.process.terminate()
        self.process.wait(20)


def _end_with_parent():
    """In the child: it is terminated when we are killed, as xdist does with workers on Ctrl-C."""
    PRCTL(PR_SET_PDEATHSIG, signal.SIGTERM)


def _namespace(kind, pid="self"):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def _settings(folder):
    """The environment of a JupyterLab that shows its objects to a page and saves nothing."""
    (folder / "jupyter_lab_config.json").write_text(
        json.dumps({"LabApp": {"expose_app_in_browser": True}})
    )
    saving = folder / "settings" / "@jupyterlab" / "docmanager-extension"
    saving.mkdir(parents=True)  # the checkout's notebooks stay as they are
    (saving / "plugin.jupyterlab-settings").write_text('{"autosave": false}')
    return {
        "HF_HUB_OFFLINE": "1",
        "JUPYTER_CONFIG_DIR": str(folder),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "PYTHONUNBUFFERED": "1",
    }
