"""A suggestion: its prompt is llama.cpp's own, it ends with its line, and bad input is refused."""

import threading
from dataclasses import replace

import pytest

import labkit
from labkit.backends.llamacpp.infill import FAMILIES
from labkit.topics.assistant.completion.complete import cut_completion, open_stream
from labkit.topics.assistant.completion.prompts import MOST_AFTER, MOST_BEFORE, nearest

BEFORE, AFTER = "def add(a, b):\n    the = a\n", "\n\nprint(add(1, 2))\n"


@pytest.mark.parametrize(("before", "after"), [(BEFORE, AFTER), ("the cat", ""), ("é\t\n", "ß\n")])
def test_the_prompt_is_the_one_that_llamacpp_itself_builds(filler, before, after):
    asked = {"input_prefix": before, "input_suffix": after, "n_predict": 1}
    theirs = filler.ask("/infill", asked)
    ours = labkit.assistant.completion_prompt(filler, before, after)
    assert ours == theirs["prompt"]
    assert len(filler.encode(ours, raw=True)) == theirs["tokens_evaluated"]


def test_a_swapped_prompt_has_the_same_texts_behind_the_wrong_tokens(filler):
    right = labkit.assistant.completion_prompt(filler, BEFORE, AFTER)
    wrong = labkit.assistant.completion_prompt(filler, BEFORE, AFTER, method="swapped")
    assert wrong == f"<|fim_suffix|>{BEFORE}<|fim_prefix|>{AFTER}<|fim_middle|>"
    assert sorted(filler.fim_tokens.all[:3]) == sorted(t for t in FAMILIES[0].all[:3] if t in wrong)
    assert BEFORE in right and AFTER in right


def test_prefix_and_chat_read_what_they_say(talker):
    assert labkit.assistant.completion_prompt(talker, BEFORE, AFTER, method="prefix") == BEFORE
    (message,) = labkit.assistant.completion_prompt(talker, BEFORE, AFTER, method="chat")
    assert f"{BEFORE}<MISSING>\n{AFTER}" in message["content"]


def test_a_model_without_such_tokens_is_known_by_its_file(talker, filler):
    assert talker.fim_tokens is None
    assert filler.fim_tokens == FAMILIES[0]


def test_a_line_is_completed_and_timed(talker):
    done = labkit.assistant.complete(talker, "one, two, three, four,", method="prefix")
    assert done.text.startswith(" five") and "\n" not in done.text.strip("\n")
    assert 0 < done.ttft_s <= done.elapsed_s and -5 < done.mean_logprob <= 0
    assert "prefix only" in repr(done) and "ms" in done.summary


def test_a_chats_answer_is_taken_out_of_its_fence(talker):
    done = labkit.assistant.complete(talker, BEFORE, AFTER, method="chat")
    assert "```" not in done.text


def test_who_is_superseded_stops_within_a_token(filler):
    stream = open_stream(filler, BEFORE, AFTER, method="infill", max_tokens=500, reread=True)
    next(stream)
    other = threading.Thread(target=stream.close)
    other.start()
    other.join()
    assert list(stream) == [] and stream.finish is None
    assert labkit.assistant.complete(filler, BEFORE, AFTER).ttft_s < 5  # the engine is free again


@pytest.mark.parametrize(
    ("written", "block", "text", "is_over"),
    [
        ("", False, "", False),
        ("\n", False, "\n", False),
        ("\n    x = 1\n    y", False, "\n    x = 1\n", True),
        ("    if x:\n        y\n    z\nw", True, "    if x:\n        y\n    z\n", True),
        ("    x\n\n    y\n\n\nz", True, "    x\n\n    y\n", True),
        ("    x\n    y", True, "    x\n    y", False),
    ],
)
def test_a_suggestion_ends_with_its_line_or_block(written, block, text, is_over):
    assert cut_completion(written, block=block) == (text, is_over)


@pytest.mark.parametrize(
    ("before", "written", "text"),
    [
        ("    x = ", "1\n    y\nz", "1\n    y\n"),
        ("a\n    ", "x\n    y\nz", "x\n    y\n"),
        ("def f():\n    if x", ":\n        y\n    z\nw", ":\n        y\n    z\n"),
        ("def f():", "\n    x\n    y\nz", "\n    x\n    y\n"),
        ("    a = '", "\x0c\u2028'\n    b\nc", "\x0c\u2028'\n    b\n"),
    ],
)
def test_a_block_that_begins_within_a_line_ends_with_that_lines_block(before, written, text):
    assert cut_completion(written, before, block=True) == (text, True)
    assert cut_completion(written, before, block=False)[1]


def test_of_a_long_file_the_nearest_code_is_read(talker):
    before, after = nearest(talker, "a" * 5000 + "END", "START" + "b" * 5000)
    assert (len(before), len(after)) == (MOST_BEFORE, MOST_AFTER)
    assert before.endswith("END") and after.startswith("START")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("",), {}, "before must hold some code to go on from; got none"),
        ((" \n",), {}, "before must hold some code"),
        ((7,), {}, "before must be a text; got int"),
        (("a", None), {}, "after must be a text; got NoneType"),
        (("a" * 1_000_001,), {}, "before must be at most 1,000,000 characters; got 1,000,001"),
        (("a",), {"method": "magic"}, "method must be one of infill, prefix, swapped, chat; got"),
        (("a",), {"method": ["prefix"]}, "method must be one of infill, prefix, swapped, chat"),
        (("a",), {"max_tokens": 0}, "max_tokens must be a whole number, 1 to 500"),
        (("a<|fim_middle|>",), {}, r"before must not hold <\|fim_middle\|>"),
    ],
)
def test_bad_input_gets_a_sentence(filler, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        labkit.assistant.complete(filler, *arguments, **options)


def test_a_model_that_cannot_says_so(talker, smollm2):
    with pytest.raises(labkit.LabError, match="was not made to fill in the middle"):
        labkit.assistant.complete(talker, "a = ", method="infill")
    with pytest.raises(labkit.LabError, match=r"The assistant runs in llama\.cpp; 'smollm2-135m'"):
        labkit.assistant.complete(smollm2, "a = ")


def test_a_family_without_names_of_files_has_a_plain_prompt():
    plain = replace(FAMILIES[0], repo="", file="")
    assert plain.prompt("a", "b") == "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>"
