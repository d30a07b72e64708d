"""`labkit check`: what passes, what fails and says why, and what it fixes itself."""

import shutil

import pytest

from labkit import cli
from labkit.commands import check
from labkit.install.checkout import ROOT

CLEAN = '"""A file."""\n\nANSWER: int = 42\n'


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small checkout with the lab's own settings."""
    monkeypatch.setattr(check, "ROOT", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n'
    )
    for folder in ("tests", "labkit", "labkit/models"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text(CLEAN)
    return tmp_path


def words(capsys):
    """The result of each check, and all of the output."""
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    return {line[1]: line[0] for line in lines if line and line[0] in ("passed", "FAILED")}, out


def test_what_is_clean_passes(project, capsys):
    assert cli.main(["check"]) == 0
    assert words(capsys)[0] == dict.fromkeys(("format", "style", "types"), "passed")


@pytest.mark.parametrize(
    ("file", "text", "failing", "shown"),
    [
        ("labkit/__init__.py", '"""A file."""\n\nANSWER  =  42\n', "format", "__init__.py"),
        ("labkit/__init__.py", '"""A file."""\n\nimport os\n', "style", "F401"),
        ("labkit/models/__init__.py", CLEAN.replace("42", '"42"'), "types", "bad-assignment"),
    ],
)
def test_a_failure_is_shown_and_the_others_run_all_the_same(
    project, capsys, file, text, failing, shown
):
    (project / file).write_text(text)
    assert cli.main(["check"]) == 1
    found, out = words(capsys)
    assert found == dict.fromkeys(("format", "style", "types"), "passed") | {failing: "FAILED"}
    assert shown in out


def test_notebooks_are_checked_too(project, capsys):
    cell = '{"cell_type": "code", "id": "a", "execution_count": null, "metadata": {}, '
    cell += '"outputs": [], "source": ["import os"]}'
    file = project / "notebooks" / "00.ipynb"
    file.write_text(file.read_text().replace("[]", f"[{cell}]", 1))
    assert cli.main(["check"]) == 1
    found, out = words(capsys)
    assert found["style"] == "FAILED"
    assert "00.ipynb" in out


def test_fix_repairs_form_and_leaves_what_needs_a_person(project, capsys):
    file = project / "labkit" / "models" / "sizes.py"
    file.write_text('"""A file."""\n\nimport sys\nimport os\n\nANSWER:int  =  os.sep\n')
    assert cli.main(["check", "--fix"]) == 1
    assert words(capsys)[0] == {"format": "passed", "style": "passed", "types": "FAILED"}
    assert file.read_text() == '"""A file."""\n\nimport os\n\nANSWER: int = os.sep\n'
