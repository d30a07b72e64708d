"""The commands: which module and which interpreter runs each.

Standard library alone, for `--help` must answer before anything is installed. Each command is a
module in ``labkit/commands`` with ``main(args) -> exit status``.
"""

import errno
import importlib
import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

from labkit.commands.arguments import parse
from labkit.errors import LabError
from labkit.formatting import printable
from labkit.install import bootstrap, checkout
from labkit.install.wheels import wheels_in

# The optional part of pyproject.toml that a command needs.
EXTRAS = {
    "lab": "llamacpp",
    "run": "llamacpp",
    "serve": "llamacpp",
    "class": "class",
    "test": "test",
    "check": "test",
    "docs": "test",
}
MODULES = {"class": "classroom"}  # whose name Python keeps for itself


def main(argv=None):
    """Runs one command and returns its exit status."""
    _prepare_streams()
    argv = list(sys.argv[1:] if argv is None else argv)
    args = parse(argv)
    if args.show_help:
        args.show_help()
        return 0
    try:
        status = _run(args, argv)
        sys.stdout.flush()
        return status
    except LabError as error:
        print(printable(str(error)), file=sys.stderr)
        return 1
    except OSError as error:
        full = error.errno == errno.ENOSPC and error.filename is None
        if error.errno == errno.EPIPE or (full and _is_output_full()):
            # Its reader, such as head, has seen enough; or the disk of its output is full.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if full:
                print(
                    f"What this command says cannot be written: {error.strerror}.", file=sys.stderr
                )
            return 1
        if error.filename is None and not full:
            raise
        what = error.filename or "A file cannot be written"
        print(printable(f"{what}: {error.strerror}."), file=sys.stderr)
        return 1


def _is_output_full():
    """Whether it is the output that takes no more: not even an empty line."""
    try:
        print(flush=True)
    except OSError:
        return True
    return False


def _prepare_streams():
    """A console that lacks a character shows a question mark; a closed one reads as empty."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if not stream:  # it was closed at the start
            setattr(sys, name, io.StringIO())
        elif name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _run(args, argv):
    _require_what_is_named(args)
    python = _interpreter(args)
    command = [python, "-m", "labkit", *argv]
    if python == sys.executable:
        _let_children_import_labkit()
        if getattr(args, "light", False):
            os.environ["LABKIT_LIGHT"] = "1"  # where the whole lab is set up too
        module = MODULES.get(args.command, args.command)
        return importlib.import_module(f"labkit.commands.{module}").main(args)
    if os.name == "nt":  # where execv would return to the prompt while the command runs
        return subprocess.call(command)
    sys.stdout.flush()
    os.execv(python, command)


def _require_what_is_named(args):
    """Nothing is installed for a notebook or a class that there is not: raises a LabError."""
    if args.command == "run":
        from labkit.commands.notebooks.find import find_notebooks

        find_notebooks(args.notebooks)
    elif args.command == "lab":
        from labkit.commands.lab import notebook_path

        notebook_path(args.notebook)
    elif args.command == "class" and args.action not in ("start", "wall"):
        from labkit.classroom.settings import class_folder, read_settings

        read_settings(class_folder(args.folder))


def _interpreter(args):
    """The interpreter for a command; `doctor` and `test --gpu` install nothing on a machine."""
    if args.command == "doctor" or getattr(args, "gpu", False):
        return bootstrap.find() or sys.executable
    extras = [EXTRAS[args.command]] if args.command in EXTRAS else []
    if getattr(args, "light", False):
        extras = [checkout.LIGHT]
    if python := bootstrap.find(extras):
        return python
    if getattr(args, "action", None) == "unpack" and wheels_in(args.file):
        from labkit.models.storage.unpack import require_same_python

        require_same_python(Path(args.file))
        # All of it: a machine that was never online cannot fetch the rest later.
        return bootstrap.ensure(["test"], args.file)
    return bootstrap.ensure(extras)


def _let_children_import_labkit():
    """A kernel starts in notebooks/: where labkit is not installed, it must find this checkout."""
    paths = [str(checkout.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
