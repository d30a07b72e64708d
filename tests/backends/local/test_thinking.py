"""A local model that thinks: a tiny one, made so that its tokens are known."""

import copy

import pytest

import labkit
from labkit.backends.local.decoding.speculative import SpeculativeMode
from labkit.backends.local.detokenizer import AnswerDetokenizer
from labkit.backends.local.generation_modes import BatchMode, UncachedMode

ASKED = {"temperature": 0, "max_tokens": 20}


def ask(model, **settings):
    return labkit.generate(model, "Why?", **{**ASKED, **settings})


def check(reply):
    assert (reply.thinking, reply.text, reply.finish) == ("Hm", "Yes", "stop")
    # <think>, H, m, </think> and the blank line belong to the thought.
    assert (reply.thinking_tokens, reply.output_tokens) == (5, 9)
    assert 0 < reply.thinking_s < reply.elapsed_s
    assert all(step.logprob is not None and step.token_id is not None for step in reply.steps)


def test_its_thought_is_no_part_of_the_answer(thinker):
    check(ask(thinker))


@pytest.mark.parametrize("mode", [UncachedMode, SpeculativeMode, lambda model: BatchMode(model, 2)])
def test_in_every_mode(thinker, mode):
    check(ask(mode(thinker)))


def test_tags_may_be_special_tokens(make_thinker, tmp_path):
    check(ask(labkit.load(str(make_thinker(tmp_path / "special", special=True)))))


def test_a_tag_may_be_a_special_token_and_a_word(tiny_tokenizer):
    """As Gemma 4's; a special token that is no part of a tag shows as little as before."""
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.add_tokens(["<|channel>", "<channel|>", "<|turn>"], special_tokens=True)
    text = AnswerDetokenizer(tokenizer, [0])
    ids = tokenizer.encode("<|channel>thought\nHm<channel|><|turn>Yes")
    pieces = [(*text.push(token_id), text.thinking) for token_id in ids]
    assert "".join(thought for thought, _, _ in pieces).strip() == "Hm"
    assert "".join(answer for _, answer, _ in pieces) == "Yes" and not pieces[-1][2]


def test_the_template_may_open_the_thought(make_thinker, tmp_path):
    template = "{% for m in messages %}{{ m.content }}{% endfor %}:<think>"
    model = labkit.load(str(make_thinker(tmp_path / "opened", template=template)))
    reply = ask(model)
    assert (reply.thinking, reply.text, reply.thinking_tokens) == ("Hm", "Yes", 4)
    with pytest.raises(ValueError, match=r"thinking must be left at None: .*no switch.*got False"):
        ask(model, thinking=False)


def test_tags_may_be_plain_text(make_thinker, tmp_path):
    """Of several tokens; the first of them come before it is known what they begin."""
    tokens = (":", "<", "t", "h", "i", "n", "k", ">", "H", "</think>", "Y", "</s>")
    model = labkit.load(str(make_thinker(tmp_path / "plain", tokens)))
    reply = ask(model)
    assert (reply.thinking, reply.text, reply.thinking_tokens) == ("H", "Y", 9)


def test_thinking_can_be_switched(thinker):
    off = ask(thinker, thinking=False)
    assert (off.thinking, off.text, off.thinking_tokens, off.thinking_s) == ("", "Yes", 0, None)
    assert off.prompt_tokens > ask(thinker).prompt_tokens
    check(ask(thinker, thinking=True))
    shown = labkit.tokens.apply_chat_template(thinker, "Why?", thinking=False)
    assert shown.text.endswith("</think>\n\n") and shown.count == off.prompt_tokens
    with pytest.raises(ValueError, match="not used for a text"):
        ask(thinker, thinking=True, raw=True)


@pytest.mark.parametrize(("tokens", "thought"), [(1, ""), (3, "Hm"), (5, "Hm")])
def test_an_answer_may_end_in_the_thought(thinker, tokens, thought):
    reply = ask(thinker, max_tokens=tokens)
    assert (reply.thinking, reply.text, reply.finish) == (thought, "", "length")
    assert reply.thinking_tokens == tokens
    assert "it did not come to an answer" in repr(reply)


def test_stop_strings_are_looked_for_in_the_answer(thinker):
    assert ask(thinker, stop="m").text == "Yes"
    reply = ask(thinker, stop="es")
    assert (reply.text, reply.thinking, reply.finish) == ("Y", "Hm", "stop")


def test_rows_and_beams(thinker):
    swept = labkit.sweep(thinker, "Why?", temperatures=[0], samples=2, max_tokens=20)
    assert {(reply.thinking, reply.text) for reply in swept.replies} == {("Hm", "Yes")}
    assert "<details>" in labkit.plot(swept, kind="texts").html
    best = labkit.sampling.beam_search(thinker, "Why?", beams=2, max_tokens=20)
    assert any((reply.thinking, reply.text) == ("Hm", "Yes") for reply in best.beams)
    off = labkit.sweep(thinker, "Why?", temperatures=[0], samples=2, max_tokens=20, thinking=False)
    assert {reply.thinking for reply in off.replies} == {""}
    rows = [labkit.backends.settings.Settings(thinking=each) for each in (True, False)]
    with pytest.raises(ValueError, match="the same in all rows"):
        thinker.stream_rows("Why?", rows)


def test_it_is_recorded_and_replayed(thinker, tmp_path):
    file = labkit.record(thinker, "Why?", folder=tmp_path, **ASKED)
    reply = labkit.generate(labkit.replay(file, speed=float("inf")), "Why?")
    check(reply)
    assert reply.origin.startswith("recorded")


def test_it_is_measured_apart(thinker, tmp_path):
    measured = labkit.measure(thinker, "Why?", max_tokens=20)
    run = measured.counted[0]
    assert (run.text, run.thinking, run.thinking_tokens, run.output_tokens) == ("Yes", "Hm", 5, 9)
    assert run.decode_tokens_per_s == pytest.approx(8 / (run.elapsed_s - run.ttft_s))
    assert run.answer_s == pytest.approx(run.decode_s - run.thinking_s)
    assert "thinking: " in repr(measured) and ", 5 tokens" in repr(measured)
    assert [bar.y[0] for bar in labkit.plot(measured).data] == ["prefill", "thinking", "decode"]
    saved = labkit.save(measured, tmp_path / "measured.json")
    assert labkit.open_result(saved) == measured
