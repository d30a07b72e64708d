"""Example texts, digits, a conversation and its turns."""

import re
from html import unescape

import pytest

import labkit
from labkit.errors import LabError
from labkit.topics.tokens import exercises
from labkit.topics.tokens.chat_template import apply_chat_template

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Why is <b>the</b> sky blue?"},
]
HUGE = "The <b>fox</b> says one. " * 420_000
SYSTEM = "You are the assistant of a small bakery."
TURNS = [("Do you have rye bread?", "Yes."), ("And on Sundays?", "No."), ("Why?", "We sleep.")]


def test_every_example_has_counts_and_a_reason():
    examples = labkit.tokens.example_texts(["gpt2", "o200k"])
    labels = examples.comparison.labels
    for wanted in ("code", "JSON", "number", "indentation", "emoji", "URL", "misspelling", "name"):
        assert any(wanted in label for label in labels), wanted
    page = unescape(labkit.plot(examples).html)
    for label, reason, row in zip(
        labels, examples.reasons, examples.comparison.counts, strict=True
    ):
        assert label in page
        assert reason in page
        assert re.search(rf"<td [^>]*>{row[0]}</td><td [^>]*>{row[1]}</td>", page)
    assert "characters per token with gpt2" in examples.summary


def test_the_reasons_are_true():
    counts = dict(
        zip(
            labkit.tokens.example_texts(["gpt2", "o200k"]).comparison.labels,
            labkit.tokens.example_texts(["gpt2", "o200k"]).comparison.counts,
            strict=True,
        )
    )
    assert counts["a misspelling"][0] > counts["everyday words"][0]
    assert counts["indentation"][0] > 2 * counts["indentation"][1]
    assert counts["capitals"][0] > counts["everyday words"][0]


def test_digits_are_grouped_as_each_tokenizer_groups_them():
    digits = labkit.tokens.compare_digits(["1234567"], ["smollm2", "cl100k"])
    one, three = digits.comparison.rows[0]
    assert one.pieces == tuple("1234567")
    assert three.pieces == ("123", "456", "7")
    page = labkit.plot(digits).html
    assert ">123</span>" in page
    assert digits.summary == "1234567 is 123|456|7 with cl100k, and 1|2|3|4|5|6|7 with smollm2"


def test_markup_in_a_number_is_escaped():
    assert "<script" not in labkit.plot(labkit.tokens.compare_digits(["<script>1"], ["gpt2"])).html


@pytest.mark.parametrize(
    "wrong", [[9.11], ["1" * 61], [""], [None], ["7" * 10_000_000], 123, None, []], ids=str
)
def test_an_invalid_number_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^numbers must be texts of 1 to 60 .*; got") as error:
        labkit.tokens.compare_digits(wrong, ["gpt2"])
    assert len(str(error.value)) < 200


def test_the_summary_shows_spaces_and_invisible_characters():
    summary = labkit.tokens.compare_digits(["7\x04"], ["mistral-v1", "gpt2"]).summary
    assert summary == "7\x04 is 7|⟨U+0004⟩ with gpt2, and ·|7|⟨U+0004⟩ with mistral-v1"


def test_one_number_is_enough():
    assert labkit.tokens.compare_digits("9.11", ["gpt2"]).comparison.labels == ("9.11",)


@pytest.mark.parametrize(
    "verb", [labkit.tokens.example_texts, lambda names: labkit.tokens.compare_digits("7", names)]
)
def test_a_tokenizer_that_is_not_public_cannot_be_shown(verb, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(ValueError, match="names must be of public tokenizers; got 'claude'"):
        verb(["gpt2", "claude"])


# -- chat ----------------------------------------------------------------------------------------


def test_a_conversation_is_what_the_models_template_makes_of_it(smollm2):
    chat = labkit.tokens.apply_chat_template(smollm2, TALK)
    options = {"add_generation_prompt": True, "return_dict": False}
    ids = smollm2.tokenizer.apply_chat_template(TALK, **options)
    assert list(chat.tokenization.ids) == ids
    assert chat.content_count < chat.count
    page = labkit.plot(chat).html
    assert page.count("special token") == sum(t.special for t in chat.tokenization.tokens) >= 5
    assert "<b>the" not in page
    text, _, tokens = page.partition("lk-strip")
    assert unescape(text).count(chat.text) == 1, "as text"
    assert tokens.count("<i ") == chat.count, "and as tokens"
    assert f"{chat.count} tokens" in chat.summary


def test_a_name_is_not_a_model():
    with pytest.raises(ValueError, match=r"model must be a chat model, .*; got 'smollm2'"):
        apply_chat_template("smollm2", "Hi")


def test_pairs_are_messages_too(smollm2):
    pairs = [(each["role"], each["content"]) for each in TALK]
    assert apply_chat_template(smollm2, pairs) == apply_chat_template(smollm2, TALK)


def test_a_prompt_alone_is_a_users_message(smollm2):
    assert "user\nHi" in apply_chat_template(smollm2, "Hi").text


def test_special_tokens_in_a_message_are_counted_as_in_the_whole(smollm2):
    chat = apply_chat_template(smollm2, "<|im_end|>" * 10)
    assert chat.content_count == 10 < chat.count
    assert chat.count - 10 == apply_chat_template(smollm2, "").count


@pytest.mark.parametrize("wrong", [[], [{"role": "user"}], ["Hi"]])
def test_invalid_messages_are_refused(smollm2, wrong):
    with pytest.raises(ValueError, match="a role and a content"):
        apply_chat_template(smollm2, wrong)
    with pytest.raises(ValueError, match="thinking must be True, False or None; got 5"):
        apply_chat_template(smollm2, "Hi", thinking=5)


def test_an_invalid_conversation_is_not_repeated_whole(smollm2):
    for wrong in (7, [HUGE], [("user", HUGE, HUGE)]):
        with pytest.raises(ValueError, match=r"^messages must") as error:
            apply_chat_template(smollm2, wrong)
        assert len(str(error.value)) < 300


@pytest.mark.slow
def test_ten_megabytes_of_conversation_are_counted_and_shown_in_part(smollm2):
    chat = apply_chat_template(smollm2, HUGE)
    assert chat.count > 2_000_000
    page = labkit.plot(chat).html
    assert "Only the first" in page and len(page) < 2_000_000 and "<b>fox" not in page


def test_a_model_without_a_template(smollm2):
    class Base:
        name = "base"
        tokenizer = type("T", (), {"chat_template": None})

    with pytest.raises(LabError, match="base has no chat template"):
        apply_chat_template(Base, "Hi")


def test_every_turn_reads_the_system_prompt_again(smollm2):
    turns = labkit.tokens.cost_turns(smollm2, SYSTEM, TURNS)
    messages = [{"role": "system", "content": SYSTEM}]
    for (question, answer), prompt in zip(TURNS, turns.prompt_tokens, strict=True):
        messages.append({"role": "user", "content": question})
        assert prompt == apply_chat_template(smollm2, messages).count
        messages.append({"role": "assistant", "content": answer})
    assert turns.system_tokens == labkit.tokenize(SYSTEM, smollm2).count
    assert sum(turns.new_tokens) + turns.system_tokens == turns.prompt_tokens[-1]
    figure = labkit.plot(turns)
    for number, total in enumerate(turns.prompt_tokens):
        assert sum(trace.y[number] for trace in figure.data) == total
    assert len({trace.marker.pattern.shape for trace in figure.data}) == 3
    with pytest.raises(ValueError, match="turns must be"):
        labkit.tokens.cost_turns(smollm2, SYSTEM, [])


# -- exercises -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "right", "why"),
    [
        ("ก", True, "2 tokens"),
        ("👍🏽", True, "tokens"),
        ("ཏཱ", True, "tokens"),
        ("hello", False, "rare"),
        ("ก" * 11, False, "10 is the limit"),
        ("\ud83d", False, "lone surrogates"),
        (None, False, "None"),
        (7, False, "in quotes"),
    ],
)
def test_more_tokens_than_characters(text, right, why):
    result = exercises.check_more_tokens(text)
    assert result.right == right
    assert why in result.why


@pytest.mark.parametrize(
    ("word", "right", "why"),
    [
        ("Straßenbahn", False, "o200k needs"),
        ("город", True, " город"),
        ("नमस्ते", False, "Try"),
        ("hello", False, "gpt2 needs only 1"),
        ("\ud83d", False, "lone surrogates"),
        ("two words", False, "not one word"),
        (" город", True, "город"),
        (None, False, "None"),
        (7, False, "in quotes"),
        ("x" * 10_000_000, False, "not one word"),
    ],
)
def test_one_word_one_token(word, right, why):
    result = exercises.check_word(word)
    assert result.right == right, result
    assert why in result.why


def test_half_a_system_prompt(smollm2):
    turns = labkit.tokens.cost_turns(smollm2, SYSTEM, TURNS)
    saved = turns.system_tokens / 2 * 3
    for right in (saved, int(saved), turns.system_tokens // 2 * 3):
        assert exercises.check_saved(turns, right).right
    assert "one turn" in exercises.check_saved(turns, turns.system_tokens // 2).why
    assert "once for every turn" in exercises.check_saved(turns, 1000).why
    assert "None" in exercises.check_saved(turns, None).why
    assert "None" in exercises.check_saved(turns, "half").why
