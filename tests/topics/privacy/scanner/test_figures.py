"""Pictures by their data; what others wrote is escaped; an empty list is said to be empty."""

import socket
import time

import pytest

import labkit
from labkit.backends.guard.findings import Finding
from labkit.backends.guard.redaction import redact
from labkit.topics.privacy.network.connection_log import Attempt, NetworkLog
from labkit.topics.privacy.network.proof import OfflineProof, Way
from labkit.topics.privacy.scanner.labelled_texts import Example, Label
from labkit.topics.privacy.scanner.scanner_score import measure_scanner

EVIL = "<script>alert(1)</script>"


def attempt(**more):
    told = {
        "what": "connection", "host": None, "address": "192.0.2.1", "port": 443,
        "process": "this process", "library": "httpcore2/_sync.py, line 3",
        "asked_by": "notebook cell [3], line 1", "seen_by": "audit hook", "refused": False,
        "bytes_sent": 1234, "bytes_received": None, "elapsed_s": 0.5,
    }  # fmt: skip
    return Attempt(**{**told, **more})


def log(*attempts):
    return NetworkLog(attempts, 1.5, 30, ())


def test_an_empty_list_is_shown_as_one_with_what_it_cannot_see():
    shown = labkit.plot(log()).html
    assert "an empty list" in shown and "no connection was tried" in shown
    assert "What this cannot see" in shown and "native code" in shown
    assert "measured" in shown


def test_each_attempt_is_a_row_with_its_fate_and_bytes():
    shown = labkit.plot(log(attempt(), attempt(address="127.0.0.1"), attempt(refused=True))).html
    assert shown.count("<tr>") == 4
    for word in (
        "leaves",
        "stays here",
        "refused",
        "1,234",
        "unknown",
        "notebook cell [3], line 1",
    ):
        assert word in shown
    assert "an empty list" not in shown


def test_names_of_others_are_escaped():
    shown = labkit.plot(log(attempt(host=EVIL, process=EVIL, asked_by=None))).html
    assert EVIL not in shown and "&lt;script&gt;" in shown
    text = f"{EVIL} Maria"
    found = [Finding(0, len(EVIL), "password", EVIL, 0.9, EVIL)]
    assert EVIL not in labkit.plot(redact(text, found)).html


def test_a_watch_can_be_drawn_while_it_runs():
    with labkit.watch_network() as watch:
        time.sleep(0.06)
        assert "an empty list" in labkit.plot(watch).html


def test_findings_are_named_in_words_and_secrets_differ_from_personal_data_in_more_than_colour():
    text = "pw hunter22 of Maria"
    found = [
        Finding(3, 11, "password", "r", 0.7, "hunter22"),
        Finding(15, 20, "person", "r", 0.8, "Maria"),
    ]
    shown = labkit.plot(redact(text, found)).html
    assert ">password</span>" in shown and ">person</span>" in shown
    assert "1px solid" in shown and "1px dashed" in shown
    assert "[PASSWORD_1]" in shown and "2 found" in shown


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
    shown = labkit.plot(score, kind="misses").html
    assert "Missed: 1" in shown and "False alarms: 0" in shown
    assert EVIL not in shown and "is the password" in shown


def test_the_proof_shows_each_way_and_the_answer():
    ways = (Way("Python's socket", "connected", "Connection refused", "Network is unreachable"),)
    proof = OfflineProof(ways, "smollm2", "Why?", EVIL, 0, 3.2)
    shown = labkit.plot(proof).html
    assert "cut off" in shown and "Network is unreachable" in shown and EVIL not in shown
    broken = OfflineProof((Way("x", "connected", "connected", "connected"),), None, "")
    assert not broken.holds and "✗ not cut off" in labkit.plot(broken).html
    untried = OfflineProof((), "smollm2", "Why?", why_not=f"Only Linux. {EVIL}")
    assert not untried.holds and "Not tried here" in labkit.plot(untried).html
    assert EVIL not in labkit.plot(untried).html and "not tried" in untried.summary


def test_terms_and_payload_show_source_date_and_what_is_unknown():
    shown = labkit.plot(labkit.privacy.provider_terms()).html
    assert "unknown" in shown and "2026-11-23" in shown and "href" not in shown
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
def test_they_are_in_the_table_of_pictures(result):
    from labkit.display import _FIGURES

    assert result in _FIGURES
