"""Files that people pass on: whatever is in them is opened and usable, or refused in a sentence."""

import json
import math
import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import labkit
from labkit.backends.recorded import RECORDINGS
from labkit.errors import LabError
from labkit.filesystem.read import LARGEST, parse, read_file
from labkit.topics.comparison.batch.journal import open_journal

EARLIER = Path(__file__).parents[1] / "files_of_0_1"
DEEP = "[" * 100_000
# JSON for the place of one value. NaN and 1e999 are JSON to Python alone.
OTHERS = [
    *("null", '"<a href=x>y</a>"', '"\\u001b[31m"', "-1", "-0.5", "NaN", "-Infinity", "1e999"),
    *("1" + "0" * 400, "1" + "0" * 5000, "[]", "{}", "true", "0", '""', '"\\ud800"', DEEP),
]
FILES = {
    "measurement": EARLIER / "measurement.json",
    "batch": EARLIER / "batch.json",
    "journal": EARLIER / "batch.jsonl",
    "votes": EARLIER / "votes.json",
    "book": Path(__file__).parents[1] / "lab_book" / "book.json",
    "recording": RECORDINGS / "stand-in-ocean.json",
}


def replay(path):
    model = labkit.replay(path, speed=math.inf)
    return [labkit.generate(model, prompt) for prompt in model.prompts]


def use(path, kind):
    """Opens a file and does with it what notebooks do."""
    results = replay(path) if kind == "recording" else [labkit.open_result(path)]
    for result in results:
        assert repr(result)
        if kind == "book":
            assert result._repr_html_()
        else:
            assert result.summary
            labkit.plot(result)
        if kind != "recording":
            labkit.save(result, path.with_name("again.json"))
            assert labkit.open_result(path.with_name("again.json")) == result


def paths(value, path=()):
    """The path of every value in a record."""
    yield path
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(each, (*path, key))


@cache
def records(kind):
    """Each line's record, and every value's path, the line's number first."""
    text = FILES[kind].read_text()
    lines = [json.loads(line) for line in (text.splitlines() if kind == "journal" else [text])]
    return lines, [path for path in paths(lines) if path]


def with_value(kind, path, value):
    lines = json.loads(json.dumps(records(kind)[0]))
    inner = lines
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = "the value"
    return "\n".join(map(json.dumps, lines)).replace('"the value"', value).encode()


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=110, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_one_wrong_value_is_a_sentence_or_harmless(tmp_path_factory, kind, data):
    path = data.draw(st.sampled_from(records(kind)[1]))
    content = with_value(kind, path, data.draw(st.sampled_from(OTHERS)))
    file = tmp_path_factory.mktemp("one") / "file.json"
    file.write_bytes(content)
    try:
        use(file, kind)
    except LabError as error:
        assert str(file) in str(error) and "\x1b" not in str(error)


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_value_that_is_missing_or_too_much_is_a_sentence(tmp_path_factory, kind, data):
    lines = json.loads(json.dumps(records(kind)[0]))
    objects = [path for path in records(kind)[1] if path and isinstance(path[-1], str)]
    *folder, name = data.draw(st.sampled_from(objects))
    inner = lines
    for step in folder:
        inner = inner[step]
    inner["\x1b[31m"] = inner.pop(name) if data.draw(st.booleans()) else 1
    file = tmp_path_factory.mktemp("one") / "file.json"
    file.write_text("\n".join(map(json.dumps, lines)))
    try:
        use(file, kind)
    except LabError as error:
        assert "\x1b" not in str(error)


def huge(path):
    with path.open("wb") as file:
        file.write(b'{"labkit_votes": 1, "names": ["')
        file.truncate(4 << 30)  # without taking that much disk


KINDS = {
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "4 GB": huge,
    "missing": lambda path: None,
    "deep": lambda path: path.write_text(f'{{"labkit_votes": {DEEP}'),
}


if hasattr(os, "mkfifo"):
    KINDS["a pipe"] = os.mkfifo


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_of_text_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "file.json"
    KINDS[kind](path)
    for opened in (labkit.open_result, labkit.replay):
        with pytest.raises(LabError):
            opened(path)
    if kind != "missing":
        with pytest.raises(LabError), open_journal(path):
            pass
    good = (tmp_path / "good.json").write_bytes(FILES["votes"].read_bytes())
    joined = labkit.comparison.join_votes([path, tmp_path / "good.json"])
    assert good and len(joined.left_out) == 1 and len(joined.votes) == 2
    assert path.is_dir() or not path.is_file() or path.stat().st_size


def test_a_file_grows_no_larger_than_the_reader_allows(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_file(tmp_path / "a", 5) == b"12345"
    with pytest.raises(LabError, match="more than 0 MB"):
        read_file(tmp_path / "a", 4)
    with pytest.raises(ValueError, match="more than 100 MB"):
        parse(bytes(LARGEST + 1), list[int])


@pytest.mark.parametrize("files", [[None], [1], b"x", 3, [b"x"]])
def test_files_are_given_by_their_names(files):
    with pytest.raises(ValueError, match=r"^files must be .*; got "):
        labkit.comparison.join_votes(files)


def test_a_batch_that_ended_before_its_first_answer_opens(tmp_path):
    for content in ('{"labkit_batch": 1}', '{"labkit_batch": 1}\n'):
        (tmp_path / "a.jsonl").write_text(content)
        table = labkit.open_result(tmp_path / "a.jsonl")
        assert table.rows == () and table.summary and labkit.plot(table).html


def test_another_version_is_told_from_damage(tmp_path):
    for kind, name in (("measurement", "measurement"), ("votes", "votes"), ("batch", "batch")):
        text = FILES[kind].read_text().replace(f'"labkit_{name}": 1', f'"labkit_{name}": 2')
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(LabError, match="of another format, which another version"):
            labkit.open_result(tmp_path / "a.json")


@pytest.mark.parametrize("kind", FILES)
def test_names_in_a_file_hold_nothing_that_a_terminal_obeys(tmp_path, kind):
    """What models and people wrote may; what is shown of it holds none."""
    for path in records(kind)[1]:
        value = records(kind)[0]
        for step in path:
            value = value[step]
        if not isinstance(value, str):
            continue
        file = tmp_path / "a.json"
        file.write_bytes(with_value(kind, path, '"\\u001b]0;x\\u0007"'))
        try:
            results = replay(file) if kind == "recording" else [labkit.open_result(file)]
        except LabError as error:
            assert "\x1b" not in str(error)
            continue
        for result in results:
            assert "\x1b" not in repr(result) + getattr(result, "summary", ""), path
