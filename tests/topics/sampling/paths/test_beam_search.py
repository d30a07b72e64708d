"""Beam search: transformers' own texts with the model's own scores; repetitiveness by hand."""

import json
import signal
from dataclasses import replace

import pytest
import torch

import labkit
from labkit.backends.local.decoding import beam_search as backend
from labkit.backends.reply import Outcome, Reply, Step
from labkit.backends.settings import Settings
from labkit.topics.sampling.paths.beam_search import BeamSearch, beam_search, measure_repetitiveness
from labkit.topics.sampling.paths.figures import beams_table
from labkit.topics.sampling.paths.trace import trace

PROMPT = "the cat sat on"


@pytest.fixture(scope="module", params=["llama", "gemma3_text"])
def tiny(request, make_tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    window = {"sliding_window": 8} if request.param == "gemma3_text" else {}
    return labkit.load(make_tiny(folder, request.param, **window))


@pytest.fixture(scope="module")
def result(tiny):
    return beam_search(tiny, PROMPT, beams=4, max_tokens=8, raw=True)


def test_beams_and_their_scores_match_generate(tiny, result):
    ids = torch.tensor([tiny.encode(PROMPT, raw=True)])
    expected = tiny.model.generate(
        ids,
        num_beams=4,
        num_return_sequences=4,
        max_new_tokens=8,
        do_sample=False,
        return_dict_in_generate=True,
        output_scores=True,
    )
    for reply, row, score in zip(
        result.beams,
        expected.sequences[:, ids.shape[1] :].tolist(),
        expected.sequences_scores,
        strict=True,
    ):
        own = [step.token_id for step in reply.steps]
        assert own == row[: len(own)]
        mean = sum(step.logprob for step in reply.steps) / len(reply.steps)
        assert mean == pytest.approx(float(score), abs=1e-3)


PUBLISHED = {
    "do_sample": True,
    "repetition_penalty": 1.8,
    "temperature": 0.7,
    "top_k": 5,
    "top_p": 0.8,
    "no_repeat_ngram_size": 2,
    "length_penalty": 3.0,
    "min_length": 7,
    "bad_words_ids": [[40], [50]],
    "suppress_tokens": [60, 70],
}


def test_a_publishers_settings_are_not_used(make_tiny, tmp_path, home):
    """What the replies say, no penalty, is what was computed: the same as without that file."""
    plain = labkit.load(make_tiny(tmp_path / "plain"))
    folder = make_tiny(tmp_path / "published")
    file = folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | PUBLISHED))
    published = labkit.load(folder)
    assert published.end_ids == plain.end_ids
    both = [beam_search(each, PROMPT, max_tokens=8, raw=True) for each in (plain, published)]
    for kind in ("beams", "samples"):
        texts = [[reply.text for reply in getattr(each, kind)] for each in both]
        assert texts[0] == texts[1]
    assert both[1].beams[0].settings.repetition_penalty == 1


def test_every_step_is_what_a_fresh_pass_says(tiny, result):
    ids = tiny.encode(PROMPT, raw=True)
    for reply in result.beams:
        for at, step in enumerate(reply.steps):
            before = [*ids, *(each.token_id for each in reply.steps[:at])]
            with torch.inference_mode():
                scores = tiny.model(torch.tensor([before])).logits[0, -1].float()
            expected = scores.log_softmax(-1)
            assert step.logprob == pytest.approx(float(expected[step.token_id]), abs=1e-3)
            assert step.alternatives[0].logprob == pytest.approx(float(expected.max()), abs=1e-3)
            assert step.drawn_logprob is None


def test_times_that_were_not_measured_are_absent(result):
    for reply in result.beams:
        assert len({step.elapsed_s for step in reply.steps}) == 1
        assert reply.decode_tokens_per_s is None
        assert reply.summary and repr(reply)
        assert labkit.plot(reply).data


def test_a_beam_ends_at_its_end_token():
    assert backend._without_padding([5, 6, 1, 1, 1], frozenset([1])) == [5, 6, 1]
    assert backend._without_padding([5, 6], frozenset([1])) == [5, 6]


def test_samples_are_those_of_generate(tiny, result):
    assert len(result.samples) == 4
    alone = labkit.generate(tiny, PROMPT, temperature=1.0, seed=2, max_tokens=8, raw=True)
    assert [step.token_id for step in result.samples[2].steps] == [
        step.token_id for step in alone.steps
    ]


@pytest.mark.slow
def test_on_the_real_model_beams_are_likelier_and_more_similar(smollm2):
    found = beam_search(smollm2, "Write a short story about a lighthouse.", beams=3, max_tokens=16)
    assert found.beam_repetitiveness.bits_per_token < found.sample_repetitiveness.bits_per_token
    assert found.beam_repetitiveness.self_similarity > found.sample_repetitiveness.self_similarity
    assert "3 beams of" in found.summary
    assert trace(found.beams[0]).bits_per_token > 0
    assert found.beams[0].text == smollm2.tokenizer.decode(
        [step.token_id for step in found.beams[0].steps], skip_special_tokens=True
    )


def reply_of(text, *ids, logprob=-0.6931471805599453):
    steps = tuple(Step(n, "", logprob, None, (), None, 1.0) for n in ids)
    steps = (replace(steps[0], text=text), *steps[1:])
    return Reply("<m>", "p", Settings(seed=0), steps, Outcome("length", 1))


def test_repetitiveness_by_hand():
    found = measure_repetitiveness(
        [reply_of("a b", 1, 2, 1, 2, 1, 2), reply_of("a b", 1, 2, 1, 2, 1, 2)]
    )
    assert found.bits_per_token == pytest.approx(1)
    assert found.distinct_2 == pytest.approx(2 / 10)
    assert found.repeated_share == pytest.approx(1 / 3)  # of (1212), (2121), (1212)
    assert found.self_similarity == 1
    silent = reply_of("a b", *[None] * 12, logprob=None)
    unknown = measure_repetitiveness([silent, reply_of("c d", 1, None, 2)])
    assert (unknown.repeated_share, unknown.distinct_2) == (0, 1), "unknown tokens are no repeats"
    assert unknown.bits_per_token == pytest.approx(1)
    search = BeamSearch((silent,), (silent,))
    assert "unknown bits per token" in search.summary
    assert "unknown bits per token" in beams_table(search).html
    with pytest.raises(ValueError, match="replies must be one or more; got none"):
        measure_repetitiveness([])


def test_without_a_seed_the_samples_have_fresh_ones(tiny):
    samples = beam_search(tiny, PROMPT, beams=2, max_tokens=2, seed=None, raw=True).samples
    first, second = (each.settings.seed for each in samples)
    assert second == first + 1


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"beams": 1}, "beams must be a whole number, 2 to 32; got 1"),
        ({"beams": "many"}, "beams must be"),
        ({"max_tokens": 0}, "max_tokens must be"),
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"prompt": ""}, "prompt must have"),
    ],
)
def test_bad_input_is_refused(tiny, bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        beam_search(tiny, **{"prompt": PROMPT, "raw": True, **bad})


def test_the_table_shows_measures_and_texts_escaped():
    one, other = reply_of("<b>x</b>", 1, 2, 3), reply_of("y", 1)
    html = beams_table(BeamSearch((one,), (other,))).html
    assert "<b>x" not in html
    assert "&lt;b&gt;x" in html
    assert "&lt;m&gt;" in html
    assert "unknown" in html  # one text has no similarity
    assert "1.00 bits per token" in html


def test_texts_that_end_early_leave_no_unfinished_bar(tiny, monkeypatch):
    """A bar that is closed before its end turns red in a notebook, and stays."""
    from tqdm import std

    closed, close = [], std.tqdm.close

    def record(bar):
        closed.append((bar.n, bar.total))
        close(bar)

    end = beam_search(tiny, PROMPT, beams=2, max_tokens=1, raw=True).beams[0].steps[0].token_id
    monkeypatch.setitem(tiny.__dict__, "end_ids", frozenset([end]))
    monkeypatch.setattr(std.tqdm, "close", record)
    found = beam_search(tiny, PROMPT, beams=2, max_tokens=30, temperature=0, raw=True)
    assert len(found.samples[0].steps) == 1
    swept = labkit.sweep(tiny, PROMPT, temperatures=(0,), samples=2, max_tokens=30, raw=True)
    assert swept.tokens == 2
    assert len(closed) >= 2 and all(done == total < 60 for done, total in closed)


def test_an_interrupt_keeps_the_beams_and_says_so(tiny):
    steps = []

    def interrupt_third():
        steps.append(1)
        if len(steps) == 3:
            signal.raise_signal(signal.SIGINT)

    texts = backend.search_beams(tiny, PROMPT, 3, 8, raw=True, on_step=interrupt_third)
    assert len(texts) == 3 and max(len(each.steps) for each in texts) == 3
    assert {each.finish for each in texts} <= {"interrupted", "stop"}
    found = BeamSearch(tuple(texts), ())
    assert "no samples (stopped, measured)" in found.summary
    assert "stopped, measured" in beams_table(found).html
