"""What a file, a server or a model says never becomes a link or a tag of a figure."""

import json
from pathlib import Path

import pytest

import labkit
from labkit.backends.recorded import RECORDINGS

FILES = Path(__file__).resolve().parents[1] / "files_of_0_1"
MARKUP = "<a href='https://example.org'>x</a><b>%{x}"


def hostile(value):
    """Every text of a record that is free to be anything, with markup in it."""
    fixed = {"finish", "error", "origin", "source", "choice", "asked_at", "key", "kind"}
    if isinstance(value, dict):
        return {key: each if key in fixed else hostile(each) for key, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return f"{MARKUP}{value}" if isinstance(value, str) else value


def drawn(result, **kind):
    figure = labkit.plot(result, **kind)
    return figure.to_json() if hasattr(figure, "to_json") else figure.html


def assert_plain(text):
    text = text.replace("\\u003c", "<").replace("\\u003e", ">").replace('\\"', '"')
    assert "&lt;" in text and "<a " not in text and "<b>%" not in text, text[:2000]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("measurement.json", ["waterfall", "gaps", "repeats"]),
        ("votes.json", [None]),
        ("batch.json", [None]),
    ],
)
def test_shared_files(name, kinds, tmp_path):
    record = hostile(json.loads((FILES / name).read_text()))
    path = tmp_path / name
    path.write_text(json.dumps(record))
    result = labkit.open_result(path)
    for kind in kinds:
        assert_plain(drawn(result, **({"kind": kind} if kind else {})))


def test_names_that_a_learner_took_from_a_server():
    measurement = labkit.open_result(FILES / "measurement.json")
    compared = labkit.speed.compare_measurements(**{MARKUP: measurement, "b": measurement})
    assert_plain(drawn(compared))


def test_a_recording(tmp_path):
    (original,) = sorted(RECORDINGS.glob("*.json"))[:1]
    record = json.loads(original.read_text())
    record["model"] = MARKUP
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(record))
    model = labkit.replay(path, speed=1e6)
    reply = labkit.generate(model, model.prompts[0])
    assert_plain(drawn(reply))
    side = labkit.compare(model.prompts[0], {MARKUP: model, "b": model})
    for kind in ("time", "arrivals", "answers"):
        assert_plain(drawn(side, kind=kind))
