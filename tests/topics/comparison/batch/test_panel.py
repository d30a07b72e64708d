"""The panels around a table: sorted, filtered, filled while one looks, stopped and gone on with."""

import time

import pytest

import labkit
from labkit.errors import LabError
from labkit.topics.comparison.batch.panel import AS_ASKED
from labkit.topics.comparison.batch.table import BatchTable, Row

from ..busy_server import BusyServer


def row(place, backend, text, **more):
    return Row(key=f"{place}{backend}", place=place, backend=backend, text=text,
               **{"prompt": f"prompt {place}", "finish": "stop", **more})  # fmt: skip


@pytest.fixture
def table():
    return BatchTable(("near", "far"), (row(0, "near", "pear", elapsed_s=2.0),
                                        row(0, "far", "apple", elapsed_s=3.0),
                                        row(1, "near", "fig", elapsed_s=1.0)))  # fmt: skip


def texts(panel):
    return [row.text for row in panel.shown.rows]


def test_controls_sort_and_filter(table):
    panel = labkit.explore(table, sort="elapsed_s")
    assert texts(panel) == ["fig", "pear", "apple"]
    panel.descending.value = True
    assert texts(panel) == ["apple", "pear", "fig"]
    panel.backend.value = "near"
    assert texts(panel) == ["pear", "fig"] and "2 of 3 rows" in panel.count.value
    panel.find.value = "FIG"
    assert texts(panel) == ["fig"] and "pear" not in panel.picture.value
    panel.find.value, panel.backend.value, panel.sort.value = "", "", AS_ASKED
    assert texts(panel) == ["pear", "apple", "fig"]


def test_what_it_starts_with_is_checked(table):
    with pytest.raises(ValueError, match=r"^column must"):
        labkit.explore(table, sort="speed")
    assert texts(labkit.explore(table, find="apple")) == ["apple"]


def test_columns_that_say_nothing_are_not_offered(table):
    offered = [value for _, value in labkit.explore(table).sort.options]
    assert "elapsed_s" in offered and "price_usd" not in offered


def test_a_batch_fills_its_table_and_goes_on_after_an_end():
    with BusyServer() as server:
        panel = labkit.comparison.batch_panel(["a", "b"], [server.model])
        assert panel.table.missing == 2
        assert panel.start().wait(60).missing == 0
        assert "You asked: a" in panel.panel.picture.value and panel.runner.bar.value == 2
        assert panel.start().wait(60).missing == 0
    assert server.prompts == ["a", "b"] and "2 answers" in panel.runner.status.value


def test_what_a_batch_would_send_and_cost_is_told_before():
    with BusyServer() as server:
        address = server.model.base_url
        far = labkit.cloud(address, "m", key="planted-key-4711", price_usd_per_million=(1, 10))
        short = labkit.comparison.with_settings(far, "short", max_tokens=1)
        prompts, models = ["Hello", "world"], {"near": server.model, "far": far, "short": short}
        panel = labkit.comparison.batch_panel(prompts, models, max_tokens=100)
        assert not server.asked
        at_most = [sum(far.estimate(prompt, max_tokens=n).price_usd for prompt in prompts)
                   for n in (100, 1)]  # fmt: skip
        assert len(panel.batch.before) == 2 and "planted" not in panel.estimates.value
        for told, price in zip(panel.batch.before, at_most, strict=True):
            assert f"2 requests, 10 bytes of prompts would be sent to {address}" in told
            assert f"price at most ${price:.6f}" in told and told in panel.estimates.value
        panel.start().wait(60)
        assert panel.batch.before == ()  # all have their answer
    assert labkit.comparison.batch_panel(["a"], [server.model]).estimates.value == ""


def test_with_a_file_run_asks_for_what_is_missing_alone(tmp_path):
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


def test_what_is_wrong_with_the_file_is_told_in_place(tmp_path):
    (tmp_path / "diary").write_text("dear diary")
    with BusyServer() as server:
        panel = labkit.comparison.batch_panel(
            ["a"], [server.model], file=tmp_path / "diary"
        ).start()
        with pytest.raises(LabError):
            panel.wait(60)
    assert "no file of a batch" in panel.runner.status.value


def test_where_no_control_answers_the_tables_stand_by_themselves(monkeypatch, table):
    monkeypatch.setenv("LABKIT_STATIC", "1")
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *parts: shown.extend(parts))
    labkit.explore(table)._ipython_display_()
    with BusyServer() as server:
        labkit.comparison.batch_panel(["a"], [server.model])._ipython_display_()
    assert "apple" in shown[0].data and "You asked: a" in shown[1].data


def test_bad_input_is_refused_before_there_is_a_panel(smollm2):
    with pytest.raises(ValueError, match=r"^prompts must"):
        labkit.comparison.batch_panel([], [smollm2])
