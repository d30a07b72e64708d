"""The scanner's score: counts on findings made by hand; the labelled texts are complete."""

import random

import pytest

import labkit
from labkit.backends.guard.findings import KINDS, Finding
from labkit.topics.privacy.scanner.labelled_texts import (
    PARTS,
    Example,
    Label,
    parse,
    read_examples,
    sample_text,
)
from labkit.topics.privacy.scanner.scanner_score import measure_scanner


def finding(text, start, end, kind="password"):
    return Finding(start, end, kind, "by hand", 0.9, text[start:end])


EXAMPLES = (
    Example("key 12345 end", (Label(4, 9, "password"),)),
    Example("Jo and Al", (Label(0, 2, "person"), Label(7, 9, "person"))),
    Example("lives far away", (Label(6, 9, "postal address"),)),
    Example("nothing here", ()),
    Example("nothing there", ()),
)
FOUND = {
    "key 12345 end": [finding("key 12345 end", 4, 7)],  # in part
    "Jo and Al": [finding("Jo and Al", 0, 2, "email address")],  # another kind covers it too
    "nothing there": [finding("nothing there", 0, 7, "person")],  # a false alarm
}


def test_it_counts_what_is_found_whole_in_part_and_wrongly():
    score = measure_scanner(EXAMPLES, scanner=lambda text: FOUND.get(text, []))
    by = {each.kind: each for each in score.kinds}
    assert (by["password"].labelled, by["password"].found, by["password"].partly) == (1, 0, 1)
    assert (by["person"].labelled, by["person"].found) == (2, 1)
    assert (by["person"].reported, by["person"].right) == (1, 0)
    assert (by["email address"].reported, by["email address"].right) == (1, 1)
    assert by["wallet"].recall is None and by["wallet"].precision is None
    assert by["postal address"].recall == 0
    assert (score.total.labelled, score.total.found) == (3, 1), "kinds without a rule apart"
    assert (score.empty_texts, score.alarmed_texts) == (2, 1)
    assert [label.kind for _, label in score.missed] == ["password", "person", "postal address"]
    assert [each.kind for _, each in score.false_alarms] == ["person"]


def test_a_perfect_scanner_finds_all_and_a_blind_one_nothing():
    def perfect(text):
        labels = {example.text: example.labels for example in EXAMPLES}[text]
        return [finding(text, each.start, each.end) for each in labels]

    assert measure_scanner(EXAMPLES, scanner=perfect).total.recall == 1
    blind = measure_scanner(EXAMPLES, scanner=lambda text: [])
    assert "findings right (none)" in repr(blind)
    assert "none of findings right" in labkit.plot(blind).layout.title.text
    assert blind.total.recall == 0 and blind.total.precision is None
    with pytest.raises(ValueError, match="at least one labelled text"):
        measure_scanner([])
    for examples, other, problem in ((["abc"], None, "labelled text"), (None, "scan", "scanner")):
        with pytest.raises(ValueError, match=problem):
            measure_scanner(examples, scanner=other)


def test_findings_of_another_scanner_may_overlap():
    example = next(each for each in EXAMPLES if each.labels)
    first = example.labels[0]
    whole = finding(example.text, first.start, first.end)
    score = measure_scanner([example], scanner=lambda text: iter([whole, whole]))
    assert (score.overall.found, score.overall.reported) == (1, 1)


def test_marks_become_labels_at_the_right_positions():
    example = parse("a ⟦person|Jo⟧ b ⟦password|‹num 3›⟧", random.Random(0))
    assert example.text[:7] == "a Jo b " and len(example.text) == 10
    assert next(example.text[each.start : each.end] for each in example.labels) == "Jo"
    assert example.text[7:].isdigit()


def test_the_labelled_texts_are_complete():
    every = read_examples()
    assert every == read_examples(), "the same each time"
    assert len(every) == sum(len(read_examples(part)) for part in PARTS) > 400
    text = "".join(example.text for example in every)
    assert not set("⟦⟧‹›") & set(text)
    counts = {}
    for example in every:
        for label in example.labels:
            assert 0 <= label.start < label.end <= len(example.text)
            counts[label.kind] = counts.get(label.kind, 0) + 1
    assert KINDS.keys() <= counts.keys() and {"postal address", "health"} <= counts.keys()
    assert sum(not example.labels for example in every) >= 60, "tricky negatives"
    with pytest.raises(ValueError, match="part must be one of"):
        read_examples("all")


@pytest.mark.parametrize("part", PARTS)
def test_redaction_is_restored_in_every_text(part):
    """With the scanner's own findings; with any others: tests/backends/guard/test_redaction.py."""
    for example in read_examples(part):
        redacted = labkit.redact(example.text)
        assert redacted.restore(redacted.text) == example.text


def test_the_scanner_is_as_good_as_it_was():
    """No golden value: a floor, so that a changed rule or library that breaks it is noticed."""
    score = labkit.privacy.measure_scanner()
    assert score.total.recall > 0.85 and score.total.precision > 0.9
    by = {each.kind: each for each in score.kinds}
    assert by["cloud key"].recall > 0.9 and by["api key"].precision > 0.9
    for kind in ("postal address", "health", "business secret"):
        assert by[kind].found == 0, "no rule looks for it; the notebook says so"
    assert score.alarmed_texts < 0.15 * score.empty_texts


@pytest.mark.slow
def test_more_confidence_finds_less():
    few = labkit.privacy.measure_scanner(least_confidence=0.96).total
    assert few.found < labkit.privacy.measure_scanner(least_confidence=0.4).total.found


def test_the_lessons_texts_hold_what_the_notebook_says():
    login, customer = sample_text("login"), sample_text("customer")
    assert {"password", "cloud key", "email address"} <= {f.kind for f in labkit.scan(login)}
    assert {"person", "bank account", "card number"} <= {f.kind for f in labkit.scan(customer)}
    session = login.rpartition("session=")[2].strip()
    assert len(session) == 32 and session in labkit.redact(login).text, "what it misses"
    assert "Lindenallee 7" in labkit.redact(customer).text
    with pytest.raises(ValueError, match="name must be one of login, customer"):
        sample_text("secrets")
