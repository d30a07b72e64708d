"""Figures by their data; foreign text is escaped; an empty list says so."""

import socket
import time
from importlib import import_module

import pytest

import labkit
from labkit.backends.guard.findings import Finding
from labkit.backends.guard.redaction import redact
from labkit.topics.privacy.network.connection_log import Attempt, NetworkLog
from labkit.topics.privacy.network.offline_proof import OfflineProof, ProbeResult
from labkit.topics.privacy.scanner.labelled_texts import Example, Label
from labkit.topics.privacy.scanner.scanner_score import measure_scanner

EVIL = "<script>alert(1)</script>"


def attempt(**more):
    values = {
        "kind": "connection",
        "host": None,
        "address": "192.0.2.1",
        "port": 443,
        "process": "this process",
        "library": "httpcore2/_sync.py, line 3",
        "caller": "notebook cell [3], line 1",
        "seen_by": "audit hook",
        "refused": False,
        "bytes_sent": 1234,
        "bytes_received": None,
        "elapsed_s": 0.5,
    }
    return Attempt(**{**values, **more})


def log(*attempts):
    return NetworkLog(attempts, 1.5, 30, ())


def test_an_empty_list_is_shown_as_one_with_what_it_cannot_see():
    html = labkit.plot(log()).html
    assert "an empty list" in html and "no connection was tried" in html
    assert "What this cannot see" in html and "native code" in html
    assert "measured" in html


def test_each_attempt_is_a_row_with_its_fate_and_bytes():
    html = labkit.plot(log(attempt(), attempt(address="127.0.0.1"), attempt(refused=True))).html
    assert html.count("<tr>") == 4
    for word in (
        "leaves",
        "stays here",
        "refused",
        "1,234",
        "unknown",
        "notebook cell [3], line 1",
    ):
        assert word in html
    assert "an empty list" not in html


def test_foreign_names_are_escaped():
    html = labkit.plot(log(attempt(host=EVIL, process=EVIL, caller=None))).html
    assert EVIL not in html and "&lt;script&gt;" in html
    text = f"{EVIL} Maria"
    found = [Finding(0, len(EVIL), "password", EVIL, 0.9, EVIL)]
    assert EVIL not in labkit.plot(redact(text, found)).html


def test_a_watch_can_be_drawn_while_it_runs():
    with labkit.watch_network() as watch:
        time.sleep(0.06)
        assert "an empty list" in labkit.plot(watch).html


def test_findings_are_named_and_secrets_differ_from_personal_data_in_more_than_colour():
    text = "pw hunter22 of Maria"
    found = [
        Finding(3, 11, "password", "r", 0.7, "hunter22"),
        Finding(15, 20, "person", "r", 0.8, "Maria"),
    ]
    html = labkit.plot(redact(text, found)).html
    assert ">password</span>" in html and ">person</span>" in html
    assert "1px solid" in html and "1px dashed" in html
    assert "[PASSWORD_1]" in html and "2 found" in html


def test_the_score_has_bars_intervals_and_counts():
    text = "key 12345 end"
    examples = (Example(text, (Label(4, 9, "password"),)), Example("x", ()))
    score = measure_scanner(
        examples,
        scanner=lambda t: [Finding(4, 9, "password", "r", 0.9, "12345")] if t != "x" else [],
    )
    figure = labkit.plot(score)
    recall, precision, counts, _ = figure.data
    assert tuple(recall.y) == ("password",) and tuple(recall.x) == (1,)
    assert tuple(precision.x) == (1,) and tuple(counts.text) == ("1 of 1",)
    assert recall.error_x.arrayminus[0] > 0.5
    assert "measured" in figure.layout.title.text
    assert recall.marker.pattern.shape != precision.marker.pattern.shape


def test_misses_and_alarms_stand_in_their_context():
    text = f"{EVIL} is the password"
    score = measure_scanner(
        [Example(text, (Label(0, len(EVIL), "password"),))], scanner=lambda t: []
    )
    html = labkit.plot(score, kind="misses").html
    assert "Missed: 1, which would leave; 0 of them of a kind without a rule" in html
    assert "False alarms: 0; 0 of the" in html
    assert EVIL not in html and "is the password" in html


def test_the_proof_shows_each_method_and_the_answer():
    probes = (
        ProbeResult("Python's socket", "connected", "Connection refused", "Network is unreachable"),
    )
    proof = OfflineProof(probes, "smollm2", "Why?", EVIL, 0, 3.2)
    html = labkit.plot(proof).html
    assert "cut off" in html and "Network is unreachable" in html and EVIL not in html
    broken = OfflineProof((ProbeResult("x", "connected", "connected", "connected"),), None, "")
    assert not broken.holds and "✗ not cut off" in labkit.plot(broken).html
    untried = OfflineProof((), "smollm2", "Why?", why_not=f"Only Linux. {EVIL}")
    assert not untried.holds and "Not tried here" in labkit.plot(untried).html
    assert EVIL not in labkit.plot(untried).html and "not tried" in untried.summary


def test_terms_and_payload_show_source_date_and_what_is_unknown():
    html = labkit.plot(labkit.privacy.provider_terms()).html
    assert "unknown" in html and "2026-11-23" in html and "href" not in html
    cloud = labkit.cloud("anthropic", key="planted-key-123456", policy=None)
    payload = labkit.payload(cloud, f"Write to jane@example.com {EVIL}")
    picture = labkit.plot(payload).html
    assert "jane@example.com" in picture and "api.anthropic.com" in picture
    assert EVIL not in picture and "planted" not in picture
    assert "Anthropic" in picture and "(read 2026-11-23" in picture
    refused = labkit.plot(labkit.payload(cloud, "jane@example.com", policy=labkit.Policy("block")))
    assert "0 bytes would leave" in refused.html and "jane@example.com" not in refused.html


def test_a_server_of_ones_own_has_unknown_terms():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        model = labkit.connect(address, "m", kind="vLLM")
        assert "knows no terms" in labkit.plot(labkit.payload(model, "Hello")).html


@pytest.mark.parametrize(
    "result", ["NetworkLog", "OfflineProof", "Payload", "Redacted", "TermsTable"]
)
def test_they_are_in_the_tables_of_figures(result):
    rooms = ("network", "payload", "scanner")
    tables = [import_module(f"labkit.topics.privacy.{room}.figures").FIGURES for room in rooms]
    assert result in {each.__name__ for table in tables for each in table}
