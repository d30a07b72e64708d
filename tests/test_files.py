"""`save` and `open_result`: files of this version, files written before it, and other files."""

from pathlib import Path

import pytest

import labkit
from labkit.errors import LabError

BEFORE = Path(__file__).parent / "files_of_0_1"  # written by version 0.1.0 of the lab


def test_a_measurement_written_before_still_opens():
    measurement = labkit.open_result(BEFORE / "measurement.json")
    assert len(measurement.runs) == 5 and measurement.runs[0].text == "one two three"
    assert measurement.ttft_s.median == 0.5 and measurement.runs[0].timings.prompt_s == 0.4
    assert measurement.noise.others_cores == 0.1 and measurement.load.runs[0].cold
    assert labkit.plot(measurement).data


@pytest.mark.parametrize("name", ["batch.jsonl", "batch.json"])
def test_a_batch_written_before_still_opens(name):
    table = labkit.open_result(BEFORE / name)
    assert table.backends == ("near", "far") and len(table.rows) == 4 and not table.missing
    assert [row.text for row in table.rows if row.backend == "far"] == ["Another answer."] * 2


def test_votes_written_before_still_open():
    votes = labkit.open_result(BEFORE / "votes.json")
    assert votes.names == ("near", "far") and len(votes.votes) == 2
    assert votes.counts["near"] == 1


@pytest.mark.parametrize("name", ["measurement.json", "batch.json", "votes.json"])
def test_what_is_opened_can_be_saved_again(name, tmp_path):
    result = labkit.open_result(BEFORE / name)
    assert labkit.open_result(labkit.save(result, tmp_path / name)) == result


@pytest.mark.parametrize("content", ["", "{}", '{"labkit_other": 1}', "[1]", "no JSON"])
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(LabError, match="is not a result of this lab"):
        labkit.open_result(path)
    with pytest.raises(LabError, match="cannot be read"):
        labkit.open_result(tmp_path / "missing.json")


def test_only_results_are_saved(tmp_path):
    with pytest.raises(TypeError, match="got int"):
        labkit.save(1, tmp_path / "one.json")
    with pytest.raises(ValueError, match="path must be"):
        labkit.save(labkit.open_result(BEFORE / "votes.json"), 3)
    with pytest.raises(ValueError, match="path must be"):
        labkit.open_result(3)


@pytest.mark.parametrize("name", ["measurement.json", "batch.json", "votes.json"])
def test_a_folder_that_is_not_there_is_a_sentence(name, tmp_path):
    with pytest.raises(LabError, match="cannot be written"):
        labkit.save(labkit.open_result(BEFORE / name), tmp_path / "nowhere" / name)
