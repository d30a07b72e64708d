"""Running pip with visible progress, and with its failures explained in a sentence.

pip writes to a log, which is read for its steps while it runs. Like `bootstrap`, this uses the
standard library alone.
"""

import contextlib
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import time

from labkit.errors import LabError
from labkit.filesystem.write import write_text

LOG, LOCK, SCRATCH = "labkit-install.log", "labkit.lock", "labkit-scratch"
NO_NETWORK = re.compile(
    r"Retry\(total=0|Failed to connect to|connection-(failed|timeout)|incomplete-download"
)
DOWNLOADED = re.compile(
    r"\s*(?:Downloading|Using cached|Processing) (?:\S*[/\\])?(\S+?)-\d\S*?\.(?:whl|tar\.gz|zip)"
    r"(?:\s|$)"
)
FAILED = re.compile(
    r"No matching distribution found for ([\w.\-]+)"
    r"|Cannot install ([\w.\-]+)"
    r"|Failed (?:building wheel for|to build) '?([\w.\-]+)"
)


class StatusLine:
    """A line of progress: rewritten in a terminal, printed now and then anywhere else."""

    def __init__(self, stream=None, every_s=10):
        self.stream = stream or sys.stderr
        self.tty = self.stream.isatty()
        self.every_s = every_s
        self.stage, self.printed_at, self.open = "", 0.0, False

    def show(self, stage, detail):
        """Shows ``stage detail``; without a terminal, at a new stage and then every 10 s."""
        if self.tty:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write("\r" + f"{stage} {detail}"[:width].ljust(width))
            self.stream.flush()
            self.open = True
        elif stage != self.stage or time.monotonic() > self.printed_at + self.every_s:
            print(stage, detail, file=self.stream, flush=True)
            self.printed_at = time.monotonic()
        self.stage = stage

    def say(self, text):
        """Prints a line that stays."""
        self.end()
        print(text, file=self.stream, flush=True)

    def end(self):
        """Clears the line, so that the next output starts on its own."""
        if self.open:
            self.stream.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self.stream.flush()
        self.open = False


class Pip:
    """The pip of one environment.

    Args:
        venv: the environment's folder, where pip's output becomes ``labkit-install.log``.
        python: its interpreter.
        line: the StatusLine that shows pip's progress.
        lock: an open file that pip inherits, so that its lock lasts as long as pip does.
    """

    def __init__(self, venv, python, line, lock):
        self.python, self.line, self.lock = str(python), line, lock
        self.log = venv / LOG
        self.scratch = venv / SCRATCH  # /tmp is often too small for CUDA's wheels

    def run(self, *arguments, **more):
        """Runs one pip command."""
        # -I: no PYTHONPATH and no user packages, which pip could take for the environment's own.
        start = [self.python, "-I", "-u", "-m", "pip"]
        self.call([*start, *arguments], **more)

    def call(self, command, watch=lambda text: None, what="A package"):
        """Runs a command with its output in the log; ``watch`` gets the log's new text.

        Raises:
            LabError: it failed; the message says that ``what`` could not be installed, with the
                log's end.
        """
        with self.log.open("ab") as out, self.log.open(encoding="utf-8", errors="replace") as read:
            read.seek(0, os.SEEK_END)
            start = read.tell()
            process = self._start(command, out)
            try:
                while process.poll() is None:
                    watch(read.read())
                    time.sleep(0.1)
            finally:
                if process.poll() is None:  # Ctrl-C: pip stops too, and is waited for
                    process.terminate()
                    process.wait()
            read.seek(start)
            if process.returncode:
                raise self._failure(read.read(), what)

    def _start(self, command, out):
        settings = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}
        if self.scratch.is_dir():
            settings["TMPDIR"] = str(self.scratch)
        inherit = {} if os.name == "nt" else {"pass_fds": [self.lock.fileno()]}
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **settings},
            **inherit,
        )

    def _failure(self, text, what):
        again = "the same command continues where it stopped."
        if "No space left on device" in text or "Errno 28" in text:
            return LabError("The disk is full.", f"Make room on it; {again}")
        if NO_NETWORK.search(text):
            return LabError(
                "The package index cannot be reached: the network is down, or a proxy is missing.",
                f"Connect, or set pip's own proxy or index options; {again} A machine without a "
                "network is set up by `models unpack`.",
            )
        named = FAILED.search(text)
        what = next(filter(None, named.groups())) if named else what
        lines = [line for line in text.splitlines() if line.strip()][-6:]
        last = "".join(f"\n    {line[:200]}" for line in lines)
        problem = f"{what} could not be installed. pip's last lines:{last}"
        return LabError(problem, f"See {self.log}")

    def resolve(self, requirements, constraints, source):
        """The packages still missing for these requirements: ``[(name, version), …]``."""
        file, report = self.scratch / "requirements.txt", self.scratch / "report.json"
        write_text(file, "\n".join(requirements))
        what = ["--dry-run", "--report", report, "-c", constraints, "-r", file]
        watch = DownloadProgress(self.line, "Working out what to install: package").read
        self.run("install", "--progress-bar", "raw", *source, *map(str, what), watch=watch)
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
        return [(item["metadata"]["name"], item["metadata"]["version"]) for item in found]

    def install(self, packages, source, site, compiled=True):
        """Installs exactly these, one by one, then compiles them on all cores (pip uses one).

        Uncompiled, they take two thirds of the disk, and each start after the first is as quick.
        """
        if not packages:
            return
        exact = self.scratch / "exact.txt"
        write_text(exact, "\n".join(f"{name}=={version}" for name, version in packages))
        options = ["--progress-bar", "raw", "--no-deps", "--no-compile", "-r", str(exact)]
        watch = _InstallProgress(self.line, packages, site).read
        self.run("install", *source, *options, watch=watch)
        if not compiled:
            return
        self.line.show("Compiling", f"{len(packages)} packages")
        with contextlib.suppress(LabError):  # templates in packages are not valid Python
            self.call([self.python, "-I", "-m", "compileall", "-qq", "-j", "0", str(site)])


@contextlib.contextmanager
def locked(venv, line):
    """Lets one process at a time set up. The system releases the lock when its holders end.

    pip inherits it: a killed process may leave a pip behind that runs on for a while.
    """
    with open(venv / LOCK, "a+b") as lock:
        while not _try_lock(lock):
            line.show("Waiting:", "another process is setting up the lab")
            time.sleep(0.5)
        yield lock


def _try_lock(lock):
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Some network disks have no locks: better to set up without one than never.
        return error.errno in (errno.ENOLCK, errno.ENOTSUP)
    return True


class DownloadProgress:
    """Reads pip's log for its downloads, and shows them."""

    def __init__(self, line, stage, total=None):
        self.line, self.stage, self.total = line, stage, total
        self.count, self.name, self.amount, self.done, self.rest = 0, "", "", False, ""

    def read(self, text):
        """Takes new text of the log, and shows the latest download."""
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            self._take(line)
        if lines and not self.done and self.name:
            self.line.show(self.stage, self._detail())

    def _detail(self):
        named = self.name + self.amount
        return f"{self.count} of {self.total}: {named}" if self.total else f"{self.count}, {named}"

    def _take(self, line):
        progress = re.fullmatch(r"Progress (\d+) of (\d+)", line)
        if progress and int(progress[2]) > 1e6:
            have, total = (int(size) / 1e6 for size in progress.groups())
            self.amount = f" ({have:.0f} of {total:.0f} MB)"
        elif found := DOWNLOADED.match(line):
            self.count, self.name, self.amount = self.count + 1, found[1], ""
        elif line.startswith("Installing collected packages"):
            self.done = True


class _InstallProgress(DownloadProgress):
    """Shows the downloads, then the packages in site-packages, which pip does not report."""

    def __init__(self, line, packages, site):
        super().__init__(line, "Downloading", len(packages))
        self.site, self.wanted = site, {_plain(f"{name}-{version}") for name, version in packages}

    def read(self, text):
        super().read(text)
        if self.done:
            installed = {_plain(info.stem) for info in self.site.glob("*.dist-info")}
            self.line.show("Installing", f"{len(self.wanted & installed)} of {self.total}")


def _plain(name):
    """A package's name and version for comparison: Jinja2-3.1 is jinja2-3.1."""
    return re.sub(r"[-_.]+", "-", name).lower()
