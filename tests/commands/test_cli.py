"""The command line: help with nothing installed, and errors as sentences."""

import ast
import errno
import os
import subprocess
import sys

import pytest

from labkit import cli
from labkit.commands import arguments
from labkit.errors import LabError
from labkit.install.checkout import ROOT

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
    args = arguments.parse(["test", "-k", "chain", "--help", "tests/models", "--", "-x"])
    assert args.pytest_arguments == ["-k", "chain", "--help", "tests/models", "--", "-x"]


def test_the_options_of_models():
    args = arguments.parse(["models", "pack", "lab.zip", "smollm2-135m", "--without-packages"])
    assert (args.file, args.names, args.without_packages) == ("lab.zip", ["smollm2-135m"], True)
    assert arguments.parse(["models", "get", "gemma3-270m", "--accept-terms"]).accept_terms
    assert arguments.parse(["models", "verify"]).names == []


@pytest.mark.parametrize("port", ["0", "65536", "eighty", "-1"])
def test_a_port_that_is_none(port, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["lab", f"--port={port}"])
    assert f"a port is a number from 1 to 65535, not '{port}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("serve coder --context 5", "the context is a number from 256 to 2147483647, not '5'"),
        ("serve coder --context many", "the context is a number from 256 to 2147483647"),
        ("serve coder --context 3000000000", "to 2147483647, not '3000000000'"),
        ("class start --students 0", "the number of learners is from 1 to 1000, not '0'"),
        ("class start --students 1001", "from 1 to 1000, not '1001'"),
        ("class start --memory 4", "the memory in MiB is a number from 256 to 1048576, not '4'"),
    ],
)
def test_a_number_out_of_range(typed, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(typed.split())
    assert said in capsys.readouterr().err


def test_errors_are_sentences(monkeypatch, capsys):
    def fail(args, argv):
        raise LabError("The disk is full.", "Make room.")

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err == "The disk is full.\n  → Make room.\n"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("/a/b", "/a/b: No space left."), (None, "A file cannot be written: No space left.")],
)
def test_a_full_disk_is_not_always_that_of_the_output(monkeypatch, capsys, name, sentence):
    def fail(args, argv):
        raise OSError(errno.ENOSPC, "No space left", name)

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err == f"{sentence}\n"


@pytest.mark.parametrize("module", ["cli", "formatting"])
def test_ctrl_c_is_one_word_however_early(module):
    result = bare_python(
        "import runpy\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == 'labkit.{module}': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "sys.argv[1:] = ['doctor']\n"
        "runpy.run_module('labkit', run_name='__main__')"
    )
    assert (result.returncode, result.stderr) == (130, "\nStopped.\n")


@pytest.mark.parametrize("typed", ["doctor --foo", "models list --foo", "class --foo status"])
def test_an_unknown_option_shows_the_usage_of_its_command(typed, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(typed.split())
    usage, *_, error = capsys.readouterr().err.splitlines()
    command = typed.replace(" --foo", "")
    assert f"-m labkit {command} " in usage
    assert error.endswith("unrecognized arguments: --foo")


@pytest.mark.parametrize("action", ["status", "stop", "release ada", "grade 02_sampling"])
def test_where_there_is_no_class_nothing_is_installed(action, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli.bootstrap, "find", lambda *_: pytest.fail("it looks for packages"))
    assert cli.main(["class", *action.split(), "--folder", str(tmp_path)]) == 1
    assert "There is no class in" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["run 99_nothing", "lab 99_nothing"])
def test_for_a_notebook_that_there_is_not_nothing_is_installed(typed, monkeypatch, capsys):
    monkeypatch.setattr(cli.bootstrap, "find", lambda *_: pytest.fail("it looks for packages"))
    assert cli.main(typed.split()) == 1
    assert "There is no notebook" in capsys.readouterr().err


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


def in_a_shell(command, folder, **settings):
    """What ``labkit`` says in a shell of POSIX, output and errors together."""
    paths = {"PYTHONPATH": str(ROOT), "LABKIT_HOME": str(folder / "home"), "PY": sys.executable}
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=os.environ | paths | settings, capture_output=True
    )


LIST = '"$PY" -m labkit models list'


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
@pytest.mark.parametrize(
    ("command", "settings", "status", "part"),
    [
        (f"{LIST} >&-", {}, 0, b""),
        (f"{LIST} 2>&-", {}, 0, b"smollm2-135m"),
        (f"{LIST} >/dev/full", {}, 1, b"this command says cannot be written: No space left"),
        (f"{LIST} >/dev/full", {"PYTHONUNBUFFERED": "1"}, 1, b"this command says cannot be"),
        ('mkdir d; : > d/x; "$PY" -m labkit models remove gone <&-', {}, 1, b"knows no model"),
        (LIST, {"LABKIT_HOME": "~nobody-here/x"}, 0, b"smollm2-135m"),
        (LIST, {"LABKIT_VENV": "~nobody-here/x"}, 0, b"smollm2-135m"),
        (f"mkdir gone; cd gone; rmdir ../gone; {LIST}", {}, 0, b"smollm2-135m"),
        ('"$PY" -m labkit lab --host é..x', {}, 1, b"This machine has no address"),
        ('"$PY" -m labkit models remove "$(printf \'\\033]0;x\')"', {}, 1, b"\xef\xbf\xbd]0;x"),
        ('mkfifo f.ipynb; "$PY" -m labkit run f.ipynb', {}, 1, b"There are: 00_start"),
    ],
)
def test_odd_surroundings_end_in_a_sentence(command, settings, status, part, tmp_path):
    if "/dev/full" in command and not os.path.exists("/dev/full"):
        pytest.skip("this system has no full device")
    result = in_a_shell(command, tmp_path, **settings)
    said = result.stdout + result.stderr
    assert result.returncode == status and part in said, said
    assert b"Traceback" not in said and b"Exception" not in said and b"\x1b" not in said, said


def test_the_end_of_the_input_is_no_consent(monkeypatch):
    from labkit.commands import models

    def ended(question):
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    assert models._agrees("Remove it?") is False
