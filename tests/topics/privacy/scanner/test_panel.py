"""The panel by its controls; the exercises by right and wrong answers."""

import pytest

import labkit
from labkit.topics.privacy import exercises
from labkit.topics.privacy.scanner.panel import LONGEST

KEY = "AKIA" + "Q7ZX" * 4


@pytest.fixture
def panel():
    return labkit.privacy.scan_panel()


def test_typing_scans_redacts_and_restores(panel):
    panel.text.value = f"Use {KEY} for jane@example.com"
    assert "cloud key" in panel.found.value and "2 found" in panel.found.value
    assert "[CLOUD_KEY_1]" in panel.leaving.value and KEY not in panel.leaving.value
    assert KEY in panel.restored.value
    panel.answer.value = "I wrote to [EMAIL_1]."
    assert "I wrote to jane@example.com." in panel.restored.value
    assert panel.summary == "your text: 2 found (cloud key, email address), computed"


def test_kinds_and_confidence_choose(panel):
    panel.text.value = f"Use {KEY} for jane@example.com"
    panel.kinds.value = "secrets"
    assert "jane@example.com" in panel.leaving.value and KEY not in panel.leaving.value
    panel.confidence.value = 1.0
    assert KEY in panel.leaving.value and "no proof" in panel.found.value


def test_what_is_typed_is_escaped(panel):
    panel.text.value = "<b>jane@example.com</b>"
    assert "<b>jane" not in panel.found.value and "&lt;b&gt;" in panel.found.value


def test_a_text_too_long_is_a_sentence_and_the_panel_goes_on(panel):
    panel.text.value = "x" * (LONGEST + 1)
    assert "text must have at most" in panel.found.value and panel.redacted is None
    assert panel.summary == "your text: not scanned" and panel.restored.value == ""
    panel.answer.value = "I wrote to [EMAIL_1]."
    assert panel.restored.value == ""
    panel.text.value = "jane@example.com"
    assert "1 found" in panel.found.value and "jane@example.com." in panel.restored.value


def test_an_empty_text_is_not_an_error(panel):
    panel.text.value = ""
    assert "Nothing found" in panel.found.value


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="least_confidence must be a number, 0 to 1; got 3"):
        labkit.privacy.scan_panel(least_confidence=3)


@pytest.mark.parametrize(
    ("text", "secret", "right", "message"),
    [
        (None, None, False, "Replace None"),
        ("The door opens with 4711 in the evening.", "4711", True, "would have left"),
        ("The door opens with 4711.", "0815", False, "does not contain"),
        (f"Use {KEY} today please", KEY, False, "Found: cloud key"),
        ("kaffee", "kaffee", False, "No reader would know"),
        ("The weather is nice today", "nice", False, "No reader would know"),
        ("a b c d e f", "f", False, "too short"),
        ("The key idea is simple, as in an", "an", False, "too short"),
        ("My wife is pregnant, but please tell nobody yet.", "pregnant", True, "would have left"),
        ("Anna from our team is HIV positive.", "HIV positive", True, "would have left"),
        ("We will buy Globex before Christmas.", "Globex", True, "would have left"),
        (f"The password, short: mail. Long: {KEY}, mail.", KEY, False, "Found: cloud key"),
        ("login: maria / kaffee", "kaffee", True, "would have left"),
        ("The word that opens the door is swordfish.", "swordfish", True, "would have left"),
        ("The code is 4711.", 4711, False, "have to be texts"),
    ],
)
def test_exercise_one(text, secret, right, message):
    result = exercises.check_missed(text, secret)
    assert result.right is right and message in result.why


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (None, False),
        (4711, False),
        ("Hello there.", False),
        ("Article 10.2.1.4 is repealed.", True),
    ],
)
def test_exercise_two(text, right):
    assert exercises.check_alarm(text).right is right


def test_exercise_three():
    cloud = labkit.cloud("openai", key="planted-key-123456")
    prompt = "Write to Priya Natarajan, priya@example.com, session 4711-abc"

    def check(**policy):
        payload = labkit.payload(cloud, prompt, policy=labkit.Policy(**policy))
        return exercises.check_policy(payload, never="Natarajan", about=prompt)

    assert check(action="redact").right
    assert "still leave" in check(action="allow").why
    assert "Nothing would be sent" in check(action="block").why
    half = check(action="redact", kinds=("person",))
    assert not half.right and "email address" in half.why
    for other in ("hello", "Write to somebody"):
        small = labkit.payload(cloud, other, policy=None)
        about = exercises.check_policy(small, never="Natarajan", about=prompt)
        assert "not the record" in about.why
    assert "None" in exercises.check_policy(None, never="x", about="x").why
    assert "not a payload" in exercises.check_policy("x", never="x", about="x").why
