"""Options scored in padded batches: as by a plain forward pass each; answers as by `generate`."""

import pytest
import torch

import labkit
from labkit.backends.local.decoding import option_scores
from labkit.backends.local.decoding.option_scores import option_logprobs, shared_length
from labkit.backends.local.decoding.padded_answers import padded_answers

from ....tiny_architectures import ATTENTION, HYBRID, STATE_SPACE

PREFIX = list(range(3, 30))
PROMPTS = [[*PREFIX, 40, 41], [*PREFIX, 50], [*PREFIX, 60, 61, 62, 63], [*PREFIX, 44, 45]]
OPTIONS = [[7], [8, 9], [8, 10, 11], [8]]


@torch.inference_mode()
def alone(model, prompt, option):
    """The log-probability of an option by one plain pass over both."""
    ids = torch.tensor([[*prompt, *option]])
    logprobs = model(input_ids=ids).logits[0].float().log_softmax(-1)
    start = len(prompt) - 1
    return sum(float(logprobs[start + n, each]) for n, each in enumerate(option))


def scored(model, prompts, options):
    found = {}
    for number, own in option_logprobs(model, prompts, [options] * len(prompts)):
        found.setdefault(number, {}).update(own)
    return found


def assert_equal_to_plain_passes(model, prompts, options):
    found = scored(model, prompts, options)
    assert sorted(found) == list(range(len(prompts)))
    for number, prompt in enumerate(prompts):
        for n, option in enumerate(options):
            assert found[number][n] == pytest.approx(alone(model, prompt, option), abs=1e-4)


@pytest.mark.parametrize("kind", ["llama", *ATTENTION, *HYBRID, *STATE_SPACE])
def test_options_are_those_of_plain_passes(make_tiny, tmp_path, kind):
    fields = {**ATTENTION, **HYBRID, **STATE_SPACE}.get(kind, {})
    model = labkit.load(str(make_tiny(tmp_path / kind, kind, **fields)), dtype="float32").model
    assert_equal_to_plain_passes(model, PROMPTS, OPTIONS)
    assert_equal_to_plain_passes(model, [[5, 6], [7]], OPTIONS)  # nothing worth reading once


@pytest.mark.parametrize("kind", ["llama", *HYBRID, *STATE_SPACE])
def test_of_a_text_that_grows_what_is_new_is_read(make_tiny, tmp_path, monkeypatch, kind):
    fields = {**HYBRID, **STATE_SPACE}.get(kind, {})
    model = labkit.load(str(make_tiny(tmp_path / kind, kind, **fields)), dtype="float32").model
    real, read = option_scores.prefill, []

    def prefill(model, ids, cache):
        found = real(model, ids, cache)
        read.append((ids, found[1][0]))
        return found

    monkeypatch.setattr(option_scores, "prefill", prefill)
    read_new, text = option_scores.growing_text(model), PROMPTS[2]
    assert all(read_new(text[:length]) > 0 for length in (5, 6, 20, len(text)))
    assert [ids for ids, _ in read] == [text[:5], text[5:6], text[6:20], text[20:]]
    with torch.inference_mode():
        plain = model(input_ids=torch.tensor([text])).logits[0, -1].float()
    assert torch.allclose(read[-1][1], plain, atol=1e-4)


@pytest.mark.parametrize("kind", ["llama", *ATTENTION, *HYBRID, *STATE_SPACE])
def test_answers_are_those_of_each_prompt_alone(make_tiny, tmp_path, kind):
    fields = {**ATTENTION, **HYBRID, **STATE_SPACE}.get(kind, {})
    model = labkit.load(str(make_tiny(tmp_path / kind, kind, **fields)), dtype="float32").model
    how = {"max_tokens": 6, "end_ids": frozenset()}
    together = dict(padded_answers(model, PROMPTS, **how))
    for number, prompt in enumerate(PROMPTS):
        assert together[number] == plain_answer(model, prompt, 6), kind


@torch.inference_mode()
def plain_answer(model, prompt, count):
    ids = list(prompt)
    for _ in range(count):
        ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def test_an_answer_ends_at_an_end_token_and_where_it_is_complete(make_tiny, tmp_path):
    model = labkit.load(str(make_tiny(tmp_path / "tiny")), dtype="float32").model
    whole = [plain_answer(model, prompt, 6) for prompt in PROMPTS]
    end = frozenset({whole[0][2]})
    ended = dict(padded_answers(model, PROMPTS, max_tokens=6, end_ids=end))
    assert ended[0] == whole[0][: whole[0].index(min(end))]
    how = {"max_tokens": 6, "end_ids": frozenset(), "is_complete": lambda ids: len(ids) == 2}
    assert [ids for _, ids in sorted(padded_answers(model, PROMPTS, **how))] == [
        each[:2] for each in whole
    ]


def test_the_real_model_gives_the_same_in_batches(smollm2):
    text = "Review: {}\nSentiment:"
    reviews = ["Good.", "I would not buy it again, ever.", "It is fine, and it was cheap."]
    prompts = [smollm2.encode(text.format(each), raw=True) for each in reviews]
    options = [smollm2.tokenizer(each)["input_ids"] for each in (" positive", " not so good")]
    assert_equal_to_plain_passes(smollm2.model, prompts, options)


def test_options_that_begin_alike_share_a_row():
    (row,) = option_scores._rows(0, [1, 2], OPTIONS)
    assert row.ids == (1, 2, 8, 10) and sorted(row.options) == [0, 1, 2, 3]
    apart = list(option_scores._rows(0, [1, 2], [[7, 5], [8, 9]]))
    assert [row.ids for row in apart] == [(1, 2, 7), (1, 2, 8)]


def test_what_all_begin_with_leaves_a_token_for_each():
    assert shared_length([[1, 2, 3]]) == 2
    assert shared_length([[1, 2, 3], [1, 2, 3]]) == 2
    assert shared_length([[1], [1, 2]]) == 0


def test_drawn_answers_follow_the_probabilities_and_the_seed(make_tiny, tmp_path):
    model = labkit.load(str(make_tiny(tmp_path / "tiny")), dtype="float32").model
    how = {"max_tokens": 1, "end_ids": frozenset(), "temperature": 1.0}
    drawn = [ids[0] for _, ids in padded_answers(model, [PROMPTS[0]] * 800, seed=1, **how)]
    again = [ids[0] for _, ids in padded_answers(model, [PROMPTS[0]] * 800, seed=1, **how)]
    with torch.inference_mode():
        shares = model(input_ids=torch.tensor([PROMPTS[0]])).logits[0, -1].softmax(-1)
    assert drawn == again
    for token in shares.topk(3).indices.tolist():
        expected = float(shares[token]) * 800
        assert abs(drawn.count(token) - expected) <= 5 * (expected**0.5 + 1)
