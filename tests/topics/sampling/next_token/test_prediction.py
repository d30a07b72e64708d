"""One prediction, every stage, every draw: against transformers and against arithmetic."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from labkit.backends.settings import STAGES
from labkit.topics.sampling.next_token import figures
from labkit.topics.sampling.next_token.prediction import Prediction, entropy_bits
from labkit.topics.sampling.next_token.sampling_chain import run_chain

PROMPT = "The capital of France is"


@pytest.fixture(scope="module")
def prediction(smollm2):
    return labkit.predict(smollm2, PROMPT, raw=True)


def made_up(scores, ids=(0,)):
    """A prediction with the test's own scores."""
    scores = np.asarray(scores, dtype=np.float32)
    return Prediction("made up", "prompt", tuple(ids), scores, 0.0, lambda token: f"<{token}>")


def test_it_keeps_the_whole_vocabularys_scores(smollm2, prediction):
    with torch.inference_mode():
        expected = smollm2.model(torch.tensor([prediction.ids])).logits[0, -1]
    assert len(prediction.scores) == 49_152
    np.testing.assert_allclose(prediction.scores, expected.numpy(), atol=2e-3)
    assert "' Paris'" in prediction.summary
    with pytest.raises(ValueError, match="read-only"):
        prediction.scores[0] = 0


def test_what_it_predicts_is_what_the_stream_says(smollm2, prediction):
    step = labkit.generate(smollm2, PROMPT, raw=True, temperature=0, max_tokens=1).steps[0]
    assert step.entropy_bits == pytest.approx(prediction.entropy_bits, abs=1e-3)
    for each in step.alternatives:
        assert math.exp(each.logprob) == pytest.approx(
            prediction.probabilities[each.token_id], rel=1e-3
        )


def test_a_draw_is_what_a_reply_with_that_seed_begins_with(smollm2, prediction):
    chosen = {"temperature": 1.3, "top_p": 0.9}
    run = labkit.sampling.run_chain(prediction, **chosen)
    for seed in range(5):
        reply = labkit.generate(smollm2, PROMPT, raw=True, max_tokens=1, seed=seed, **chosen)
        assert labkit.sampling.draw(run, seed=seed).counts == ((reply.steps[0].token_id, 1),)


def test_every_stage_has_what_remains(prediction):
    run = labkit.sampling.run_chain(prediction, temperature=1.5, top_k=100, top_p=0.8, min_p=0.02)
    assert [stage.name for stage in run.stages] == [
        "scores",
        "temperature",
        "top_k",
        "top_p",
        "min_p",
    ]
    assert [stage.setting for stage in run.stages] == [None, 1.5, 100, 0.8, 0.02]
    remaining = [stage.remaining for stage in run.stages]
    assert remaining[:3] == [49_152, 49_152, 100]
    assert remaining == sorted(remaining, reverse=True)
    for before, stage in zip(run.stages, run.stages[1:], strict=False):
        gone = (before.probabilities > 0) & (stage.probabilities == 0)
        assert stage.cut_share == pytest.approx(before.probabilities[gone].sum(), abs=1e-6)
    assert run.stages[3].cut_share <= 0.2


def test_the_order_is_the_learners(prediction):
    late = ("top_p", *(stage for stage in STAGES if stage != "top_p"))
    usual = run_chain(prediction, temperature=2, top_p=0.9)
    turned = run_chain(prediction, temperature=2, top_p=0.9, order=late)
    assert [s.name for s in turned.stages] == ["scores", "top_p", "temperature"]
    assert turned.stages[-1].remaining < usual.stages[-1].remaining


SETTINGS = st.fixed_dictionaries(
    {
        "temperature": st.just(0) | st.floats(1e-6, 3),
        "top_k": st.none() | st.integers(1, 60),
        "top_p": st.floats(0.01, 1),
        "min_p": st.floats(0, 0.9),
        "typical_p": st.floats(0.01, 1),
        "repetition_penalty": st.floats(0.1, 3),
        "presence_penalty": st.floats(-2, 2),
        "frequency_penalty": st.floats(-2, 2),
        "order": st.permutations(STAGES),
    }
)


@given(st.lists(st.floats(-30, 30, width=32), min_size=60, max_size=60), SETTINGS)
@settings(max_examples=150)
def test_whatever_the_settings_something_remains_and_sums_to_1(scores, chosen):
    run = run_chain(made_up(scores, ids=(3, 4, 3)), **chosen)
    for before, stage in zip(run.stages, run.stages[1:], strict=False):
        assert 1 <= stage.remaining <= before.remaining
        assert 0 <= stage.cut_share <= 1 + 1e-5
    for stage in run.stages:
        assert stage.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert 0 <= stage.entropy_bits <= math.log2(60) + 1e-4
    drawn = labkit.sampling.draw(run, 20, seed=1)
    assert sum(count for _, count in drawn.counts) == 20
    assert all(run.drawn_from[token] > 0 for token, _ in drawn.counts)


def test_draws_come_as_often_as_expected(prediction):
    run = run_chain(prediction, temperature=1.2, top_k=20)
    draws = labkit.sampling.draw(run, 20_000, seed=4)
    expected = {t: 20_000 * run.drawn_from[t] for t in np.flatnonzero(run.drawn_from)}
    counts = dict(draws.counts)
    chi2 = sum((counts.get(t, 0) - e) ** 2 / e for t, e in expected.items())
    assert chi2 < 43.8  # 99.9 % of the chi-square distribution with 19 degrees of freedom
    assert "20,000 draws" in draws.summary


@given(st.lists(st.floats(0, 1), min_size=1).filter(lambda p: sum(p) > 0.01))
def test_entropy_is_between_certain_and_uniform(weights):
    shares = np.array(weights) / sum(weights)
    assert -1e-9 <= entropy_bits(shares) <= math.log2(len(shares)) + 1e-9


@pytest.mark.parametrize("bad", [[0.5, 0.4], [2, 0], []])
def test_entropy_needs_a_distribution(bad):
    with pytest.raises(ValueError, match=r"must sum to 1; got"):
        entropy_bits(bad)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"temperature": -1}, "temperature must be .* got -1"),
        ({"top_p": 0}, "top_p must be"),
        ({"order": ("top_p",)}, "order must be"),
        ({"presence_penalty": 3}, "presence_penalty must be .*-2 to 2; got 3"),
        ({"frequency_penalty": 3}, "frequency_penalty must be .*-2 to 2; got 3"),
        ({"seed": "lucky"}, "seed must be"),
        ({"seed": 5}, "settings must be of repetition_penalty, .*, order; got 'seed'"),
        ({"max_tokens": 3}, "got 'max_tokens'"),
    ],
)
def test_bad_settings_are_named(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        run_chain(made_up([1, 2, 3]), **settings)


@pytest.mark.parametrize("times", [0, -1, 2_000_000, "many", 1.5])
def test_bad_times_are_named(times):
    with pytest.raises(ValueError, match="times must be"):
        labkit.sampling.draw(run_chain(made_up([1, 2])), times)


def test_a_model_without_scores_is_refused_with_a_hint():
    class Hidden:
        name = "hidden"

    for verb in (labkit.predict, labkit.sweep):
        with pytest.raises(labkit.LabError, match=r"every score.*'hidden'"):
            verb(Hidden(), "prompt")


def test_a_single_draw_has_its_own_summary(prediction):
    summary = labkit.sampling.draw(
        labkit.sampling.run_chain(prediction, temperature=0), seed=5
    ).summary
    assert summary == "drew ' Paris', which had 100.00% (seed 5)"


def test_a_prediction_can_be_drawn_from_as_it_is(prediction):
    plain = labkit.sampling.draw(prediction, 1000, seed=4)
    assert plain.counts == labkit.sampling.draw(run_chain(prediction), 1000, seed=4).counts
    with pytest.raises(
        ValueError, match=r"run must come from lab\.sampling\.run_chain; got 'Paris'"
    ):
        labkit.sampling.draw("Paris")


def test_an_empty_prompt_is_refused(smollm2):
    with pytest.raises(ValueError, match="prompt must have"):
        labkit.predict(smollm2, "")


# -- figures -------------------------------------------------------------------------------------


def test_the_figure_has_the_numbers(prediction):
    run = run_chain(prediction, temperature=0.7, top_p=0.9)
    figure = labkit.plot(labkit.sampling.draw(run, 1000, seed=2))
    before, after, drawn = figure.data
    assert before.y[0] == "·Paris" and before.y[-1] == "all others"
    for bars, stage in ((before, run.stages[0]), (after, run.stages[-1])):
        assert sum(bars.x) == pytest.approx(1, abs=1e-4)
        assert bars.x[0] == pytest.approx(stage.probabilities.max())
    assert sum(drawn.x) == pytest.approx(1)
    assert f"{run.remaining:,} of 49,152 tokens remain" in figure.layout.title.text


def test_a_prediction_is_drawn_before_anything_is_cut(prediction):
    figure = labkit.plot(prediction)
    (bars,) = figure.data
    assert sum(bars.x) == pytest.approx(1, abs=1e-4)
    assert f"entropy {prediction.entropy_bits:.2f} bits (measured)" in figure.layout.title.text


def test_a_cross_is_for_what_a_filter_cut_and_not_for_what_rounds_to_0():
    scores = made_up([200, *range(20)])
    assert "✗" not in figures.stages_table(run_chain(scores, temperature=0.5)).html
    page = figures.stages_table(run_chain(scores, top_k=3)).html
    assert page.count("✗") == 5 and page.count("&lt;0.1%") == 7 + 2


def test_token_texts_are_escaped():
    nasty = made_up([5, 4, 3, 2] + [0] * 20)
    nasty = Prediction("m", "p", (0,), nasty.scores, 0.0, lambda token: f"<img src=x {token}>")
    run = run_chain(nasty)
    page = figures.stages_table(run).html + labkit.plot(run).to_json()
    page = page.replace("\\u003c", "<")
    assert "<img" not in page and "&lt;img" in page


def test_tokens_of_one_spelling_keep_bars_of_their_own():
    same = Prediction("m", "p", (0,), made_up(range(20)).scores, 0.0, lambda token: "\ufffd")
    names = labkit.plot(run_chain(same)).data[0].y
    assert len(set(names)) == len(names)
