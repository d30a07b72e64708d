"""The command line: help with nothing installed, and errors as sentences."""

import ast
import os
import subprocess
import sys

import pytest

from labkit import cli
from labkit.errors import LabError
from labkit.install.bootstrap import ROOT

BARE = getattr(sys, "_base_executable", sys.executable)
OURS = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "


def bare_python(code):
    """Runs code in an interpreter that sees nothing but the standard library and the checkout."""
    utf8 = {**os.environ, "PYTHONUTF8": "1"}
    command = [BARE, "-S", "-c", OURS + code]
    return subprocess.run(command, capture_output=True, text=True, env=utf8, encoding="utf-8")


@pytest.mark.parametrize("argv", [[], ["--help"], ["models"], ["lab", "--help"], ["--version"]])
def test_help_needs_the_standard_library_alone(argv):
    result = bare_python(
        "import atexit; from labkit.cli import main;"
        "atexit.register(lambda: print({n.partition('.')[0] for n in sys.modules}));"
        f"sys.exit(main({argv!r}))"
    )
    assert result.returncode == 0, result.stderr
    *said, modules = result.stdout.splitlines()
    assert said
    assert ast.literal_eval(modules) - sys.stdlib_module_names <= {"labkit", "__main__"}


def test_each_command_says_what_it_does(capsys):
    for name in ("lab", "test", "run", "doctor", "models", "check", "docs"):
        with pytest.raises(SystemExit, match="0"):
            cli.main([name, "--help"])
        assert f"-m labkit {name}" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        cli.main(["lab", "--help"])
    assert "anyone who can reach this machine" in " ".join(capsys.readouterr().out.split())


def test_an_old_python_gets_one_sentence():
    for name in ("__init__", "__main__"):  # all that it reads before it is told
        source = (ROOT / f"labkit/{name}.py").read_text(encoding="utf-8")
        ast.parse(source, feature_version=(3, 6))
    result = bare_python(
        "import runpy; sys.version_info = (3, 9, 1, 'final', 0);"
        "runpy.run_module('labkit', run_name='__main__')"
    )
    assert result.returncode == 1
    assert result.stderr.startswith("labkit needs Python 3.11 or later, and this is Python 3.9.\n")
    assert "Traceback" not in result.stderr


def test_pytest_gets_all_of_its_options():
    args = cli._parse(["test", "-k", "chain", "--help", "tests/models", "--", "-x"])
    assert args.pytest_arguments == ["-k", "chain", "--help", "tests/models", "--", "-x"]


def test_the_options_of_models():
    args = cli._parse(["models", "pack", "lab.zip", "smollm2-135m", "--without-packages"])
    assert (args.file, args.names, args.without_packages) == ("lab.zip", ["smollm2-135m"], True)
    assert cli._parse(["models", "get", "gemma3-270m", "--accept-terms"]).accept_terms
    assert cli._parse(["models", "verify"]).names == []


@pytest.mark.parametrize("port", ["0", "65536", "eighty", "-1"])
def test_a_port_that_is_none(port, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["lab", f"--port={port}"])
    assert f"a port is a number from 1 to 65535, not '{port}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (LabError("The disk is full.", "Make room."), 1, "The disk is full.\n  → Make room.\n"),
        (KeyboardInterrupt(), 130, "\nStopped.\n"),
    ],
)
def test_errors_are_sentences(monkeypatch, capsys, error, status, said):
    def fail(args, argv):
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["doctor"]) == status
    assert capsys.readouterr().err == said


def test_a_reader_that_has_seen_enough_is_no_error():
    code = "from labkit import cli; cli._run = lambda *_: print('a line\\n' * 100_000) or 0; "
    command = [sys.executable, "-c", OURS + code + "sys.exit(cli.main(['doctor']))"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout.readline() == "a line\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(60) == 1


def test_doctor_installs_nothing(bare_checkout, index):
    status, _, err = bare_checkout.run("doctor", "--json")
    assert status == 7, err
    assert not bare_checkout.venv.exists()
    assert not index.requests


ENCODINGS = {
    "cp932": {"PYTHONIOENCODING": "cp932"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "C": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("command", "part"),
    [
        (["models", "list"], b"smollm2-135m"),
        (["models", "verify", "nön"], b"The lab knows no model"),
        (["models", "--help"], b"unpack"),
        (["run", "why→.ipynb"], b"There is no notebook"),
        pytest.param(["run", "lesson"], b"done ", marks=pytest.mark.slow),
        pytest.param(["docs", "--to", os.devnull], b"cannot be written", marks=pytest.mark.slow),
        (["lab", "nö"], b"There is no notebook"),
        (["doctor", "--help"], b"Check this machine"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_every_command_is_readable_in_any_encoding(command, part, encoding, tmp_path):
    (tmp_path / "lesson.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    other = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    paths = {"PYTHONPATH": str(ROOT), "LABKIT_HOME": str(tmp_path / "→ home")}
    result = subprocess.run(
        [sys.executable, "-m", "labkit", *command],
        cwd=tmp_path,
        env=other | paths | ENCODINGS[encoding],
        capture_output=True,
    )
    said = result.stdout + result.stderr
    assert part in said and b"Traceback" not in said and b"Error:" not in said, said
