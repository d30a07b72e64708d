"""The stream on the real model, against transformers' own `generate`."""

import itertools
import signal
import threading

import pytest
import torch

import labkit
from labkit.errors import LabError

QUESTION = "Why is the sky blue?"


def oracle(model, ids, **settings):
    """The output of transformers' own generate for these ids, with scores and logits."""
    return model.model.generate(
        torch.tensor([ids]),
        return_dict_in_generate=True,
        output_scores=True,
        output_logits=True,
        **settings,
    )


@pytest.fixture(scope="module")
def greedy(smollm2):
    return labkit.generate(smollm2, QUESTION, temperature=0, max_tokens=64)


@pytest.mark.slow
def test_greedy_matches_generate(smollm2, greedy):
    ids = smollm2.encode(QUESTION)
    expected = oracle(smollm2, ids, do_sample=False, max_new_tokens=64)
    expected = expected.sequences[0, len(ids) :].tolist()
    assert len(expected) == 64
    assert [step.token_id for step in greedy.steps] == expected
    assert greedy.text == smollm2.tokenizer.decode(expected, skip_special_tokens=True)


@pytest.mark.slow
def test_plain_weights_give_the_same_text(smollm2, greedy):
    """Packing changes the order of sums only: the model as transformers loads it agrees."""
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(smollm2.folder).eval()
    ids = smollm2.encode(QUESTION)
    expected = plain.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=64)
    assert [step.token_id for step in greedy.steps] == expected[0, len(ids) :].tolist()


@pytest.mark.slow
def test_same_seed_same_text_other_seed_another(smollm2):
    one, two, three = (
        labkit.generate(smollm2, QUESTION, temperature=1.2, seed=seed, max_tokens=20)
        for seed in (7, 7, 8)
    )
    assert one.text == two.text != three.text


def test_a_reply_without_seed_can_be_repeated(smollm2):
    reply = labkit.generate(smollm2, QUESTION, temperature=1.2, max_tokens=12)
    again = labkit.generate(
        smollm2, QUESTION, temperature=1.2, max_tokens=12, seed=reply.settings.seed
    )
    assert again.text == reply.text


def test_times_rise_and_give_the_speed(greedy):
    times = [step.elapsed_s for step in greedy.steps]
    assert times == sorted(times)
    assert greedy.ttft_s == times[0]
    assert greedy.decode_tokens_per_s == pytest.approx(63 / (times[-1] - times[0]))
    assert greedy.finish == "length"
    assert "64 tokens (length)" in repr(greedy)


@pytest.mark.slow
def test_a_stop_string_over_token_borders(smollm2):
    whole = labkit.generate(smollm2, "1, 2, 3, 4,", raw=True, temperature=0, max_tokens=30)
    at = whole.text.index("7, 8")
    reply = labkit.generate(
        smollm2, "1, 2, 3, 4,", raw=True, temperature=0, max_tokens=30, stop="7, 8"
    )
    assert reply.finish == "stop"
    assert reply.text == whole.text[:at]
    assert "".join(step.text for step in reply.steps) == reply.text


@pytest.mark.slow
def test_a_chat_ends_at_its_end_token(smollm2):
    reply = labkit.generate(smollm2, "Say yes.", temperature=0, max_tokens=100)
    assert reply.finish == "stop"
    assert reply.steps[-1].token_id == smollm2.tokenizer.eos_token_id
    assert "<|im_end|>" not in reply.text


def test_chat_messages_are_given_through_the_template(smollm2):
    messages = [{"role": "user", "content": QUESTION}]
    assert smollm2.encode(messages) == smollm2.encode(QUESTION)
    assert smollm2.tokenizer.decode(smollm2.encode(messages)).endswith("<|im_start|>assistant\n")
    assert smollm2.encode(QUESTION, raw=True) == smollm2.tokenizer(QUESTION)["input_ids"]


TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for m in messages %}<{{ m['role'] }}>{{ m['content'] | trim }}{% endfor %}"
)  # as Gemma 2's


@pytest.fixture
def no_system(make_tiny, tmp_path, home):
    """A model whose template has no system role."""
    model = labkit.load(make_tiny(tmp_path / "m"))
    model.tokenizer.chat_template, model.chat = TEMPLATE, True
    return model


SYSTEM = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


def test_a_template_that_refuses_is_quoted(no_system):
    with pytest.raises(LabError, match="refuses these messages: System role not supported") as no:
        labkit.generate(no_system, SYSTEM)
    assert "Put the system text into the first user turn" in no.value.hint
    with pytest.raises(LabError, match="System role not supported"):
        labkit.tokens.apply_chat_template(no_system, SYSTEM)
    assert no_system.encode(SYSTEM[1:]) == no_system.encode("<user>Hi", raw=True)


def test_compare_quotes_it_too(no_system):
    error = labkit.compare(SYSTEM, [no_system], max_tokens=2).errors[0]
    assert "System role not supported" in error
    assert "first user turn" in error


@pytest.mark.parametrize(
    "template", ["{{ messages[0]['content'] + 1 }}", "{% if %}", "{{ 1 // 0 }}"]
)
def test_a_template_that_fails_is_no_traceback(no_system, template):
    no_system.tokenizer.chat_template = template
    with pytest.raises(LabError, match="chat template"):
        no_system.encode("Hi")


def test_leaving_the_loop_stops_the_model(smollm2):
    calls = []
    hook = smollm2.model.register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        running = labkit.stream(smollm2, QUESTION, max_tokens=50)
        for _ in zip(range(3), running, strict=False):
            pass
        running.close()
        assert len(calls) <= 4
        assert running.finish is None
        assert list(running) == []
    finally:
        hook.remove()


def test_interrupting_keeps_the_tokens_so_far(smollm2):
    passes, begun = itertools.count(), threading.Event()

    def count(*_):
        if next(passes) == 3:
            begun.set()

    def interrupt():
        begun.wait()
        signal.raise_signal(signal.SIGINT)

    hook = smollm2.model.register_forward_hook(count)
    threading.Thread(target=interrupt, daemon=True).start()
    reply = labkit.generate(smollm2, "Tell me a very long story.", max_tokens=2000, seed=1)
    hook.remove()
    assert reply.finish == "interrupted"
    assert 0 < len(reply.steps) < 2000
    assert reply.text


def test_gradients_are_as_they_were_between_steps(smollm2):
    for _ in labkit.stream(smollm2, QUESTION, max_tokens=2):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


def test_the_context_is_the_bound(smollm2):
    with pytest.raises(ValueError, match=r"context of 8,192 tokens; got 9,0\d\d tokens"):
        labkit.stream(smollm2, "water " * 9000)


@pytest.mark.parametrize("prompt", ["", [], [{"role": "user"}], 7, None])
def test_an_invalid_prompt_is_refused(smollm2, prompt):
    with pytest.raises(ValueError, match=r"prompt must .*got"):
        labkit.stream(smollm2, prompt)


@pytest.mark.parametrize("bad", [{"temperature": -1}, {"top_p": 0}, {"max_tokens": 0}], ids=str)
def test_bad_settings_are_refused_at_once(smollm2, bad):
    with pytest.raises(ValueError, match="got"):
        labkit.stream(smollm2, QUESTION, **bad)


@pytest.mark.parametrize("verb", [labkit.stream, labkit.generate])
def test_a_name_is_not_a_model(verb):
    with pytest.raises(ValueError, match=r"model must be loaded, .*; got 'smollm2-135m'"):
        verb("smollm2-135m", QUESTION)
