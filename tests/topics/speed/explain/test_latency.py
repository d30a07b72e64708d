"""The latency model: known parameters come back, intervals hold what they promise."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from labkit.topics.speed.explain.latency import decode_terms
from labkit.topics.speed.explain.regression import student_quantile
from labkit.topics.speed.measure.load_time import LoadRun, LoadTime
from labkit.topics.speed.measure.machine_noise import MachineNoise
from labkit.topics.speed.measure.run import TimedRun

GRID = [(n, k) for n in (16, 64, 128, 256, 512) for k in (4, 16, 48)]


def made_up(pairs, constant=0.02, a_token=0.002, square=0.0, step=0.04, growth=1e-5, noise=None):
    """Runs of a machine whose parameters are known; ``noise`` gives relative errors."""
    noise = noise or (lambda: 0.0)
    for tokens_in, tokens_out in pairs:
        first = (constant + a_token * tokens_in + square * tokens_in**2) * (1 + noise())
        gaps, contexts = decode_terms(tokens_in, tokens_out)
        last = first + (step * gaps + growth * contexts) * (1 + noise())
        times = np.linspace(first, last, tokens_out)
        yield TimedRun(tuple(times), tokens_out, tokens_in, "length")


def test_contexts_are_added_up():
    # three gaps after ten tokens: the steps attend to 11, 12 and 13
    assert decode_terms(10, 4) == (3, 11 + 12 + 13)


@settings(max_examples=40)
@given(
    st.floats(0.001, 0.5),
    st.floats(1e-5, 0.01),
    st.sampled_from([0.0, 1e-6, 1e-5]),
    st.floats(0.001, 0.2),
    st.sampled_from([0.0, 1e-6, 1e-4]),
)
def test_known_parameters_come_back(constant, a_token, square, step, growth):
    fit = labkit.speed.fit_latency(made_up(GRID, constant, a_token, square, step, growth))
    for tokens_in, tokens_out in ((100, 10), (400, 40)):
        prediction = labkit.speed.predict_latency(fit, tokens_in, tokens_out)
        expected = constant + a_token * tokens_in + square * tokens_in**2
        gaps, contexts = decode_terms(tokens_in, tokens_out)
        assert prediction.prefill_s == pytest.approx(expected, rel=0.02)
        assert prediction.decode_s == pytest.approx(step * gaps + growth * contexts, rel=0.02)
        assert 0 <= prediction.low_s <= prediction.elapsed_s <= prediction.high_s


def test_a_square_that_does_not_help_is_left_out():
    rng = np.random.default_rng(1)
    straight = labkit.speed.fit_latency(made_up(GRID * 3, noise=lambda: rng.normal(0, 0.05)))
    assert straight.prefill.coefficients[2] == 0
    bent = labkit.speed.fit_latency(made_up(GRID, square=2e-5))
    assert bent.prefill.coefficients == pytest.approx((0.02, 0.002, 2e-5), rel=1e-6)


def test_the_interval_holds_what_it_promises():
    rng = np.random.default_rng(4)
    inside = total = 0
    for _ in range(60):
        fit = labkit.speed.fit_latency(made_up(GRID, noise=lambda: rng.normal(0, 0.08)))
        unseen = made_up([(40, 8), (200, 30), (300, 40)], noise=lambda: rng.normal(0, 0.08))
        check = labkit.speed.validate_latency(fit, *unseen, level=0.9)
        inside, total = inside + check.inside, total + len(check.runs)
    assert 0.84 < inside / total < 0.96


def test_the_check_gives_the_median_of_the_errors():
    fit = labkit.speed.fit_latency(made_up(GRID))
    one, two, three = made_up([(20, 5), (100, 5), (200, 5)])
    slow = TimedRun(tuple(2 * t for t in three.token_times_s), 5, 200, "length")
    check = labkit.speed.validate_latency(fit, one, two, slow)
    assert check.errors == pytest.approx((0, 0, 0.5), abs=1e-6)
    assert check.median_error == pytest.approx(0, abs=1e-6)
    assert "that the fit had not seen" in check.summary
    with pytest.raises(ValueError, match="has not seen"):
        labkit.speed.validate_latency(fit, fit.runs[0])


def test_a_disturbed_machine_is_reported(make_measurement):
    quiet = MachineNoise(1, 2, 0.1, 0.0, 1, None)
    noisy = MachineNoise(1, 2, 0.9, 0.0, 1, None)

    def measured(noise, *pairs):
        return make_measurement(*made_up(pairs), noise=noise)

    fit = labkit.speed.fit_latency(measured(quiet, *GRID))
    assert "disturbed" not in fit.summary
    assert "disturbed" not in labkit.speed.validate_latency(fit, measured(quiet, (40, 8))).summary
    alone = labkit.speed.validate_latency(
        labkit.speed.fit_latency(made_up(GRID)), measured(noisy, (40, 8))
    )
    sentence = (
        "(measured). The machine was disturbed: other programs kept 0.9 of 2 cores busy. Measure"
    )
    assert sentence in alone.summary
    both = labkit.speed.validate_latency(fit, [measured(noisy, (40, 8))], *made_up([(50, 9)]))
    assert len(both.runs) == 2 and "disturbed in 1 of 2 measurements: other" in both.summary
    # The runs of the fit count too: they decide what is predicted.
    loud_fit = labkit.speed.fit_latency(measured(noisy, *GRID))
    assert "The machine was disturbed: " in loud_fit.summary
    assert "1 of 2" in labkit.speed.validate_latency(loud_fit, measured(quiet, (40, 8))).summary


def test_no_interval_is_promised_where_none_can_hold(make_measurement):
    noisy = MachineNoise(1, 2, 0.9, 0.0, 1, None)
    rng = np.random.default_rng(1)
    loud = labkit.speed.fit_latency(make_measurement(*made_up(GRID), noise=noisy))
    wild = labkit.speed.fit_latency(made_up(GRID, noise=lambda: abs(rng.normal(0, 20))))
    for fit, why in ((loud, "machine was disturbed meanwhile"), (wild, "runs miss it by")):
        prediction = labkit.speed.predict_latency(fit, 100, 20)
        assert "no interval holds" in prediction.summary and why in prediction.summary
        assert "of requests" not in prediction.summary
        assert "no number is safe" in labkit.speed.token_budget(fit, 3, 100).summary
    assert labkit.plot(loud).layout.title.text.endswith("machine disturbed")
    check = labkit.speed.validate_latency(loud, *made_up([(50, 9)]))
    assert labkit.plot(check).layout.title.text.endswith("machine disturbed")
    good = labkit.speed.predict_latency(labkit.speed.fit_latency(made_up(GRID)), 100, 20)
    assert good.doubts == () and "in 90% of requests" in good.summary


def test_going_beyond_the_runs_is_reported():
    fit = labkit.speed.fit_latency(made_up(GRID))
    assert labkit.speed.predict_latency(fit, 100, 20).beyond == ()
    prediction = labkit.speed.predict_latency(fit, 4000, 20)
    assert prediction.beyond == ("4,000 tokens in, measured 16 to 512",)
    assert "beyond what was measured" in prediction.summary


def test_a_budget_leaves_tokens():
    fit = labkit.speed.fit_latency(
        made_up(GRID, constant=0.1, a_token=0.001, growth=0.0, step=0.05)
    )
    left = labkit.speed.token_budget(fit, 1.0, 100)  # 0.2 s of prefill, then 16 gaps
    assert left.expected in (16, 17) and left.safe <= left.expected
    assert labkit.speed.token_budget(fit, 0.1, 100).expected == 0
    with pytest.raises(ValueError, match="budget_s must be a number, above 0"):
        labkit.speed.token_budget(fit, 0, 100)


def test_loading_counts_where_it_is_asked_for():
    load = LoadTime("made up", (LoadRun(2, 3, True), LoadRun(2, 1.5, False)))
    fit = labkit.speed.fit_latency(made_up(GRID), load=load)
    alone = labkit.speed.predict_latency(fit, 100, 10)
    both = labkit.speed.predict_latency(fit, 100, 10, with_load=True)
    assert both.elapsed_s == pytest.approx(alone.elapsed_s + 1.5)
    with pytest.raises(ValueError, match="with_load"):
        labkit.speed.predict_latency(
            labkit.speed.fit_latency(made_up(GRID)), 100, 10, with_load=True
        )


def test_two_models_are_not_fitted_together(make_measurement):
    one = make_measurement(*made_up(GRID))
    fit = labkit.speed.fit_latency([one])
    assert (fit.model, fit.subject) == ("made up", "made up, float32")
    setup = replace(one.setup, software=(("engine", "scripted"), ("dtype", "bfloat16")))
    for other in (replace(one, model="another"), replace(one, setup=setup)):
        with pytest.raises(ValueError, match="measured must be of made up, float32; got "):
            labkit.speed.fit_latency(one, [other])
        with pytest.raises(ValueError, match="measured must be of made up, float32; got "):
            labkit.speed.validate_latency(fit, other)


def test_a_check_says_where_its_runs_come_from(make_measurement):
    fit = labkit.speed.fit_latency(made_up(GRID))
    runs = [replace(run, origin="stand-in") for run in made_up([(40, 8), (90, 9)])]
    check = labkit.speed.validate_latency(fit, make_measurement(*runs, origin="stand-in"))
    assert "(stand-in)" in check.summary and check.book_entries[0].origin == "stand-in"


def test_too_little_to_fit_is_refused():
    with pytest.raises(ValueError, match="four or more complete runs"):
        labkit.speed.fit_latency(made_up(GRID[:3]))
    with pytest.raises(ValueError, match="tokens_in"):
        labkit.speed.predict_latency(labkit.speed.fit_latency(made_up(GRID)), 0, 1)
    for level in ("0.9", 1):
        with pytest.raises(ValueError, match="level must be a number, above 0 and below 1; got"):
            fit = labkit.speed.fit_latency(made_up(GRID))
            labkit.speed.predict_latency(fit, 10, 10, level=level)
    with pytest.raises(ValueError, match=r"load must come from lab.speed.measure_load; got 3"):
        labkit.speed.fit_latency(made_up(GRID), load=3)


@pytest.mark.parametrize(
    ("share", "freedom", "expected"),
    [(0.95, 1, 6.314), (0.975, 2, 4.303), (0.95, 3, 2.353), (0.975, 5, 2.571), (0.95, 30, 1.697)],
)
def test_students_t_by_its_table(share, freedom, expected):
    assert student_quantile(share, freedom) == pytest.approx(expected, rel=0.01)


def test_a_wait_that_was_not_for_reading_is_left_out():
    """Cached prompts come too soon, hidden thinking too late; neither says how fast it reads."""
    runs = list(made_up(GRID))
    cached = [replace(run, cached_tokens=8) for run in runs]
    hidden = [replace(run, thinking_tokens=8, thinking_hidden=True) for run in runs]
    assert labkit.speed.fit_latency(runs, cached, hidden).runs == tuple(runs)
    with pytest.raises(ValueError, match="not cached; got 0 runs"):
        labkit.speed.fit_latency(cached)
