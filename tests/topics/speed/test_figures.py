"""Figures of measurements, by their data."""

from dataclasses import replace

import pytest

import labkit
from labkit.backends.local.device_probe import Probe
from labkit.models.catalogue import CATALOGUE
from labkit.topics.speed.experiments.runner import Experiment, Point
from labkit.topics.speed.explain.kv_cache import CacheGrowth, CacheSize
from labkit.topics.speed.explain.roofline import build_roofline
from labkit.topics.speed.measure.figures import outlier_fence
from labkit.topics.speed.measure.load_time import LoadRun, LoadTime
from labkit.topics.speed.measure.machine_noise import MachineNoise


def texts(figure):
    return " ".join(note.text for note in figure.layout.annotations)


def test_the_waterfall_falls_from_part_to_part(make_measurement):
    load = LoadTime("made up", (LoadRun(2, 3, True), LoadRun(2, 1.5, False)))
    figure = labkit.plot(make_measurement(load=load))
    assert [bar.base for bar in figure.data] == [0, 3, 3.5]
    assert [bar.x[0] for bar in figure.data] == pytest.approx([3, 0.5, 0.4])
    assert "0.4 s: 4 gaps, 10 tokens/s" in texts(figure)
    assert len(labkit.plot(make_measurement()).data) == 2  # no load was measured


def test_long_times_have_no_powers_of_ten_and_one_no_plural(make_measurement, make_run):
    slow = make_measurement(make_run(130.0, 120.0, tokens=2, prompt_tokens=1))
    assert "130 s for 1 token in" in texts(labkit.plot(slow))
    assert "120 s: 1 gap, " in texts(labkit.plot(slow))
    fast = make_measurement(make_run(2000.0, 0.0005))
    assert "first token after 2,000 (2,000 to 2,000) s" in fast.summary
    unknown = labkit.plot(make_measurement(make_run(prompt_tokens=None)))
    assert "None" not in texts(unknown)
    (line,) = labkit.plot(
        Experiment("batch size", "rows", "made up", (Point(1, slow),), 1, ("ttft_s",))
    ).data
    assert line.customdata[0][2] == "1 run" and ".3g" not in line.hovertemplate


def test_nothing_measured_is_an_empty_figure(make_measurement, make_run):
    nothing = make_measurement(make_run(tokens=0, finish="interrupted"))
    for draw in (labkit.plot, labkit.plot, labkit.plot):
        draw(nothing)
    one_token = make_measurement(make_run(tokens=1))
    assert len(labkit.plot(one_token).data) == 1
    labkit.plot(one_token, kind="gaps")


def test_gaps_that_stand_out(make_measurement, make_run):
    slow = make_run(gap_s=0.9, tokens=2)
    figure = labkit.plot(make_measurement(make_run(tokens=30), slow), kind="gaps")
    usual, out = figure.data
    assert len(usual.y) == 29 and list(out.y) == pytest.approx([900])
    assert out.customdata[0] == 2  # the second run's
    assert outlier_fence([]) == float("inf")


def test_short_gaps_are_not_rounded_to_nothing(make_measurement, make_run):
    measured = make_measurement(make_run(gap_s=0.0004))
    assert "p50 0.4 ms" in texts(labkit.plot(measured, kind="gaps")) and "p50 0.4" in repr(measured)


def test_repeats_show_what_was_left_out(make_measurement, make_run):
    m = make_measurement(make_run(), make_run(finish="interrupted"), warmup=(make_run(3.0),))
    first = labkit.plot(m, kind="repeats").data[:3]
    assert [dots.name.split(",")[0] for dots in first][1:] == ["warm-up", "aborted"]
    assert [list(dots.x) for dots in first] == [[1], [0], [2]]


def test_an_experiment_has_a_panel_for_each_number(make_measurement, make_run):
    points = tuple(Point(n, make_measurement(make_run(n / 100), rows=n)) for n in (1, 4))
    shown = ("throughput_tokens_per_s", "ttft_s")
    figure = labkit.plot(Experiment("batch size", "rows", "made up", points, 1, shown))
    assert [list(line.y) for line in figure.data] == [pytest.approx([10, 40]), [0.01, 0.04]]


def test_an_experiment_on_a_disturbed_machine_says_so(make_measurement):
    noisy = MachineNoise(1, 2, 0.9, 0.0, 1, None)
    points = tuple(Point(n, make_measurement(noise=noisy)) for n in (1, 4))
    experiment = Experiment("batch size", "rows", "made up", points, 1, ("ttft_s",))
    sentence = "The machine was disturbed: other programs kept 0.9 of 2 cores busy. Measure again."
    assert experiment.summary.endswith(
        f"(measured). One round on a disturbed machine compares nothing. {sentence}"
    )
    assert "disturbed: no comparison" in labkit.plot(experiment).layout.title.text
    three = replace(experiment, rounds=3)
    assert three.summary.endswith(f"(measured). {sentence}")
    assert labkit.plot(three).layout.title.text.endswith("machine disturbed")
    quiet = replace(experiment, points=())
    assert "disturbed" not in quiet.summary


def test_the_cache_experiment_shows_each_token(make_measurement, make_run):
    points = tuple(
        Point(way, make_measurement(make_run(gap_s=gap)))
        for way, gap in (("with the cache", 0.1), ("without", 0.5))
    )
    figure = labkit.plot(Experiment("KV cache", "KV cache", "made up", points, 1, ("ttft_s",)))
    assert list(figure.data[1].y) == pytest.approx([500] * 4)
    assert list(figure.data[1].x) == [2, 3, 4, 5]


def test_the_roof_meets_at_its_ridge(make_measurement):
    probe = Probe("cpu", "float32", 2, (10e9,), (100e9,))
    config = CATALOGUE["smollm2-135m"].config
    figure = labkit.plot(build_roofline(make_measurement(), probe, config, 134_515_008, "float32"))
    roof, prefill, decode = figure.data
    assert roof.x[1] == 10 and list(roof.y[1:]) == [100, 100]
    assert prefill.x[0] > decode.x[0]
    assert all(dots.y[0] >= dots.y[1] for dots in (prefill, decode))
    assert "memory: 10.0 GB/s" in texts(figure)


def test_predictions_beside_what_was_measured(make_measurement, make_run):
    known = [
        make_run(n / 100, 0.1, tokens, prompt_tokens=n) for n in (10, 50, 90) for tokens in (4, 9)
    ]
    fit = labkit.speed.fit_latency(*known)
    unseen = make_run(0.3, 0.1, 6, prompt_tokens=30)
    dots = labkit.plot(labkit.speed.validate_latency(fit, unseen)).data[1]
    assert (dots.x[0], dots.y[0]) == pytest.approx((0.8, 0.8), rel=0.01)
    assert len(labkit.plot(fit).data[1].x) == 6


def test_the_other_figures(make_measurement):
    sizes = (CacheSize(8, 800, 800, 1600), CacheSize(16, 1600, 1600, 1600))
    growth = CacheGrowth("made up", "float32", sizes, 100, 10_000, 64, 10**6, 64)
    assert labkit.plot(growth).data[0].x == (0, 8, 16)
    load = LoadTime("made <b>up", (LoadRun(2, 3, True), LoadRun(2, 1.5, False)))
    assert "&lt;b&gt;" in labkit.plot(load).layout.title.text
    both = labkit.speed.compare_measurements(one=make_measurement(), two=make_measurement())
    assert len(labkit.plot(both).data) == 4
