"""A file that the lab writes is the old one or the new one, whole, and holds no key."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.backends.remote.api_keys import MASK, use_key
from labkit.errors import LabError
from labkit.filesystem.read import parse
from labkit.filesystem.write import json_text, replaced, write_json, write_text
from labkit.topics.comparison.batch.journal import open_journal
from labkit.topics.comparison.batch.table import BatchRow

KEY = 'sk-<planted>&"quoted\\key'


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a fork")
def test_every_verb_leaves_the_old_file_or_the_whole_new_one_and_no_key(home, tmp_path):
    script = Path(__file__).with_name("writing_verbs.py")
    ran = subprocess.run(
        [sys.executable, script, tmp_path, KEY], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    ends = json.loads(ran.stdout.splitlines()[-1])
    tuning = ends.pop("cpu_tuning.json")  # a record that cannot be kept is measured again
    assert tuning == [[-9, True], [-9, True], [0, True], [0, False]]
    for name, end in ends.items():
        assert end == [[-9, True], [-9, True], [2, True], [0, False]], name
    hidden = [path for path in tmp_path.iterdir() if path.name.startswith(".labkit-")]
    assert len(hidden) == 2 * (len(ends) + 1)  # what a kill leaves; a failure leaves nothing
    for path in (tmp_path / name for name in (*ends, "cpu_tuning.json")):
        content = path.read_text(errors="replace")
        assert "planted" not in content, path
        assert path.suffix == ".zip" or MASK in content


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target.txt", tmp_path / "link.txt"
    link.symlink_to(target)
    for text in ("new", "newer"):
        assert write_text(link, text) == link
        assert link.is_symlink() and target.read_text() == text
    assert [path.name for path in target.parent.iterdir()] == ["target.txt"]


@pytest.mark.parametrize("path", [".", "none/a.txt", "/dev/null", "/proc/a.txt", "a\0b", "a" * 300])
def test_where_nothing_can_be_written(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError, match=r"cannot be written: .*\n.*a folder of yours"):
        write_text(path, "text")
    assert not list(tmp_path.iterdir())
    assert not Path("/dev/null").is_file()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_is_left_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LabError, match="it is a device or a pipe"):
        write_json(tmp_path / "pipe", {})


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may write everywhere")
def test_what_may_only_be_read_is_left(tmp_path):
    file = tmp_path / "file.txt"
    write_text(file, "old")
    file.chmod(0o444)
    with pytest.raises(LabError, match="cannot be written: Permission denied"):
        write_text(file, "new")
    tmp_path.chmod(0o555)
    with pytest.raises(LabError, match="cannot be written: Permission denied"):
        write_text(tmp_path / "other.txt", "new")
    tmp_path.chmod(0o755)
    assert file.read_text() == "old"


def test_permissions_stay_and_new_files_have_the_usual_ones(tmp_path):
    file, usual = tmp_path / "file.txt", tmp_path / "usual.txt"
    usual.write_text("")
    write_text(file, "new")
    assert file.stat().st_mode == usual.stat().st_mode
    file.chmod(0o600)
    write_text(file, "newer")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_the_writer_cannot_read_is_named(tmp_path):
    with (
        pytest.raises(LabError, match=r"cannot be written: .*missing\.txt"),
        replaced(tmp_path / "a"),
    ):
        (tmp_path / "missing.txt").read_bytes()


def test_an_error_of_the_writer_passes_and_leaves_the_old_file(tmp_path):
    file = tmp_path / "file.txt"
    file.write_text("old")
    for error in (ValueError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(error)), replaced(file) as out:
            out.write(b"half")
            raise error
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_a_batch_that_is_written_line_by_line_holds_no_key_and_is_resumed(tmp_path):
    use_key(KEY)
    file, row = tmp_path / "a.jsonl", BatchRow("4f", 0, KEY, f"m {KEY}", f"<{KEY}>", "stop")
    with open_journal(file) as journal:
        journal.add(row)
    assert "planted" not in file.read_text() and MASK in file.read_text()
    with open_journal(file) as journal:
        assert set(journal.rows) == {"4f"} and journal.rows["4f"].answered


def test_a_script_of_the_labs_own_stays_as_it_is(tmp_path):
    """A piece of a short key may occur in it; a script that is changed does not run."""
    use_key(KEY)
    script = f"function planted() {{ return {KEY!r} }}"
    page = write_text(tmp_path / "page.html", f"{KEY} {script} {KEY}", scripts=("other", script))
    assert page.read_text() == f"{MASK} {script} {MASK}"


TEXTS = st.text(st.characters(codec=None), max_size=20) | st.just(KEY)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


@given(VALUES)
def test_any_record_is_strict_json_without_keys(value):
    use_key(KEY)
    text = json_text({"a": value})
    text.encode()
    assert "planted" not in text
    assert set(json.loads(text, parse_constant=pytest.fail)) == {"a"}


def test_numbers_that_look_like_a_key_stay_json():
    use_key("12345678")
    assert json.loads(json_text({"a": 0.12345678, "b": "12345678"})) == {"a": 0.12345678, "b": MASK}


def test_surrogates_that_came_in_two_pieces_are_one_character():
    assert parse(json_text(["\ud83d" + "\ude00", "\ud83d"]).encode(), list[str]) == ["😀", "\ufffd"]
