"""Every number of a measurement, exactly, from a clock that the test sets."""

import json
import mmap
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labkit
from labkit.backends.timings import EngineTimings
from labkit.errors import LabError
from labkit.models.machine import Gpu
from labkit.stats import percentile
from labkit.topics.speed import exercises
from labkit.topics.speed.explain import kv_cache
from labkit.topics.speed.measure import load_time, machine_noise
from labkit.topics.speed.measure.load_time import LoadRun, LoadTime
from labkit.topics.speed.measure.machine_noise import MachineNoise, NoiseMonitor
from labkit.topics.speed.measure.run import time_run

TIMES = (0.5, 0.625, 0.75, 1.25)


def test_one_run_worked_out_by_hand(make_scripted):
    run = time_run(make_scripted(TIMES), "four")
    assert run.ttft_s == 0.5
    assert run.itl_s == (0.125, 0.125, 0.5)
    assert run.elapsed_s == 1.25
    assert run.tpot_s == 0.75 / 3  # four tokens have three gaps
    assert run.decode_tokens_per_s == 4
    assert (run.output_tokens, run.prompt_tokens) == (4, 4)
    assert run.prefill_tokens_per_s == 8
    assert run.complete and run.text == "ab ab ab ab "


def test_one_token_has_no_gap(make_scripted):
    run = time_run(make_scripted((0.5,)), "p")
    assert run.complete and run.ttft_s == run.elapsed_s == 0.5
    assert run.itl_s == () and run.tpot_s is None and run.decode_tokens_per_s is None


def test_no_token_has_no_time(make_scripted):
    run = time_run(make_scripted(()), "p")
    assert not run.complete
    assert run.ttft_s is None and run.elapsed_s is None and run.tpot_s is None
    measured = labkit.measure(make_scripted(()), "p")
    assert measured.ttft_s is None and "no run was complete" in measured.summary


def test_tokens_that_come_at_once_have_no_speed(make_scripted):
    assert time_run(make_scripted((0.5, 0.5, 0.5)), "p").tpot_s is None


def test_chunks_are_not_counted_as_tokens(make_scripted):
    run = time_run(make_scripted(TIMES, chunks=True), "p")
    assert run.output_tokens is None and run.tpot_s is None
    assert run.ttft_s == 0.5 and len(run.itl_s) == 3


def test_an_end_token_that_a_server_counts_and_does_not_send_is_no_gap(make_scripted):
    """Ollama and vLLM do so where an answer ends by itself."""
    run = time_run(make_scripted(TIMES, chunks=True, output_tokens=5), "p")
    assert run.output_tokens == 4 and run.tpot_s == 0.75 / 3
    several = time_run(make_scripted(TIMES, chunks=True, output_tokens=7), "p")
    assert several.output_tokens == 7 and several.tpot_s == 0.75 / 6


def test_percentiles_of_the_gaps_worked_out_by_hand(make_scripted):
    m = labkit.measure(make_scripted(TIMES), "four", max_tokens=4)
    assert len(m.itl_s) == 15  # five runs of three gaps: ten of 0.125 s and five of 0.5
    assert [m.itl_percentile_s(p) for p in (0, 50, 100)] == [0.125, 0.125, 0.5]
    # At (15 - 1) * 0.675 = 9.45 of 0 to 14, between the last short gap and the first long one.
    assert m.itl_percentile_s(67.5) == pytest.approx(0.125 + 0.45 * 0.375)


def test_a_measurement_worked_out_by_hand(make_scripted):
    warm = (9.0, 10.0, 11.0)
    rows = [(t, t + 0.25, t + 0.5) for t in (0.5, 1.0, 0.25, 0.75, 2.0)]
    backend = make_scripted(warm, *rows)
    m = labkit.measure(backend, "prompt", max_tokens=3)
    assert [run.ttft_s for run in m.warmup] == [9]
    assert m.ttft_s.values == (0.5, 1.0, 0.25, 0.75, 2.0)
    assert (m.ttft_s.low, m.ttft_s.median, m.ttft_s.high) == (0.25, 0.75, 2.0)
    assert m.ttft_s.quartiles == (0.5, 1.0)
    assert m.tpot_s.median == 0.25 and m.decode_tokens_per_s.median == 4
    assert m.elapsed_s.median == 1.25
    assert m.output_tokens.median == 3 and m.prompt_tokens == 6
    assert m.itl_s == (0.25,) * 10 and m.itl_percentile_s(99) == 0.25
    assert backend.synchronized == 6  # before every request, the warm-up too
    assert all(settings == {"max_tokens": 3, "temperature": 0.0} for _, settings in backend.asked)
    assert m.summary.startswith("scripted: first token after 0.75 (0.25 to 2) s, then 4 (4 to 4)")
    assert dict(m.setup.software)["engine"] == "scripted"


def test_the_engines_own_speed_stands_beside(make_measurement, make_run):
    runs = [make_run(timings=EngineTimings("x", decode_tokens_per_s=v)) for v in (10, 12.5, 20)]
    m = make_measurement(*runs, make_run(), make_run(timings=EngineTimings("x")))
    assert m.engine_ratio.values == pytest.approx((1, 0.8, 0.5))  # ten tokens a second here
    assert "0.80 of the tokens/s that the engine reports (x)" in repr(m)
    assert make_measurement().engine_ratio is None


def test_an_aborted_run_is_kept_and_does_not_count(make_scripted):
    backend = make_scripted(TIMES, TIMES, TIMES, (0.5, KeyboardInterrupt))
    m = labkit.measure(backend, "p")
    assert [run.finish for run in m.runs] == ["length", "length", "interrupted"]
    assert len(m.counted) == 2 and m.ttft_s.values == (0.5, 0.5)
    assert m.aborted[0].token_times_s == (0.5,)
    assert len(backend.asked) == 4
    assert "not counted: 1 run, interrupted" in repr(m)


def test_a_server_that_dies_midway_leaves_what_came(make_scripted):
    m = labkit.measure(make_scripted(TIMES, TIMES, (0.5, LabError)), "p")
    assert [run.finish for run in m.runs] == ["length", "failed"]
    assert m.aborted[0].error == "The server went away."
    with pytest.raises(LabError, match="went away"):
        labkit.measure(make_scripted((LabError,)), "p")


def test_bad_arguments_are_named(make_scripted):
    with pytest.raises(ValueError, match="repeats must be a whole number, 5 or more; got 4"):
        labkit.measure(make_scripted(TIMES), "p", repeats=4)
    with pytest.raises(ValueError, match="max_tokens"):
        labkit.measure(make_scripted(TIMES), "p", max_tokens=0)
    with pytest.raises(ValueError, match="prompt"):
        labkit.measure(make_scripted(TIMES), "")
    with pytest.raises(ValueError, match=r"load must come from lab.speed.measure_load; got 3"):
        labkit.measure(make_scripted(TIMES), "p", load=3)


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 100))
def test_percentiles_are_numpys(values, percent):
    assert percentile(values, percent) == pytest.approx(np.percentile(values, percent))


def test_a_stop_at_the_end_keeps_the_runs(make_scripted):
    """The setup is described first: a server is asked for its version."""
    backend, asked = make_scripted(TIMES), []
    backend.about = lambda: asked.append(len(backend.asked)) or {"engine": "scripted"}
    assert len(labkit.measure(backend, "p").counted) == 5 and asked == [0]


def test_a_measurement_survives_its_file(make_measurement, make_run, tmp_path):
    quiet = MachineNoise(3.0, 2, 0.05, None, 1.5, (2400.0, 2400.0))
    load = LoadTime("made up", (LoadRun(2.0, 1.0, True), LoadRun(2.0, 0.5, False)))
    timings = EngineTimings("an engine", decode_s=0.4, decode_tokens_per_s=10.5)
    m = make_measurement(
        make_run(timings=timings),
        make_run(finish="interrupted"),
        warmup=(make_run(3.0),),
        noise=quiet,
        load=load,
    )
    path = labkit.save(m, tmp_path / "measured.json")
    assert labkit.open_result(path) == m
    assert json.loads(path.read_text())["labkit_measurement"] == 1


def test_another_file_is_refused(tmp_path):
    other = tmp_path / "other.json"
    for text, message in (
        ('{"a": 1}', "is not a result of this lab"),
        ('{"labkit_measurement": 1}', "does not hold a measurement of this lab"),
    ):
        other.write_text(text)
        with pytest.raises(LabError, match=message):
            labkit.open_result(other)
    with pytest.raises(LabError, match="cannot be read: No such file"):
        labkit.open_result(tmp_path / "none.json")


def test_two_measurements_side_by_side(make_measurement, make_run):
    slow = make_measurement(*[make_run(0.5, 0.25)] * 5)
    fast = make_measurement(*[make_run(0.5, 0.125)] * 5, max_tokens=9)
    both = labkit.speed.compare_measurements(slow=slow, fast=fast)
    metrics = {metric.name: metric for metric in both.metrics}
    assert metrics["decode_tokens_per_s"].ratios == (1, 2)
    assert metrics["decode_tokens_per_s"].distinct == (False, True)
    assert metrics["ttft_s"].distinct == (False, False)
    assert both.differences == ("max_tokens: 8 / 9",)
    assert "fast 2.00 times the decode speed of slow;" in both.summary
    assert both.summary.endswith("(measured)")
    of_a_recording = replace(fast, origin="recorded")
    mixed = labkit.speed.compare_measurements(slow=slow, fast=of_a_recording)
    assert mixed.summary.endswith("(measured, recorded)")
    assert "· measured, recorded" in labkit.plot(mixed).layout.title.text


def test_the_measurements_of_a_folder_stand_side_by_side(make_measurement, make_run, tmp_path):
    for name, gap in (("anna", 0.25), ("ben", 0.125)):
        labkit.save(make_measurement(*[make_run(0.5, gap)] * 5), tmp_path / f"{name}.json")
    (tmp_path / "carl.json").write_text("{}")
    group = labkit.speed.compare_measurements(tmp_path)
    assert group.names == ("anna", "ben")
    assert "ben 2.00 times the decode speed of anna" in group.summary
    assert "left out" in group.summary and "carl.json" in group.summary
    assert "carl.json" in labkit.plot(group).layout.title.text
    with pytest.raises(ValueError, match=r"two or more; got 1.*carl.json"):
        labkit.speed.compare_measurements([tmp_path / "anna.json", tmp_path / "carl.json"])


def test_files_of_one_name_get_their_folders(make_measurement, tmp_path):
    measured = make_measurement()
    files = [tmp_path / name for name in ("a/anna.json", "b/anna.json", "a/ben.json")]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        labkit.save(measured, file)
    compare = labkit.speed.compare_measurements
    assert compare(files, carl=measured).names == ("a/anna", "b/anna", "a/ben", "carl")
    for wrong, more, message in (
        (files[:1], {"anna": measured}, r"other names than the files; got \['anna'\]"),
        (files, {"carl": "x"}, "carl must come from lab.measure; got 'x'"),
        ([measured, measured], {}, "files must come from lab.save, .*; got Measurement"),
    ):
        with pytest.raises(ValueError, match=message):
            compare(wrong, **more)


def test_what_counts_as_disturbed():
    assert MachineNoise(1, 2, 0.1, 0.01, 1, (2000, 1900)).sentence == "The machine was quiet."
    noisy = MachineNoise(1, 2, 0.5, 0.1, 3, (2000, 1000))
    assert noisy.disturbed and len(noisy.reasons) == 3
    assert "other programs kept 0.5 of 2 cores busy" in noisy.sentence
    assert "is not known" in MachineNoise(1, 2, None, None, None, None).sentence


def look(total, busy, own, stolen=0.0, mhz=2000.0, load=0.5):
    names = ("total", "busy", "own", "stolen", "mhz", "load")
    return dict(zip(names, (total, busy, own, stolen, mhz, load), strict=True))


@pytest.mark.parametrize(
    ("own_work", "others", "message"),
    [
        (True, 0.5, "other programs kept 0.5 of 2 cores busy; 5% of the time went to other"),
        (False, None, "disturbed: 5% of the time went to other virtual machines; the clock fell"),
    ],
)
def test_the_monitor_subtracts_the_models_own_work(monkeypatch, own_work, others, message):
    """Ten seconds of two cores: 15 busy, 10 of them this process's, and one given away."""
    looks = iter([look(100, 50, 30, 1), look(120, 65, 40, 2, mhz=1500, load=1.5)])
    moments = iter([7.0, 17.0])
    monkeypatch.setattr(machine_noise, "_read_counters", lambda: next(looks))
    monkeypatch.setattr(machine_noise.time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(machine_noise.os, "cpu_count", lambda: 2)
    noise = NoiseMonitor(own_work=own_work).end()
    assert (noise.wall_s, noise.others_cores, noise.stolen_share) == (10, others, 1 / 20)
    assert (noise.load_average, noise.frequency_mhz) == (1.5, (2000, 1500))
    assert message in noise.sentence


def test_a_look_at_this_machine():
    before, after = machine_noise._read_counters(), machine_noise._read_counters()
    for name in ("total", "busy", "own"):
        assert 0 <= before[name] <= after[name]
    assert before["busy"] <= before["total"]
    assert NoiseMonitor().end().cores >= 1


class OnGpu:
    """What a backend on a GPU offers besides, by a made-up driver."""

    def __init__(self, peaks):
        self.peaks, self.calls = iter(peaks), []

    def synchronize(self):
        self.calls.append("wait")

    def gpu_peak_bytes(self, *, reset=False):
        self.calls.append("reset" if reset else "read")
        return None if reset else next(self.peaks)


def test_the_gpus_peak_is_that_of_each_run(make_scripted):
    backend, driver = make_scripted(TIMES), OnGpu([9 << 30, *range(1 << 20, 6 << 20, 1 << 20)])
    backend.synchronize, backend.gpu_peak_bytes = driver.synchronize, driver.gpu_peak_bytes
    m = labkit.measure(backend, "p")
    assert driver.calls == ["wait", "reset", "read"] * 6
    assert m.gpu_peak_bytes == 5 << 20  # the warm-up's 9 GiB are not among them
    assert "peak memory on the GPU: 5 MiB" in repr(m)
    assert labkit.measure(make_scripted(TIMES), "p").gpu_peak_bytes is None


def test_a_model_on_a_made_up_gpu(tiny, monkeypatch):
    """torch's own calls are faked; the model itself computes on the CPU."""
    import torch

    calls, silent = [], dict.fromkeys(("synchronize", "reset_peak_memory_stats"))
    driver = {**silent, "max_memory_allocated": 3 << 20, "get_device_name": "A GPU"}
    for name, value in driver.items():
        monkeypatch.setattr(torch.cuda, name, lambda d, n=name, t=value: calls.append((n, d)) or t)
    monkeypatch.setattr(tiny, "plan", replace(tiny.plan, device="cuda"))
    m = labkit.measure(tiny, "the cat", max_tokens=3)
    assert calls[:4] == [
        ("get_device_name", "cuda"),
        ("synchronize", "cuda"),
        ("reset_peak_memory_stats", "cuda"),
        ("max_memory_allocated", "cuda"),
    ]
    assert m.gpu_peak_bytes == 3 << 20
    software = dict(m.setup.software)
    assert (software["device"], software["gpu"]) == ("cuda", "A GPU") and "threads" not in software
    assert m.setup.label.startswith("A GPU, transformers")
    with pytest.raises(LabError, match="runs on cuda, where CPU threads do no work"):
        labkit.speed.vary_threads(tiny)
    gpu = Gpu("A GPU", 8 << 30, 256 * 100, None)
    monkeypatch.setattr(kv_cache, "usable_by_torch", lambda machine: replace(machine, gpus=(gpu,)))
    growth = labkit.speed.measure_cache(tiny, lengths=(8,))
    assert (growth.free_bytes, growth.longest) == (
        256 * 100,
        100,
    )  # the GPU's memory, not the CPU's


def test_loads_that_are_stopped_keep_those_that_came(monkeypatch, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    times = iter([(2.0, 3.0), (2.0, 1.0)])

    def load(name, options):
        if not (seconds := next(times, None)):
            raise KeyboardInterrupt
        return seconds

    monkeypatch.setattr(load_time, "load_in_new_process", load)
    loads = labkit.speed.measure_load(tmp_path, repeats=9)
    assert [run.load_s for run in loads.runs] == [3.0, 1.0]


def test_loads_are_cold_and_warm_in_turn(monkeypatch, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    times = iter([(2.0, 3.0), (2.0, 1.0), (2.0, 5.0), (2.0, 1.5)])
    monkeypatch.setattr(load_time, "load_in_new_process", lambda name, options: next(times))
    monkeypatch.setattr(load_time, "drop_page_cache", lambda folder: True)
    load = labkit.speed.measure_load(tmp_path, repeats=2)
    assert load.cold_s.values == (3.0, 5.0) and load.warm_s.values == (1.0, 1.5)
    medians = "cold 4.0 s (median of 2), warm 1.2 s (median of 2), imports 2.0 s (median of 4)"
    assert medians in load.summary


def test_what_a_process_holds_does_not_load_cold(make_measurement, monkeypatch, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(bytes(10 * mmap.PAGESIZE))
    (tmp_path / "empty").touch()
    monkeypatch.setattr(load_time, "load_in_new_process", lambda name, options: (2.0, 3.0))
    held = np.memmap(tmp_path / "model.safetensors", np.uint8, "r")
    assert not held.any()  # reads every page
    loads = labkit.speed.measure_load(tmp_path, repeats=1)
    assert [run.cold for run in loads.runs] == [False, False] and loads.cold_s is None
    assert "none was cold, because the files stayed in memory" in loads.summary
    assert labkit.plot(make_measurement(load=loads)).data[0].y[0] == "load, files in memory"
    if hasattr(os, "posix_fadvise"):
        monkeypatch.setattr(load_time, "cached_share", lambda file: 0.1)
        assert load_time.drop_page_cache(tmp_path)


@pytest.mark.slow
def test_a_load_in_a_process_of_its_own(make_tiny, tmp_path):
    folder = make_tiny(tmp_path / "tiny")
    import_s, load_s = load_time.load_in_new_process(str(folder), {"dtype": "float32"})
    assert import_s > 0 and load_s > 0
    with pytest.raises(LabError, match="failed in a process of its own"):
        load_time.load_in_new_process(str(tmp_path / "none"), {})


# A pause of a second in which 1,000 tokens are thought, and ten words 0.05 s apart.
WORDS = tuple(1.0 + 0.05 * n for n in range(10))


def test_hidden_thinking_does_not_make_it_fast(make_scripted):
    hidden = {"chunks": True, "output_tokens": 1010, "thinking_tokens": 1000}
    measured = labkit.measure(make_scripted(WORDS, **hidden), "four")
    assert measured.decode_tokens_per_s.median == pytest.approx(20)
    assert (measured.output_tokens.median, measured.thinking_tokens.median) == (10, 1000)
    assert measured.thinking_s.median == measured.ttft_s.median == 1.0
    assert measured.prefill_tokens_per_s is None, "it thought before the first token"
    assert "thinking: 1 (1 to 1) s, 1,000 tokens, not shown" in repr(measured)
    bars = [bar.y[0] for bar in labkit.plot(measured).data]
    assert bars == ["prefill and hidden thinking", "decode"]
    right = exercises.check_wrong_speed(measured, (4 + 10) / WORDS[-1])
    assert right.right and "1.5 times" not in str(right) and "0.5 times" in str(right)


def test_a_thought_that_a_server_counts_is_timed_apart(make_scripted):
    """It may be abridged: three pieces of it, and 1,000 tokens by the server's count."""
    shown = {"chunks": True, "output_tokens": 1007, "thinking_tokens": 1000, "thought": 3}
    run = time_run(make_scripted(WORDS, **shown), "four")
    assert (run.text, run.thinking) == ("ab " * 7, "ab ab ab")
    assert (run.output_tokens, run.answer_from) == (7, 3)
    assert run.decode_tokens_per_s == pytest.approx(20)
    assert run.thinking_s == pytest.approx(0.15) and run.answer_s == run.decode_s
    assert run.prefill_tokens_per_s == 4, "its first token was the thought's"
    uncounted = time_run(make_scripted(WORDS, **shown | {"thinking_tokens": None}), "four")
    assert uncounted.output_tokens is uncounted.decode_tokens_per_s is None


def test_a_thought_of_tokens_is_timed_with_the_answer_and_shown_apart(make_scripted):
    measured = labkit.measure(make_scripted(WORDS, thought=4), "four")
    assert measured.decode_tokens_per_s.median == pytest.approx(20)
    assert (measured.output_tokens.median, measured.thinking_tokens.median) == (10, 4)
    figure = labkit.plot(measured)
    assert [bar.y[0] for bar in figure.data] == ["prefill", "thinking", "decode"]
    assert [bar.x[0] for bar in figure.data] == pytest.approx([1.0, 0.2, 0.25])
    assert "4 tokens" in " ".join(note.text for note in figure.layout.annotations)


def test_a_cached_prompt_was_not_read_that_fast(make_scripted):
    """996 of 1,000 tokens were known; the engine read 4 in 0.02 s."""
    own = EngineTimings("llama.cpp", prompt_s=0.02, prompt_tokens=4, cached_tokens=996)
    known = {"prompt_tokens": 1000, "cached_tokens": 996}
    measured = labkit.measure(make_scripted((0.032, 0.05), **known, timings=own), "p")
    assert measured.prefill_tokens_per_s.median == pytest.approx(200)
    assert "996 of 1000 prompt tokens were cached" in repr(measured)
    label = labkit.plot(measured).layout.annotations[0].text
    assert "1,000 tokens in, 996 of them cached" in label
    measured = labkit.measure(make_scripted((0.032, 0.05), **known), "p")
    assert measured.prefill_tokens_per_s is None, "nobody says how long the other four took"
    fresh = {"prompt_tokens": 1000, "cached_tokens": 0}
    measured = labkit.measure(make_scripted((0.5, 0.6), **fresh), "p")
    assert measured.prefill_tokens_per_s.median == 2000 and "cached" not in repr(measured)


def test_loading_is_not_reading(make_scripted):
    own = EngineTimings("Ollama", load_s=2.0)
    run = time_run(make_scripted((2.5, 2.6), timings=own), "four")
    assert run.prefill_tokens_per_s == pytest.approx(8)


def test_what_was_thought_is_saved(make_scripted, tmp_path):
    known = {"chunks": True, "output_tokens": 19, "thinking_tokens": 9, "cached_tokens": 1}
    measured = labkit.measure(make_scripted(WORDS, **known, thought=2), "four")
    assert labkit.open_result(labkit.save(measured, tmp_path / "m.json")) == measured
