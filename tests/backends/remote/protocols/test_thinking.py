"""Servers whose models think: each in its own form, and none of it is taken for the answer.

* DeepSeek, llama.cpp, LM Studio, xAI: ``reasoning_content``; vLLM, OpenRouter: ``reasoning``.
* Mistral: a ``content`` that is a list: the types of its client, models/thinkchunk.py.
* OpenAI: hidden; counted in ``completion_tokens_details``, the type of openai's package.
* Whatever has no parser for the model: tags in the answer's text.
"""

import pytest

import labkit

from ...loopback import event, piece

END = b"data: [DONE]\n\n"
HIDDEN = {"completion_tokens_details": {"reasoning_tokens": 1000}}


def delta(finish=None, **fields):
    return event(choices=[{"index": 0, "delta": fields, "finish_reason": finish}])


def usage(written, read=5, total=None, **more):
    counts = {"prompt_tokens": read, "completion_tokens": written}
    return event(choices=[], usage={**counts, "total_tokens": total or read + written, **more})


def ask(scripted, *parts, kind="OpenAI-compatible", **settings):
    address, asked = scripted(*parts)
    model = labkit.connect(address, "m", kind=kind)
    return labkit.generate(model, "Hi", **settings), asked


def connected(kind):
    return labkit.connect("http://127.0.0.1:9", "m", kind=kind)


WORDS = [part for n in range(10) for part in (0.05, piece(f"w{n} "))]


def test_hidden_thinking_does_not_make_it_fast(scripted):
    """A pause of a second in which 1,000 tokens are thought, and ten words 0.05 s apart."""
    begin = delta(role="assistant", content="")
    end = [delta("stop"), usage(1010, **HIDDEN), END]
    reply, _ = ask(scripted, begin, 1.0, *WORDS, *end)
    assert (reply.output_tokens, reply.thinking_tokens, reply.thinking) == (1010, 1000, "")
    assert reply.decode_tokens_per_s == pytest.approx(20, rel=0.3)
    assert reply.thinking_s == reply.ttft_s == pytest.approx(1.05, abs=0.3)
    assert "thought 1000 tokens in 1." in reply.summary and "does not show" in reply.summary


def test_a_hidden_thought_may_be_all(scripted):
    parts = [delta("length"), usage(64, completion_tokens_details={"reasoning_tokens": 64}), END]
    reply, _ = ask(scripted, *parts)
    assert (reply.text, reply.finish, reply.thinking_tokens) == ("", "length", 64)
    assert reply.decode_tokens_per_s is reply.thinking_s is None
    assert "it did not come to an answer" in repr(reply)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_thought_in_a_field_of_its_own(scripted, name):
    thought = [delta(**{name: "Hm"}), 0.2, delta(**{name: "m."})]
    reply, _ = ask(scripted, *thought, 0.2, piece("Yes </think>", finish_reason="stop"), END)
    assert (reply.thinking, reply.text) == ("Hmm.", "Yes </think>")
    assert [step.thinking for step in reply.steps] == [True, True, False]
    assert reply.thinking_s == pytest.approx(0.4, abs=0.2)
    assert reply.thinking_tokens is reply.decode_tokens_per_s is None


def test_one_event_may_hold_both(scripted):
    both = delta("stop", reasoning_content="Hm", content="Yes")
    reply, _ = ask(scripted, both, END)
    assert (reply.thinking, reply.text, len(reply.steps)) == ("Hm", "Yes", 2)


@pytest.mark.filterwarnings("error")
def test_content_may_be_a_list_of_parts(scripted):
    thought = [{"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}]
    more = [{"type": "thinking", "thinking": "y"}, {"type": "reference", "reference_ids": [1]}]
    last = [{"type": "text", "text": " you"}]
    deltas = [delta(content=each) for each in (thought, more, "Hello")]
    reply, _ = ask(scripted, *deltas, delta("stop", content=last), END)
    assert (reply.thinking, reply.text) == ("xy", "Hello you")
    assert all(isinstance(step.text, str) for step in reply.steps)


@pytest.mark.parametrize(
    "pieces", [("<think>\nHm.\n</think>\n\nYes", ""), ("<thi", "nk>Hm.</th", "ink>Y", "es")]
)
def test_tags_in_the_answers_text(scripted, pieces):
    *first, last = pieces
    reply, _ = ask(scripted, *map(piece, first), piece(last, finish_reason="stop"), END)
    assert (reply.thinking, reply.text, reply.chunked) == ("Hm.", "Yes", True)


def test_what_only_began_like_a_tag_is_text(scripted):
    reply, _ = ask(scripted, piece("<think", finish_reason="stop"), END)
    assert (reply.thinking, reply.text) == ("", "<think")


def listed(text, **more):
    return {"content": [{"token": text, "logprob": -0.5, "top_logprobs": []}], **more}


def test_a_thought_that_is_listed_is_counted_with_its_tags(scripted):
    """As vLLM sends it: the tags come without a text. Each token is a step with its logprob."""

    def token(text, **fields):
        return event(choices=[{"index": 0, "delta": fields, "logprobs": listed(text)}])

    thought = [
        token("Hm", reasoning="Hm"),
        token(".", reasoning="."),
        token("</think>", content=""),
    ]
    answer = [part for n in range(5) for part in (0.05, token(f"w{n}", content=f"w{n}"))]
    parts = [token("<think>", content=""), *thought, *answer, delta("stop"), usage(10), END]
    reply, _ = ask(scripted, *parts, kind="vLLM")
    assert (reply.thinking, reply.text) == ("Hm.", "w0w1w2w3w4")
    assert (reply.thinking_tokens, reply.output_tokens) == (4, 10)
    assert {step.logprob for step in reply.steps} == {-0.5}
    seconds = reply.steps[-1].elapsed_s - reply.steps[2].elapsed_s
    assert reply.decode_tokens_per_s == pytest.approx(4 / seconds)  # the end token was not sent


@pytest.mark.parametrize(
    "pieces", [("\n\n", " Yes"), ("\n\n Yes",), ("\n", "\n Yes", ""), ("Yes",)]
)
def test_the_first_token_after_a_thought_keeps_its_logprob(scripted, pieces):
    """Where a server leaves the thought in the text; the blanks before the answer are left out."""

    def token(text, **more):
        choice = {"index": 0, "delta": {"content": text}, "logprobs": listed(text), **more}
        return event(choices=[choice])

    end = token(".", finish_reason="stop")
    tokens = map(token, ("<think>", "Hm", "</think>", *pieces))
    reply, _ = ask(scripted, *tokens, end, END, kind="vLLM")
    assert (reply.thinking, reply.text) == ("Hm", "Yes.")
    answer = [(step.text, step.logprob) for step in reply.steps if not step.thinking]
    assert answer == [("Yes", -0.5), (".", -0.5)]


def test_llama_cpp_counts_every_token(scripted):
    """Its parser swallows the tags; each event says how many tokens there are by then."""

    def told(n, **fields):
        timings = {"predicted_n": n, "prompt_n": 5, "cache_n": 0, "prompt_ms": 10.0}
        return event(choices=[{"index": 0, "delta": fields}], timings=timings)

    parts = [
        told(2, reasoning_content="Hm"),
        told(3, reasoning_content="."),
        told(6, content="Yes"),
    ]
    reply, _ = ask(scripted, *parts, told(7, content=" I do"), delta("stop"), END, kind="llama.cpp")
    assert [step.thinking for step in reply.steps] == [True] * 5 + [False] * 2
    assert (reply.thinking_tokens, reply.output_tokens, reply.chunked) == (5, 7, False)


def test_counted_in_the_total_alone(scripted):
    """As Google's and xAI's counts: what was thought is not in ``completion_tokens``."""
    reply, _ = ask(scripted, piece("Yes", finish_reason="stop"), usage(9, 32, 135), END)
    assert (reply.output_tokens, reply.thinking_tokens) == (103, 94)
    details = {"completion_tokens_details": {"reasoning_tokens": 94}}
    reply, _ = ask(scripted, piece("Yes", finish_reason="stop"), usage(9, 32, 135, **details), END)
    assert (reply.output_tokens, reply.thinking_tokens) == (103, 94)


def test_none_is_none_and_unknown_is_unknown(scripted):
    details = {"completion_tokens_details": {"reasoning_tokens": 0}}
    reply, _ = ask(scripted, piece("Yes", finish_reason="stop"), usage(2, **details), END)
    assert reply.thinking_tokens == 0 and reply.thinking_summary is None
    reply, _ = ask(scripted, piece("Yes", finish_reason="stop"), usage(2), END)
    assert reply.thinking_tokens is None and reply.thinking_summary is None


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("content_filter", "content_filter"),
        ("sensitive", "content_filter"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("error", "failed"),
        ("abort", "failed"),
        ("insufficient_system_resource", "failed"),
    ],
)
def test_why_it_ended_is_said(scripted, word, finish):
    reply, _ = ask(scripted, piece("Yes", finish_reason=word), usage(2), END)
    assert (reply.text, reply.finish, reply.output_tokens) == ("Yes", finish, 2)
    assert (reply.error is not None) is (finish == "failed")


def test_an_error_before_the_first_token_is_raised(scripted):
    with pytest.raises(labkit.LabError, match="ended its answer with an error"):
        ask(scripted, delta("error"), END)


def test_a_refusal_keeps_its_words(scripted):
    tokens = {"content": None, "refusal": listed("sorry")["content"]}
    parts = [
        delta(refusal="I am "),
        event(choices=[{"delta": {"refusal": "sorry"}, "logprobs": tokens}]),
    ]
    reply, _ = ask(scripted, *parts, delta("stop"), END)
    assert reply.text == "I am sorry" and reply.steps[-1].logprob == -0.5


@pytest.mark.parametrize(
    "details",
    [{"prompt_tokens_details": {"cached_tokens": 996}}, {"prompt_cache_hit_tokens": 996}],
    ids=["OpenAI", "DeepSeek"],
)
def test_what_was_cached_is_said(scripted, details):
    reply, _ = ask(scripted, piece("Yes", finish_reason="stop"), usage(2, 1000, **details), END)
    assert (reply.prompt_tokens, reply.cached_tokens) == (1000, 996)
    timings = {"predicted_n": 1, "prompt_n": 4, "cache_n": 996, "prompt_ms": 20.0}
    last = event(choices=[{"delta": {"content": "Yes"}, "finish_reason": "stop"}], timings=timings)
    reply, _ = ask(scripted, last, usage(1, 1000), END, kind="llama.cpp")
    assert reply.cached_tokens == 996 and reply.timings.prompt_tokens_per_s == 200


@pytest.mark.parametrize("kind", ["vLLM", "llama.cpp"])
def test_a_template_is_switched_by_the_servers_own_field(scripted, kind):
    _, asked = ask(scripted, piece("Yes", finish_reason="stop"), END, kind=kind, thinking=False)
    assert asked[0]["chat_template_kwargs"] == {"enable_thinking": False}
    _, asked = ask(scripted, piece("Yes", finish_reason="stop"), END, kind=kind)
    assert "chat_template_kwargs" not in asked[0]
    with pytest.raises(ValueError, match=r"thinking must be left at None: no chat template"):
        connected(kind).stream("Hi", thinking=True, raw=True)


@pytest.mark.parametrize("kind", ["OpenAI-compatible", "LM Studio", "transformers serve"])
def test_others_do_not_take_it(kind):
    with pytest.raises(ValueError, match=f"thinking must be left at None: {kind} does not take it"):
        connected(kind).stream("Hi", thinking=True)


def test_a_template_may_open_the_thought_itself(scripted):
    """Of a prompt that is sent as a text; a server's own template is its own business."""
    address, _ = scripted(
        event(choices=[{"index": 0, "text": "Hm.</think>Yes"}]),
        event(choices=[{"index": 0, "text": "", "finish_reason": "stop"}]),
        b"data: [DONE]\n\n",
    )
    server = labkit.connect(address, "m", kind="vLLM")
    reply = labkit.generate(server, "Why?<think>\n", raw=True)
    assert (reply.thinking, reply.text) == ("Hm.", "Yes")


@pytest.mark.parametrize(
    ("tokens", "steps"),
    [
        (["[", "1", ", ", "2", "]"], [("[", 0), ("1", 0), (", ", 0), ("2", 0), ("]", 0)]),
        (["<"], [("<", 0)]),
        (["<", "b>"], [("<", 0), ("b>", 0)]),
        (["<", "think>", "a", "</", "b>", "</think>", "Yes"],
         [("a", 1), ("</", 1), ("b>", 1), ("Yes", 0)]),
    ],
)  # fmt: skip
def test_what_was_held_back_as_a_tag_keeps_its_tokens(scripted, tokens, steps):
    parts = [piece(each, logprobs=listed(each)) for each in tokens]
    reply, _ = ask(scripted, *parts, delta("stop"), END, kind="vLLM")
    assert [(step.text, step.thinking) for step in reply.steps] == steps
    assert {step.logprob for step in reply.steps} == {-0.5}
