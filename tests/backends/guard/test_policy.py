"""A policy blocks, redacts, asks or allows; what it refuses it does not give away."""

import pytest

import labkit
from labkit.backends.guard.findings import KINDS
from labkit.backends.guard.policy import Policy, screen
from labkit.errors import LabError

KEY = "AKIA" + "Q7ZX" * 4
PROMPT = f"Use {KEY} and write to jane@example.com."


@pytest.mark.parametrize("action", ["block", "ask"])
def test_nothing_passes_and_the_sentence_tells_what_and_where(action):
    with pytest.raises(LabError) as refusal:
        Policy(action).apply(PROMPT)
    said = str(refusal.value)
    assert "Nothing was sent" in said and "cloud key AKIA… (20 characters)" in said
    assert "line 1, character 5" in said and 'lab.Policy("redact")' in said
    assert KEY not in said and "jane@example.com" not in said


def test_redact_replaces_and_restores():
    passed = Policy("redact").apply(PROMPT)
    assert passed.prompt == "Use [CLOUD_KEY_1] and write to [EMAIL_1]."
    answer = "Sent to [EMAIL_1]."
    pieces = [passed.restorer.feed(piece) for piece in answer]
    assert "".join(pieces) + passed.restorer.flush() == "Sent to jane@example.com."


def test_each_restorer_is_fresh():
    policy = Policy("redact")
    first = policy.apply(PROMPT).restorer
    first.feed("[EMA")
    assert policy.apply(PROMPT).restorer.feed("IL_1]") == "IL_1]"


def test_allow_looks_at_nothing_and_a_clean_prompt_is_the_same():
    assert Policy("allow").apply(PROMPT).prompt is PROMPT
    passed = Policy("block").apply("Why is the sky blue?")
    assert passed.prompt == "Why is the sky blue?"
    assert passed.findings == () and passed.restorer is None


@pytest.mark.parametrize("answer", ["redact", "allow", "block"])
def test_somebody_is_asked(answer):
    seen = []

    def ask(findings):
        seen.extend(findings)
        return answer

    policy = Policy("ask", ask=ask)
    if answer == "block":
        with pytest.raises(LabError):
            policy.apply(PROMPT)
    else:
        passed = policy.apply(PROMPT)
        assert (KEY in passed.prompt) == (answer == "allow")
        assert len(passed.findings) == 2
    assert {each.kind for each in seen} == {"cloud key", "email address"}


def test_messages_are_looked_through_whole_with_one_key():
    messages = [
        {"role": "system", "content": "You serve jane@example.com."},
        {"role": "user", "content": [{"type": "text", "text": f"My key: {KEY}"}]},
        {"role": "assistant", "content": "Hello jane@example.com", "name": "jane@example.com"},
    ]
    passed = Policy("redact").apply(messages)
    assert passed.prompt == [
        {"role": "system", "content": "You serve [EMAIL_1]."},
        {"role": "user", "content": [{"type": "text", "text": "My key: [CLOUD_KEY_1]"}]},
        {"role": "assistant", "content": "Hello [EMAIL_1]", "name": "[EMAIL_1]"},
    ]
    assert messages[0]["content"] == "You serve jane@example.com."


def test_what_one_message_gives_away_is_taken_out_of_all():
    messages = [
        {"role": "user", "content": 'db password: "Tr0ub4dor&3x"'},
        {"role": "user", "content": "It says Tr0ub4dor&3x is wrong"},
    ]
    passed = Policy("redact").apply(messages)
    assert [each["content"] for each in passed.prompt] == [
        'db password: "[PASSWORD_1]"',
        "It says [PASSWORD_1] is wrong",
    ]
    assert len(passed.findings) == 2


@pytest.mark.parametrize("policy", [Policy("redact"), Policy("ask", ask=lambda _: "redact")])
@pytest.mark.parametrize("stop", ["Tr0ub4dor&3x", "<Tr0ub4dor&3x>", KEY])
def test_no_stop_string_holds_what_is_taken_out(policy, stop):
    prompt = 'db password: "Tr0ub4dor&3x"'
    with pytest.raises(LabError, match="a stop string holds") as refusal:
        screen(policy, prompt, ["END", stop])
    assert stop not in str(refusal.value)
    assert screen(policy, prompt, ["END", "user"]).prompt == 'db password: "[PASSWORD_1]"'
    with pytest.raises(LabError, match="Nothing was sent: the prompt"):
        screen(Policy("block"), "Why?", [KEY])
    for let_out in (Policy("allow"), Policy("ask", ask=lambda _: "allow"), None):
        assert screen(let_out, prompt, [stop]).prompt == prompt


def test_a_name_alone_passes_but_not_beside_other_findings():
    question = "Who was Ada Lovelace?"
    assert Policy("block").apply(question).prompt == question
    with pytest.raises(LabError, match="person"):
        Policy("block", kinds=("person",)).apply(question)
    passed = Policy("redact").apply("Customer Ada Lovelace, ada@example.com")
    assert "Lovelace" not in passed.prompt and "ada@example.com" not in passed.prompt


def test_what_was_called_harmless_passes():
    policy = Policy("block", harmless=("jane@example.com",))
    assert policy.apply("Write to jane@example.com.").findings == ()
    with pytest.raises(LabError):
        policy.apply(PROMPT)


def test_no_part_of_a_harmless_text_is_taken_out():
    text = "Ann Smith called. Mr Smith is not Ann Smith. Write to ann@example.com."
    passed = Policy("redact", harmless=("Ann", "Ann Smith")).apply(text)
    assert passed.prompt.count("Ann Smith") == 2 and "ann@" not in passed.prompt


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"action": "maybe"}, "action must be one of block, redact, ask, allow; got 'maybe'"),
        ({"kinds": ("secrets",)}, "kinds must be of .*; got 'secrets'"),
        ({"kinds": "person"}, r"several names, such as \('person',\); got 'person'"),
        ({"least_confidence": "high"}, "must be a number, 0 to 1; got 'high'"),
        ({"harmless": "jane"}, "harmless must be several texts"),
        ({"harmless": 5}, "harmless must be several texts; got int"),
        ({"harmless": [5]}, "harmless must be several texts; got list"),
        ({"kinds": 5}, "kinds must be several names"),
        ({"kinds": ()}, r"kinds must be one or more, or None for all of them; got \(\)"),
        ({"action": ["ask"]}, "action must be one of block, redact, ask, allow"),
        ({"ask": "x"}, "ask must be a function of the findings, or None; got 'x'"),
        ({"least_confidence": -1}, "least_confidence must be a number, 0 to 1; got -1"),
    ],
)
def test_bad_arguments_are_named(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        Policy(**arguments)


def test_an_answer_that_is_no_action_is_refused():
    with pytest.raises(ValueError, match="the answer of ask"):
        Policy("ask", ask=lambda findings: "yes").apply(PROMPT)


def test_kinds_are_told_in_the_repr_and_texts_are_not():
    shown = repr(Policy("ask", kinds=tuple(KINDS)[:2], harmless=("jane@example.com",)))
    assert "ask" in shown and "jane" not in shown


def test_an_actions_name_stands_for_its_policy():
    cloud = labkit.cloud("openai", key="none-is-needed", policy="redact")
    assert cloud.policy == Policy("redact")
    cloud.policy = "block"
    assert cloud.policy == Policy("block")
    with pytest.raises(ValueError, match=r"action must be one of .*; got 'maybe'"):
        cloud.policy = "maybe"
    with pytest.raises(ValueError, match=r"policy must be a lab\.Policy, .*; got True"):
        labkit.cloud("openai", key="none-is-needed", policy=True)
    assert cloud.policy == Policy("block")


def test_lists_are_taken_too():
    for kinds in (["email address"], iter(["email address"])):
        policy = Policy("block", kinds=kinds, harmless=["a@example.com"])
    assert (policy.kinds, policy.harmless) == (("email address",), ("a@example.com",))
    assert hash(policy)
