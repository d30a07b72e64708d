"""Redaction: what is taken out comes back exactly, whole or in pieces, whatever the text."""

import itertools
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.backends.guard.findings import KINDS, Finding, mask, without_overlaps
from labkit.backends.guard.redaction import redact, redact_all

# Texts full of what could be taken for a placeholder, and of characters of several bytes.
TEXTS = st.text(
    st.sampled_from("[]_1EMAIL PERSON\nä東👩‍🚀é") | st.characters(), max_size=60
) | st.lists(st.sampled_from(["[EMAIL_1]", "[EMAIL_", "1]", "[", "]", "a", " "])).map("".join)


@st.composite
def found(draw, texts=TEXTS):
    """A text and findings in it, which may overlap."""
    text = draw(texts)
    findings = []
    for _ in range(draw(st.integers(0, 6)) if text else 0):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        kind = draw(st.sampled_from(sorted(KINDS)))
        sure = draw(st.sampled_from([0.4, 0.7, 0.95]))
        findings.append(Finding(start, end, kind, "drawn", sure, text[start:end]))
    return text, findings


@given(found())
@settings(max_examples=500)
def test_what_is_taken_out_comes_back(drawn):
    text, findings = drawn
    redacted = redact(text, findings)
    assert redacted.restore(redacted.text) == text
    assert all(name not in text for name in redacted.placeholders.originals)


@given(found(), st.data())
@settings(max_examples=500)
def test_pieces_restore_to_the_same_as_the_whole(drawn, data):
    text, findings = drawn
    redacted = redact(text, findings)
    names = [*redacted.placeholders.originals, "[EMAIL_", "[PERSON_1", "[[", "no placeholder"]
    answer = "".join(data.draw(st.lists(st.sampled_from(names) | TEXTS, max_size=8)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=10)))
    edges = [0, *cuts, len(answer)]
    restorer = redacted.restorer()
    pieces = [restorer.feed(answer[a:b]) for a, b in itertools.pairwise(edges)]
    assert "".join(pieces) + restorer.flush() == redacted.restore(answer)


@given(found())
def test_overlaps_are_resolved_and_nothing_found_is_left(drawn):
    text, findings = drawn
    kept = without_overlaps(findings)
    places = [(each.start, each.end) for each in kept]
    assert places == sorted(places)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(places))
    covered = {at for start, end in places for at in range(start, end)}
    for finding in findings:
        for at in range(finding.start, finding.end):
            assert at in covered or text[at].isspace()


@given(found())
def test_a_found_text_does_not_leave(drawn):
    text, findings = drawn
    redacted = redact(text, findings)
    names = "|".join(map(re.escape, redacted.placeholders.originals))
    count = sum(len(each.text) for each in redacted.findings)
    assert len(re.sub(names, "", redacted.text)) == len(text) - count


def test_the_same_text_gets_the_same_placeholder_in_every_message():
    texts = ["Maria wrote", "to Maria and Jo"]
    found = [
        [Finding(0, 5, "person", "by hand", 1.0, "Maria")],
        [
            Finding(3, 8, "person", "by hand", 1.0, "Maria"),
            Finding(13, 15, "person", "by hand", 1.0, "Jo"),
        ],
    ]
    changed, _, key = redact_all(texts, found)
    assert changed == ("[PERSON_1] wrote", "to [PERSON_1] and [PERSON_2]")
    assert key.restore("[PERSON_2] or [PERSON_1]?") == "Jo or Maria?"


def test_what_is_found_once_is_taken_out_wherever_it_stands():
    """A log repeats a password without the word that gave it away."""
    code = 'DB_PASSWORD = "summer-Rain-42"\n'
    log = "cannot log in with summer-Rain-42 (not summer-Rain-421, not Msummer-Rain-42)"
    redacted = redact(code + log)
    assert redacted.text.count("[PASSWORD_1]") == 2 == len(redacted.findings)
    assert redacted.text.endswith("(not summer-Rain-421, not Msummer-Rain-42)")
    assert redacted.restore(redacted.text) == code + log

    (first, _), found = [code, log], [redact(code).findings, ()]
    changed, taken_out, key = redact_all([code, log], found)
    assert "summer-Rain-42 " not in changed[1] and [len(each) for each in taken_out] == [1, 1]
    assert [*map(key.restore, changed)] == [first, log]


def test_texts_that_begin_alike_are_told_apart():
    text = "+49 30 1234567, +49 30 1234567, +49 30 12345, +49 30 123456789"
    numbers = (Finding(0, 14, "phone number", "x", 1.0, text[:14]),)
    numbers += (Finding(32, 44, "phone number", "x", 1.0, text[32:44]),)
    assert redact(text, numbers).text == "[PHONE_1], [PHONE_1], [PHONE_2], +49 30 123456789"
    cut = redact(text[:44], numbers)  # a longer one that begins as the text ends
    assert cut.text == "[PHONE_1], [PHONE_1], [PHONE_2]"


def test_one_time_findings_are_read_once():
    findings = [Finding(0, 5, "person", "by hand", 1.0, "Maria")]
    assert redact("Maria and Maria", iter(findings)).text == "[PERSON_1] and [PERSON_1]"


def test_a_finding_of_another_text_is_refused():
    with pytest.raises(ValueError, match="must be of this text"):
        redact("Good morning", [Finding(0, 5, "person", "by hand", 1.0, "Maria")])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("x", ["hunter22"]), "findings must come from scan; got str"),
        (("x", [1]), "findings must come from scan; got int"),
        (("x", 5), "findings must be of this text; got int"),
        ((5, []), "text must be a text; got int"),
    ],
)
def test_what_is_not_a_finding_or_a_text_is_named(given, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        redact(*given)


def test_a_finding_says_nothing_in_its_repr():
    secret = "correct-horse-battery-staple"
    finding = Finding(0, len(secret), "password", "by hand", 1.0, secret)
    redacted = redact(secret, [finding])
    shown = repr((finding, redacted, redacted.placeholders, redacted.summary))
    assert secret not in shown and secret[:6] not in shown


@given(st.text(min_size=1))
def test_a_mask_shows_a_quarter_at_most(text):
    shown = mask(text).rpartition("…")[0]
    assert len(shown) <= max(4, 0) and len(shown) <= len(text) // 4


def test_many_pieces_of_a_long_answer_take_no_longer_than_they_should():
    """Each piece is looked at once: a restorer that kept the text would need minutes here."""
    rng = random.Random(0)
    redacted = redact("Maria", [Finding(0, 5, "person", "by hand", 1.0, "Maria")])
    restorer = redacted.restorer()
    answer = "".join(rng.choice(["[PERSON_1]", "[", "word "]) for _ in range(20_000))
    told = "".join(restorer.feed(character) for character in answer) + restorer.flush()
    assert told == redacted.restore(answer)
