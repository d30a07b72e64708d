"""``python3 -m labkit class start`` as a process of its own, and what it is asked from outside."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from labkit.classroom.settings import read_settings

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "labkit", "class"]


class RunningClass:
    """A class.

    Attributes:
        folder: its folder.
        settings: what it was started with.

    Args:
        folder: its folder.
        options: of the command.
        users: the option that says whose processes those of learners are.
        inside: what the command is run by.
    """

    def __init__(self, folder, *options, users=("--one-user",), inside=()):
        self.folder = folder
        command = [*inside, *COMMAND, "start", "--folder", str(folder), *users, *options]
        self.log = folder.with_name(f"{folder.name}.log")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=_env())
        self._enter = ["nsenter", f"--target={self.process.pid}", "--mount"] if inside else []
        try:
            self._wait_until_announced()
        except BaseException:
            self.process.terminate()  # nobody else could
            raise
        self.settings = read_settings(folder)

    def _wait_until_announced(self):
        deadline = time.monotonic() + 180
        while "Ctrl-C ends it" not in self.log.read_text().rpartition("The class is stopped")[2]:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)

    def ask(self, *arguments):
        """What one of the command's actions prints."""
        command = [*self._enter, *COMMAND, *arguments, "--folder", str(self.folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=_env())
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kill(self, part):
        """Kills its hub or its model server, and says which process that was."""
        (process,) = self.processes(f"labkit.classroom.{part}")
        process.kill()
        return process.pid

    def processes(self, words):
        """Its processes whose command line has these words; learners' servers too."""
        found = []
        for each in psutil.process_iter(["cmdline", "environ"]):
            line = " ".join(each.info["cmdline"] or [])
            ours = str(self.folder) in f"{line} {each.info['environ']}"
            if words in line and ours:
                found.append(each)
        return found

    def wait_for(self, part, *, other_than):
        """Waits until another process has taken a killed one's place and answers."""
        from labkit.classroom.hub_client import ask_hub, ask_model

        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            there = self.processes(f"labkit.classroom.{part}")
            try:
                if there and there[0].pid != other_than:
                    ask_hub(self.settings, "/") if part == "hub" else ask_model(
                        self.settings, "/health"
                    )
                    return
            except OSError:
                pass
            time.sleep(0.3)
        raise AssertionError(f"{part} did not come back: {self.log.read_text()}")

    def close(self):
        """Ends it, whatever state it is in."""
        self.process.terminate()
        try:
            self.process.wait(90)
        finally:
            self.process.kill()


def _env():
    return os.environ | {"PYTHONUNBUFFERED": "1"}
