"""llama.cpp in process: each token a step, the same tokens as the lab's tokenizer, and an end."""

import sys
import threading

import pytest

import labkit

from ..loopback import until

pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")

QUESTION = "Why is the sky blue?"


@pytest.fixture(scope="module")
def engine(smollm2):
    model = labkit.load_llamacpp("smollm2-135m", context=512)
    yield model
    model.close()


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("prompt", [QUESTION, "a   12", "नमस्ते ३ 😀", "<|im_end|>"])
def test_prompts_become_the_labs_tokens(engine, smollm2, prompt, raw):
    assert engine.encode(prompt, raw=raw) == smollm2.encode(prompt, raw=raw)
    reply = labkit.generate(engine, prompt, raw=raw, max_tokens=1)
    assert reply.prompt_tokens == len(smollm2.encode(prompt, raw=raw))


def test_every_token_is_a_step(engine, smollm2):
    reply = labkit.generate(engine, QUESTION, temperature=0, max_tokens=40)
    ids = [step.token_id for step in reply.steps]
    assert smollm2.tokenizer.decode(ids) == reply.text
    assert len(ids) == reply.output_tokens == reply.timings.output_tokens == 40
    assert (reply.finish, reply.chunked) == ("length", False)
    for step in reply.steps:
        assert step.logprob == step.alternatives[0].logprob
    times = [step.elapsed_s for step in reply.steps]
    assert times == sorted(times)
    assert reply.timings.prompt_s <= reply.ttft_s


def test_it_begins_as_the_lab_does(engine, smollm2):
    """The weights are the same, quantised, so the first greedy tokens are, or nearly so."""
    ours = labkit.generate(smollm2, QUESTION, temperature=0, max_tokens=1).steps[0]
    theirs = labkit.generate(engine, QUESTION, temperature=0, max_tokens=1).steps[0]
    assert theirs.token_id == ours.token_id
    assert theirs.logprob == pytest.approx(ours.logprob, abs=0.3)


def test_seed_stop_and_filters(engine):
    asked = {"temperature": 1.3, "max_tokens": 12, "top_k": 40, "top_p": 0.95, "typical_p": 0.9}
    one, two, three = (labkit.generate(engine, QUESTION, seed=n, **asked).text for n in (7, 7, 8))
    assert one == two != three
    reply = labkit.generate(engine, "1, 2, 3, 4,", raw=True, temperature=0, stop="7, 8")
    assert (reply.text, reply.finish) == (" 5, 6, ", "stop")


def test_top_k_of_one_takes_the_likeliest(engine):
    best = labkit.generate(engine, QUESTION, temperature=0, max_tokens=8).text
    assert labkit.generate(engine, QUESTION, temperature=2, top_k=1, max_tokens=8).text == best


def test_leaving_the_loop_ends_the_engines_work(engine, monkeypatch):
    events, handler = [], engine._handler

    def counted():
        return lambda body, take: handler()(body, lambda e: events.append(e) or take(e))

    monkeypatch.setattr(engine, "_handler", counted)
    running = labkit.stream(engine, "Tell me a very long story.", max_tokens=400)
    before = set(threading.enumerate())
    next(running)
    (thread,) = set(threading.enumerate()) - before
    running.close()
    assert not thread.is_alive()
    assert len(events) < 40, "it wrote on, and closing waited for it"
    assert running.finish is None
    assert list(running) == []


def test_a_prompt_beyond_the_context(engine):
    with pytest.raises(labkit.LabError, match=r"exceeds the available context.*\n.*context="):
        labkit.generate(engine, "water " * 600)
    assert labkit.generate(engine, QUESTION, max_tokens=2).output_tokens == 2


def test_a_closed_model_says_so(smollm2):
    model = labkit.load_llamacpp(smollm2.gguf_file, context=64)
    model.close()
    with pytest.raises(labkit.LabError, match=r"was closed.*\n.*load_llamacpp"):
        labkit.generate(model, "Hi")


def test_nobody_else_can_ask_its_listener(engine):
    """llama.cpp listens on the loopback all the same; without the key it answers nothing."""
    import urllib.error
    import urllib.request

    url = engine._server.listening_address + "/completion"
    request = urllib.request.Request(url, b'{"prompt": "Hi"}')
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request, timeout=10)


def test_a_missing_extra_says_how_to_mend_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(labkit.LabError, match=r"xllamacpp is missing.*\n.*pip install"):
        labkit.load_llamacpp()


def test_what_is_no_gguf(home, tmp_path):
    with pytest.raises(labkit.LabError, match=r"does not come as a GGUF.*\n.*smollm2-135m"):
        labkit.load_llamacpp("qwen2.5-0.5b")
    with pytest.raises(labkit.LabError, match="knows no model 'smollm-135m'"):
        labkit.load_llamacpp("smollm-135m")
    with pytest.raises(labkit.LabError, match="There is no file"):
        labkit.load_llamacpp(tmp_path / "none.gguf")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF and nothing more")
    with pytest.raises(labkit.LabError, match=r"cannot read .*bad.gguf"):
        labkit.load_llamacpp(tmp_path / "bad.gguf")


BAD = [{"threads": 0}, {"context": 1.5}]
BAD += [{name: 2**40} for name in ("threads", "context", "slots")]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_bad_arguments(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=rf"{name} must be a whole number.*got"):
        labkit.load_llamacpp(**bad)


@pytest.fixture(scope="module")
def thinker(thinking_gguf):
    model = labkit.load_llamacpp(thinking_gguf, threads=1, context=128)
    yield model
    model.close()


def test_its_own_parser_keeps_a_thought_apart(thinker):
    reply = labkit.generate(thinker, "Why?", temperature=0, max_tokens=20, thinking=True)
    assert (reply.thinking, reply.text, reply.finish) == ("Hm", "Yes", "stop")
    assert (reply.thinking_tokens, reply.output_tokens, reply.chunked) == (5, 9, False)
    cut = labkit.generate(thinker, "Why?", temperature=0, max_tokens=3, thinking=True)
    assert (cut.thinking, cut.text, cut.finish) == ("Hm", "", "length")


def test_thinking_is_switched_where_the_template_can(thinker, tiny_gguf):
    reply = labkit.generate(thinker, "Why?", temperature=0, max_tokens=20, thinking=False)
    assert (reply.thinking, reply.text, reply.thinking_tokens) == ("", "Yes", 0)
    with pytest.raises(ValueError, match="not used for a text"):
        labkit.stream(thinker, "Why?", raw=True, thinking=True)
    with pytest.raises(ValueError, match="not used for a text"):  # a base model's
        labkit.load_llamacpp(tiny_gguf, threads=1, context=64).stream("Why?", thinking=False)


def test_raw_text_may_hold_a_thought_too(thinker):
    reply = labkit.generate(thinker, "Why? assistant:", raw=True, temperature=0, max_tokens=20)
    assert (reply.thinking, reply.text, reply.thinking_tokens) == ("Hm", "Yes", 5)


@pytest.fixture(scope="module")
def make_gguf(make_thinking_gguf, tmp_path_factory):
    """Opens a file of that model with another template."""
    opened = []

    def make(template, **more):
        path = make_thinking_gguf(tmp_path_factory.mktemp("gguf") / "m.gguf", template, **more)
        opened.append(labkit.load_llamacpp(path, threads=1, context=128))
        return opened[-1]

    yield make
    for model in opened:
        model.close()


EVIL = {
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "calls itself",
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}": "longer than",
    "{{ messages[0].content * 10**10 }}": "memory|too long",
    "{{ ''.__class__.__mro__ }}": "is refused",
}


@pytest.mark.parametrize("template", EVIL, ids=range(len(EVIL)))
def test_an_evil_template_ends_neither_the_load_nor_the_process(make_gguf, template):
    model = make_gguf(template)
    with pytest.raises(labkit.LabError, match=EVIL[template]):
        labkit.generate(model, "Hi", max_tokens=1)
    assert labkit.generate(model, "Hi", raw=True, max_tokens=1).output_tokens == 1


def test_a_files_own_template_is_what_it_reads(make_gguf):
    model = make_gguf("{{ bos_token }}{{ messages[0].content }}!")
    assert model.encode("ab") == model.encode("<s>ab!", raw=True)
    assert labkit.generate(model, "ab", max_tokens=1).prompt_tokens == len(model.encode("ab"))


def test_a_file_without_a_template_continues_a_text(make_gguf):
    base = make_gguf(None)
    assert base.encode("ab") == base.encode("ab", raw=True)
    with pytest.raises(ValueError, match="is a base model without a chat template; got messages"):
        base.stream([{"role": "user", "content": "ab"}])


def test_tags_may_be_special_tokens(make_gguf):
    model = make_gguf("{% for m in messages %}{{ m.content }}{% endfor %}:", special=True)
    reply = labkit.generate(model, "Why?", temperature=0, max_tokens=20)
    assert (reply.thinking, reply.text, reply.thinking_tokens) == ("Hm", "Yes", 5)


def test_the_template_may_open_the_thought(make_gguf):
    model = make_gguf("{% for m in messages %}{{ m.content }}{% endfor %}:<think>")
    reply = labkit.generate(model, "Why?", temperature=0, max_tokens=20)
    assert (reply.thinking, reply.text, reply.thinking_tokens) == ("Hm", "Yes", 4)


def test_its_context_is_the_engines(tiny_gguf):
    model = labkit.load_llamacpp(tiny_gguf, threads=1, context=10)
    assert model.context == model.ask("/props")["default_generation_settings"]["n_ctx"] > 10
    reply = labkit.generate(model, "the cat", temperature=0, max_tokens=2**40)
    assert 1 < reply.output_tokens <= model.context
    model.close()


def test_a_prompt_that_is_read_can_be_stopped(gguf_file):
    """It says after each part of a prompt how far it has come."""
    model = labkit.load_llamacpp(gguf_file, context=4096)
    read = model._events({"prompt": "so " * 3000, "stream": True, "return_progress": True})
    next(read), next(read)
    read.close()
    assert until(lambda: not model.ask("/slots")[0]["is_processing"], 60)
    assert model.ask("/slots")[0]["n_prompt_tokens"] < 3000
    model.close()


def test_a_twin_has_the_same_sizes(tiny_gguf):
    one = labkit.load_llamacpp(tiny_gguf, threads=1, context=64, slots=3)
    twin = one.load_again()
    same = [(each.threads, each.context, each.slots) for each in (one, twin)]
    one.close(), twin.close()
    assert same[0] == same[1] and twin.slots == 3
