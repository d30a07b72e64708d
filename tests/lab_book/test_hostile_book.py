"""A lab book that somebody passed on, and a folder that cannot hold one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import labkit
from labkit.errors import LabError
from labkit.lab_book import store
from labkit.lab_book.entry import BookEntry

OTHER = json.loads(Path(__file__).with_name("book.json").read_text())
HOLD = "import filelock, sys; _ = filelock.FileLock(sys.argv[1]).acquire(); print(1, flush=True)"
ENTRY = BookEntry("decode_tokens_per_s", "writing speed", 12.5, "tokens/s")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_BOOK", str(tmp_path / "book"))
    return tmp_path / "book"


def file_with(tmp_path, **fields):
    page = {**OTHER["pages"][0], **fields}
    (tmp_path / "passed_on.json").write_text(json.dumps({**OTHER, "pages": [page]}))
    return tmp_path / "passed_on.json"


@pytest.mark.parametrize(
    "fields",
    [
        {"notebook": "../victim"},
        {"notebook": "/tmp/victim"},
        {"notebook": "<img src=x onerror=alert(1)>"},
        {"notebook": "a" * 5000},
        {"date": "<script>"},
        {"date": ""},
        {"machine": "a\x1b]0;title\x07"},
    ],
)
def test_a_page_names_a_notebook_and_a_day_and_nothing_else(tmp_path, fields):
    """`forget` opens the file of a page's notebook."""
    (tmp_path / "victim.json").write_text("mine")
    with pytest.raises(LabError, match=f"{next(iter(fields))}|pages"):
        labkit.book(file_with(tmp_path, **fields)).forget(before="2999-01-01")
    with pytest.raises(ValueError):
        store.forget(fields.get("notebook", "../victim"), lambda page: False)
    assert (tmp_path / "victim.json").read_text() == "mine"


def test_whatever_else_a_page_holds_is_text(tmp_path):
    markup = "<img src=x>"
    entry = {**OTHER["pages"][0]["entries"][0], "label": markup, "model": markup, "note": markup}
    file = file_with(tmp_path, machine=markup, entries=[entry])
    assert markup not in labkit.book(file)._repr_html_()


def test_a_lock_that_another_process_does_not_give_back(folder, monkeypatch):
    monkeypatch.setattr(store, "LONGEST_LOCK_S", 0.2)
    folder.mkdir()
    lock = folder / ".mine.json.lock"
    command = [sys.executable, "-c", f"{HOLD}; sys.stdin.read()", lock]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(LabError, match="cannot be written"):
            store.keep("mine", [ENTRY])
        other.stdin.close()
    assert store.keep("mine", [ENTRY]).notebook == "mine"


def test_a_folder_that_cannot_be_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_BOOK", str(tmp_path / ("a" * 300)))
    assert "File name too long" in repr(labkit.book())
    with pytest.raises(LabError, match="cannot be written: File name too long"):
        store.keep("mine", [ENTRY])


def test_a_page_that_is_a_link_stays_one(folder, tmp_path):
    folder.mkdir()
    (tmp_path / "victim.json").write_text("mine")
    (folder / "mine.json").symlink_to(tmp_path / "victim.json")
    store.keep("mine", [ENTRY])
    assert (tmp_path / "victim.json").read_text() == "mine"
    assert len(labkit.book().pages) == 1
