"""What a model thinks, separated from its answer wherever a text is cut, and switched on or off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.backends.chat.chat_text import render_template
from labkit.backends.chat.thinking_switch import switch_thinking
from labkit.backends.reply import Outcome, Reply
from labkit.backends.settings import Settings
from labkit.backends.steps import Step
from labkit.backends.thoughts import ThoughtCounter, ThoughtSplitter, open_tag

PARTS = [
    ("<think>\nHm.\n</think>\n\nYes </think>", "\nHm.\n", "Yes </think>"),
    ("\n<think></think>Yes", "", "Yes"),  # a blank may come before it is known what follows
    ("[THINK]a <think>[/THINK]b", "a <think>", "b"),
    ("<thin air", "", "<thin air"),
    ("Use <think> tags.", "", "Use <think> tags."),
    ("<think>no end </thin", "no end </thin", ""),
    (
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes",
        "Hm.",
        "Yes",
    ),
    (
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary<|message|>b"
        "<|end|><|start|>assistant<|channel|>final<|message|> <think>",
        "a\n\nb",
        "<think>",
    ),
    ("<|channel|>final<|message|>Yes <|end|>", "", "Yes <|end|>"),
    ("<|channel|>analysis<|message|>no end", "no end", ""),
    ("  a", "", "  a"),
    ("", "", ""),
]


@pytest.mark.parametrize(("text", "thought", "answer"), PARTS)
@given(cuts=st.sets(st.integers(1, 120)))
def test_a_text_is_separated_wherever_it_is_cut(text, thought, answer, cuts):
    ends = [*sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    split = ThoughtSplitter()
    pairs = [
        split.push(piece, last=number == len(pieces)) for number, piece in enumerate(pieces, 1)
    ]
    assert "".join(pair[0] for pair in pairs) == thought
    assert "".join(pair[1] for pair in pairs).removeprefix("\n") == answer


def test_a_prompt_may_have_opened_the_thought():
    assert open_tag("assistant:<think>\n") == "<think>" and open_tag("<think></think>\n\n") is None
    split = ThoughtSplitter("<think>")
    assert split.thinking and split.push("Hm</think> ") == ("Hm", "") and split.thinking
    assert split.push("Yes") == ("", "Yes") and not split.thinking


QWEN3 = "{%- if enable_thinking is defined and enable_thinking is false %}{% endif %}"
SMOLLM3 = "{%- if enable_thinking is not defined -%}{%- set enable_thinking = true -%}{%- endif -%}"
DEEPSEEK = "{% if not thinking is defined %}{% set thinking = false %}{% endif %}"
NEMOTRON = "{% if '/no_think' in messages[0].content %}<think></think>{% endif %} /think"
GENERATION = "{% generation %}{{ enable_thinking }}{% endgeneration %}{% break %}"


@pytest.mark.parametrize(
    ("template", "name"),
    [(QWEN3, "enable_thinking"), (SMOLLM3, "enable_thinking"), (DEEPSEEK, "thinking")],
)
def test_the_switch_is_the_templates_own(template, name):
    assert switch_thinking(True, template, "m") == {name: True}
    assert switch_thinking(None, template, "m") == {}


def test_a_word_in_the_system_text_may_be_the_switch():
    assert switch_thinking(False, NEMOTRON, "m") == {}
    asked = [{"role": "user", "content": "Why?"}]
    assert render_template("m", NEMOTRON, asked, {}, False) == "<think></think> /think"
    assert render_template("m", NEMOTRON, asked, {}, True) == " /think"
    asked = [{"role": "system", "content": "Be brief."}, *asked]
    assert render_template("m", "{{ messages[0].content }}{# /think #}", asked, {}, True) == (
        "Be brief.\n/think"
    )


@pytest.mark.parametrize("template", ["{{ messages[0].thinking }} if thinking", "", None])
def test_without_a_switch_it_is_refused(template):
    with pytest.raises(ValueError, match=r"thinking must be left at None: .* of m .*; got False"):
        switch_thinking(False, template, "m")


def test_transformers_own_tag_is_no_hindrance():
    template = "{% for m in messages %}" + GENERATION + "{% endfor %}"
    assert switch_thinking(False, template, "m") == {"enable_thinking": False}


def a_step(text, at, thinking=False, logprob=-0.1):
    return Step(None, text, logprob, None, (), None, at, thinking)


def a_reply(*steps, **outcome):
    return Reply("m", "p", Settings(seed=1), steps, Outcome("stop", 3, **outcome))


def test_of_tokens_all_are_counted_and_timed():
    """Those that opened the thought came before it was known to be one."""
    steps = (
        a_step("", 0.5),
        *(a_step("Hm", 0.6 + 0.1 * n, True) for n in range(4)),
        *(a_step("Yes", 1.0 + 0.1 * n) for n in range(3)),
    )
    reply = a_reply(*steps)
    assert (reply.text, reply.thinking) == ("YesYesYes", "HmHmHmHm")
    assert (reply.output_tokens, reply.thinking_tokens) == (8, 5)
    assert reply.thinking_s == pytest.approx(0.4) and reply.ttft_s == 0.5
    assert reply.decode_tokens_per_s == pytest.approx(7 / 0.7)
    assert "thought 5 tokens in 0.40 s" in reply.summary
    assert repr(reply).startswith("HmHmHmHm\n(thought 5 tokens in 0.40 s)\n\nYesYesYes\n— m, 8 tok")


def test_where_the_server_counts_a_thought_the_answer_is_timed():
    shown = (a_step("a summary", 0.5, True), a_step("Yes", 2.0), a_step("Yes", 3.0))
    known = {"chunked": True, "output_tokens": 1010, "thinking_tokens": 1000}
    assert a_reply(*shown, **known).decode_tokens_per_s == pytest.approx(9)
    assert a_reply(*shown, **known | {"thinking_tokens": None}).decode_tokens_per_s is None
    hidden = a_reply(*shown[1:], **known, price_usd=0.02, thinking_price_usd=0.0199)
    assert hidden.decode_tokens_per_s == pytest.approx(9) and hidden.thinking_s == 2.0
    line = "(thought 1000 tokens in 2.00 s for $0.019900, which the server does not show)"
    assert repr(hidden).startswith(f"{line}\nYesYes\n—")


def test_a_thought_without_an_answer_is_kept_and_said():
    reply = a_reply(a_step("Hm", 0.5, True), a_step("m", 0.7, True))
    assert (reply.text, reply.thinking, reply.thinking_tokens) == ("", "Hmm", 2)
    assert reply.thinking_s == pytest.approx(0.2)
    assert "it did not come to an answer" in reply.summary


def test_an_empty_thought_is_none_that_is_hidden():
    """As Qwen3 writes it where its prompt says /no_think."""
    reply = a_reply(*(a_step("\n", 0.1 * n, True) for n in range(3)), a_step("Yes", 1.0))
    assert (reply.text, reply.thinking, reply.thinking_tokens) == ("Yes", "", 3)
    assert not reply.thinking_hidden and "(thought 3 tokens in 1.00 s)\nYes" in repr(reply)


def test_no_thought_is_no_line():
    reply = a_reply(a_step("Yes", 0.5))
    assert reply.thinking == "" and reply.thinking_s is None and reply.thinking_tokens == 0
    assert reply.thinking_summary is None and "thought" not in repr(reply)
    assert a_reply(chunked=True).thinking_tokens is None


def test_a_listed_thought_is_counted_with_its_tags():
    count = ThoughtCounter()
    for steps, listed in (([], 1), ([a_step("Hm", 1, True)], 1), ([], 1)):
        count.add(steps, listed)
    assert count.tokens == 3
    count.add([a_step("Yes", 2)], 1)
    assert count.tokens == 3
    count = ThoughtCounter()
    count.add([a_step("Hm", 1, True, logprob=None)], 0)
    assert count.seen and count.tokens is None


@pytest.mark.parametrize("value", [1, "yes", 0.0])
def test_the_setting_is_true_false_or_none(value):
    with pytest.raises(ValueError, match="thinking must be True, False or None"):
        Settings(thinking=value)
