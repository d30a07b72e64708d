"""The panels of a table and of a batch: sorting, filtering, filling, Stop and resuming."""

import time

import pytest

import labkit
from labkit.errors import LabError
from labkit.topics.comparison.batch.panel import UNSORTED
from labkit.topics.comparison.batch.table import BatchRow, BatchTable

from ..busy_server import BusyServer


def row(index, backend, text, **more):
    return BatchRow(
        key=f"{index}{backend}",
        prompt_index=index,
        backend=backend,
        text=text,
        **{"prompt": f"prompt {index}", "finish": "stop", **more},
    )


@pytest.fixture
def table():
    return BatchTable(
        ("local", "remote"),
        (
            row(0, "local", "pear", elapsed_s=2.0),
            row(0, "remote", "apple", elapsed_s=3.0),
            row(1, "local", "fig", elapsed_s=1.0),
        ),
    )


def texts(panel):
    return [row.text for row in panel.view.rows]


def test_controls_sort_and_filter(table):
    panel = labkit.explore(table, sort="elapsed_s")
    assert texts(panel) == ["fig", "pear", "apple"]
    panel.descending.value = True
    assert texts(panel) == ["apple", "pear", "fig"]
    panel.backend.value = "local"
    assert texts(panel) == ["pear", "fig"] and "2 of 3 rows" in panel.count.value
    panel.find.value = "FIG"
    assert texts(panel) == ["fig"] and "pear" not in panel.figure.value
    panel.find.value, panel.backend.value, panel.sort.value = "", "", UNSORTED
    assert texts(panel) == ["pear", "apple", "fig"]


def test_first_values_are_checked(table):
    for sort in ("price_usd", "speed", ["text"]):
        with pytest.raises(ValueError, match=r"^sort must be None or one of prompt, .*elapsed_s"):
            labkit.explore(table, sort=sort)
    with pytest.raises(ValueError, match=r"^find must be a text; got 3"):
        labkit.explore(table, find=3)
    assert texts(labkit.explore(table, find="apple")) == ["apple"]


def test_columns_without_information_are_not_offered(table):
    offered = [value for _, value in labkit.explore(table).sort.options]
    assert "elapsed_s" in offered and "price_usd" not in offered


def test_a_batch_fills_its_table_and_a_second_run_sends_nothing():
    with BusyServer() as server:
        panel = labkit.comparison.batch_panel(["a", "b"], [server.model])
        assert panel.table.missing == 2
        assert panel.start().wait(60).missing == 0
        assert "You asked: a" in panel.panel.figure.value and panel.runner.bar.value == 2
        assert panel.start().wait(60).missing == 0
    assert server.prompts == ["a", "b"] and "2 answers" in panel.runner.status.value


def test_what_a_batch_would_send_and_cost_is_estimated_first():
    with BusyServer() as server:
        address = server.model.base_url
        remote = labkit.cloud(address, "m", key="planted-key-4711", price_usd_per_million=(1, 10))
        short = labkit.comparison.with_settings(remote, "short", max_tokens=3)
        prompts, models = (
            ["Hello", "world"],
            {"local": server.model, "remote": remote, "short": short},
        )
        panel = labkit.comparison.batch_panel(prompts, models, max_tokens=100)
        assert not server.asked
        at_most = [
            sum(remote.estimate(prompt, max_tokens=n).price_usd for prompt in prompts)
            for n in (100, 3)
        ]
        assert len(panel.batch.costs) == 2 and "planted" not in panel.estimates.value
        for sentence, price in zip(panel.batch.costs, at_most, strict=True):
            assert f"2 requests, 10 bytes of prompts would be sent to {address}" in sentence
            assert f"price at most ${price:.6f}" in sentence and sentence in panel.estimates.value
        panel.start().wait(60)
        assert panel.batch.costs == ()  # all have their answer
        assert panel.estimates.value == ""
    assert labkit.comparison.batch_panel(["a"], [server.model]).estimates.value == ""


def test_what_the_file_has_already_is_shown_and_not_estimated(tmp_path):
    file = tmp_path / "a.jsonl"
    with BusyServer([(500, {})]) as server:
        remote = labkit.cloud(
            server.model.base_url, "m", key="planted-key-4711", price_usd_per_million=(1, 10)
        )
        options = {"max_tokens": 9, "file": file}
        first = labkit.comparison.batch_panel(["one", "second"], [remote], **options)
        assert "2 requests" in first.estimates.value and not file.exists()
        assert first.start().wait(60).missing == 1
        assert "3 bytes" in first.estimates.value and "requests" not in first.estimates.value
        again = labkit.comparison.batch_panel(["one", "second"], [remote], **options)
        assert again.estimates.value == first.estimates.value
        assert "You asked: second" in again.panel.figure.value
        assert again.start().wait(60).missing == 0 and again.estimates.value == ""
        assert server.prompts == ["one", "second", "one"]


def test_with_a_file_run_requests_only_what_is_missing(tmp_path):
    with BusyServer([(500, {})]) as server:
        panel = labkit.comparison.batch_panel(["a", "b"], [server.model], file=tmp_path / "a.jsonl")
        assert panel.start().wait(60).missing == 1
        panel.panel.find.value = "asked"
        assert panel.start().wait(60).missing == 0
        assert server.prompts == ["a", "b", "a"] and panel.panel.find.value == "asked"


def test_stop_stops_the_model_and_keeps_what_came(smollm2):
    panel = labkit.comparison.batch_panel(
        ["Tell me a story."] * 3, [smollm2], max_tokens=200, seed=1
    )
    panel.start()
    end = time.monotonic() + 60
    while not panel.batch._tries and time.monotonic() < end:
        time.sleep(0.05)
    panel.runner.stop()
    table = panel.wait(60)
    assert table.missing == 3 and "Stopped" in panel.runner.status.value
    assert not panel.runner.run.disabled


def test_a_problem_with_the_file_is_shown_in_the_panel(tmp_path):
    (tmp_path / "diary").write_text("dear diary")
    with BusyServer() as server:
        panel = labkit.comparison.batch_panel(
            ["a"], [server.model], file=tmp_path / "diary"
        ).start()
        with pytest.raises(LabError):
            panel.wait(60)
    assert "not a batch file" in panel.runner.status.value


def test_the_static_form_is_the_table(monkeypatch, table):
    monkeypatch.setenv("LABKIT_STATIC", "1")
    outputs = []
    monkeypatch.setattr("IPython.display.display", lambda *parts: outputs.extend(parts))
    labkit.explore(table)._ipython_display_()
    with BusyServer() as server:
        labkit.comparison.batch_panel(["a"], [server.model])._ipython_display_()
    assert "apple" in outputs[0].data and "You asked: a" in outputs[1].data


def test_bad_input_is_refused_before_there_is_a_panel(smollm2):
    with pytest.raises(ValueError, match=r"^prompts must"):
        labkit.comparison.batch_panel([], [smollm2])
