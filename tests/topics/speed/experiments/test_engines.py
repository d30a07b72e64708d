"""Engines beside one another: what is found, what fails, whose memory, and where texts part."""

import os
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labkit
from labkit.backends.llamacpp.openmp import end_idle_threads
from labkit.backends.remote.discovery import Server
from labkit.errors import LabError
from labkit.topics.speed.experiments import engines
from labkit.topics.speed.experiments.figures import _memory
from labkit.topics.speed.experiments.process_memory import measure_footprint
from labkit.topics.speed.experiments.text_divergence import divergence_index
from labkit.topics.speed.measure.run import spread

SERVE = """
import sys, time, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.n_ctx, parameters.n_parallel = sys.argv[1], 512, 1
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 2
parameters.verbosity, parameters.hostnames, parameters.port = 0, ["127.0.0.1"], 0
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
time.sleep(600)
"""


@contextmanager
def serving(gguf_file):
    """llama.cpp's server in a process of its own."""
    pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(gguf_file)], stdout=subprocess.PIPE, text=True
    )
    address = next(line for line in process.stdout if line.startswith("http"))
    yield Server("llama.cpp", address.strip(), ("SmolLM2-135M-Instruct.Q4_1.gguf",)), process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def llama_server(smollm2):
    with serving(smollm2.gguf_file) as server_and_process:
        yield server_and_process


def test_engines_beside_one_another(make_scripted):
    far = make_scripted((0.5, 0.75), chunks=True, output_tokens=6)
    far.base_url = "http://127.0.0.1:1"
    comparison = labkit.speed.vary_engine(
        {"near": make_scripted((0.5, 1.0)), "far": far}, repeats=2
    )
    speeds = dict(comparison.experiment.numbers("decode_tokens_per_s"))
    assert speeds["near"].values == (2, 2)
    assert speeds["far"].values == (20, 20)  # 5 gaps in 0.25 s
    # A server's own work cannot be separated from other programs'.
    assert comparison.points[0].measurement.noise.others_cores is None
    assert comparison.footprints == (None, None)
    assert comparison.names == ("near, float32", "far, float32")
    assert "near: first token after 0.5 s, then 2 tokens/s; far: " in comparison.summary
    assert "all 2 wrote the same text" in comparison.summary


def test_one_that_fails_does_not_end_it_for_the_others(make_scripted):
    dead = make_scripted((LabError,))
    comparison = labkit.speed.vary_engine(
        {"dead": dead, "well": make_scripted((0.5, 1.0))}, repeats=2
    )
    assert [point.value for point in comparison.points] == ["well"]
    assert comparison.missing == ("dead: The server went away.",)
    with pytest.raises(LabError, match=r"No engine answers: dead: The server went away\."):
        labkit.speed.vary_engine({"dead": dead})


def test_a_stop_keeps_what_was_measured(make_scripted):
    good, cut = (0.5, 1.0), (0.5, KeyboardInterrupt)
    one, two = make_scripted(good), make_scripted(good, good, good, cut)
    comparison = labkit.speed.vary_engine({"one": one, "two": two}, repeats=9)
    assert [len(point.measurement.counted) for point in comparison.points] == [2, 1]
    assert comparison.footprints == (None, None)


@pytest.mark.parametrize(
    ("server", "found", "missing"),
    [
        (Server("Ollama", "http://127.0.0.1:11434", ("llama3", "tiny:latest")), "Ollama", None),
        (Server("Ollama", "http://127.0.0.1:11434", ("llama3",)), None, "it has llama3. To use"),
        (Server("vLLM", "http://127.0.0.1:8000", ()), None, "none that it reports"),
        (Server("transformers serve", "http://127.0.0.1:8000", ()), "transformers serve", None),
    ],
)
def test_servers_are_asked_for_the_same_model(tiny, monkeypatch, server, found, missing):
    monkeypatch.setattr(engines, "servers", lambda: (server,))
    sentences: list[str] = []
    backends = engines.find_engines(tiny, sentences)
    assert list(backends) == ["transformers", *([found] if found else [])]
    assert sentences[0].startswith("llama.cpp in process: ") and len(sentences) == 1 + bool(missing)
    assert missing is None or missing in sentences[1]
    if server.kind == "transformers serve":
        assert backends[found].model == str(tiny.folder)


def test_two_servers_of_one_kind_are_distinguished(tiny, monkeypatch):
    two = tuple(Server("vLLM", f"http://127.0.0.1:{port}", ("tiny",)) for port in (8000, 8001))
    monkeypatch.setattr(engines, "servers", lambda: two)
    assert list(engines.find_engines(tiny, []))[1:] == ["vLLM", "vLLM on port 8001"]


def test_what_runs_elsewhere_is_refused(make_scripted):
    with pytest.raises(LabError, match="vary_engine needs a model of transformers; got 'scripted'"):
        labkit.speed.vary_engine(make_scripted((0.5,)))


@pytest.mark.slow
def test_the_same_weights_in_every_engine(smollm2, llama_server, monkeypatch):
    server, _ = llama_server
    monkeypatch.setattr(engines, "servers", lambda: (server,))
    comparison = labkit.speed.vary_engine(smollm2, repeats=2, max_tokens=8)
    assert comparison.missing == ()
    names = ("transformers, float32", "llama.cpp in process, Q4_1", "llama.cpp's server")
    assert comparison.names == names
    counts = {point.measurement.prompt_tokens for point in comparison.points}
    assert len(counts) == 1
    torch, llama, own = comparison.footprints
    assert torch.own and llama.own and not own.own
    # float32 against 4 bits, each with Python and its libraries
    assert torch.resident_bytes > smollm2.plan.needs.weights_bytes > llama.resident_bytes
    assert llama.peak_bytes >= llama.resident_bytes > smollm2.gguf_file.stat().st_size
    assert own.resident_bytes > smollm2.gguf_file.stat().st_size
    figure = labkit.plot(comparison)
    assert [list(bars.x) for bars in figure.data][2] == pytest.approx(
        [each.resident_bytes / 2**20 for each in comparison.footprints]
    )
    assert comparison.texts[0].diverges_at is None and all(each.text for each in comparison.texts)


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("where", ["in process", "over its server"])
def test_the_lab_and_the_engine_agree_on_the_same_run(smollm2, llama_server, where):
    """llama.cpp's own clock, and the lab's: each ratio is of one run, so a slow machine slows both.

    Only what lies between the two is left over: passing a token on, and reading the request.
    """
    engine = labkit.load_llamacpp(smollm2.gguf_file, context=512)
    model = engine if where == "in process" else labkit.connect(llama_server[0])
    measured = labkit.measure(model, "Tell me about the sea.", max_tokens=40, repeats=7)
    engine.close()
    assert len(measured.counted) == 7
    assert measured.engine_ratio.median == pytest.approx(1, abs=0.05)
    timed = [(run, run.timings.prompt_s, run.timings.decode_s) for run in measured.counted]
    decode = spread([run.decode_s / decode_s for run, _, decode_s in timed])
    whole = spread([run.elapsed_s / (prompt_s + decode_s) for run, prompt_s, decode_s in timed])
    assert decode.median == pytest.approx(1, abs=0.05)
    assert whole.median == pytest.approx(1, abs=0.05)
    assert {run.timings.output_tokens for run in measured.counted} == {40}
    assert f"{measured.engine_ratio.median:.2f} of the tokens/s" in repr(measured)


def test_what_a_fresh_process_tells_of_its_gpu(tiny, monkeypatch):
    answer = subprocess.CompletedProcess(
        [], 0, stdout=f"noise\n[{5 << 20}, {6 << 20}, {7 << 20}]\n"
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    footprint = measure_footprint(tiny)
    assert (footprint.resident_bytes, footprint.peak_bytes, footprint.gpu_bytes) == (
        5 << 20,
        6 << 20,
        7 << 20,
    )
    assert footprint.total_bytes == 12 << 20
    assert _memory(footprint) == "12 (7 on the GPU)"


@pytest.mark.slow
def test_a_server_that_is_killed_in_the_middle_leaves_what_came(smollm2):
    with serving(smollm2.gguf_file) as (server, process):
        model, steps = labkit.connect(server), []
        running = labkit.stream(model, "Tell me a very long story.", max_tokens=400)
        with pytest.raises(LabError, match=r"broke off in the middle.*\n.*kept"):
            for step in running:
                steps.append(step)
                if len(steps) == 5:
                    process.kill()
        assert len(steps) >= 5 and running.finish == "failed"
        process.wait(10)  # until its port is closed
        with pytest.raises(LabError, match="does not answer"):
            labkit.measure(model, "Hi")


def test_a_servers_memory_is_its_processes(llama_server):
    server, process = llama_server
    footprint = measure_footprint(labkit.connect(server))
    assert (footprint.processes, footprint.own, footprint.peak_bytes) == (1, False, None)
    real = psutil.Process(process.pid).memory_info().rss
    assert footprint.resident_bytes == pytest.approx(real, rel=0.05)


def test_memory_that_cannot_be_known_is_not_guessed(llama_server, smollm2):
    server, _ = llama_server
    for kind in ("vLLM", "LM Studio"):  # what listens there is neither: a tunnel's end, perhaps
        model = labkit.connect(server.address, server.models[0], kind=kind)
        assert measure_footprint(model) is None
    assert measure_footprint(labkit.connect("http://127.0.0.1:1", "x", kind="llama.cpp")) is None
    assert measure_footprint(labkit.connect("http://192.0.2.1:8080", "x", kind="llama.cpp")) is None
    here = labkit.load_llamacpp(smollm2.gguf_file, context=64)  # listens too, in this process
    mine = labkit.connect(here._server.listening_address, "x", kind="llama.cpp")
    assert measure_footprint(mine) is None
    here.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_idle_threads_end_and_come_back():
    import torch

    def work():
        return (torch.arange(4_000_000, dtype=torch.float64) * 2).sum().item()

    if torch.get_num_threads() < 2:
        pytest.skip("torch has one thread")
    expected = work()
    before = len(os.listdir("/proc/self/task"))
    if not end_idle_threads():
        pytest.skip("torch brings another OpenMP runtime than GNU's")
    assert len(os.listdir("/proc/self/task")) < before
    assert work() == expected
    assert len(os.listdir("/proc/self/task")) == before


@given(st.text(), st.text(), st.text())
def test_texts_part_after_what_they_share(start, one, other):
    at = divergence_index(start + one, start + other)
    if at is None:
        assert one == other
    else:
        assert at >= len(start) and (start + one)[:at] == (start + other)[:at]
        assert (start + one)[at : at + 1] != (start + other)[at : at + 1]


def test_the_texts_are_marked_where_they_part(make_scripted):
    one, two = make_scripted((0.5, 1.0)), make_scripted((0.5, 1.0, 1.5))
    comparison = labkit.speed.vary_engine({"o<n>e": one, "two": two}, repeats=1)
    assert [each.diverges_at for each in comparison.texts] == [None, 6]
    assert "two diverges from the text of o<n>e after 6 characters" in comparison.summary
    html = labkit.plot(comparison, kind="texts").html
    assert "o&lt;n&gt;e" in html and "o<n>e" not in html
    after = html.partition("ab ab <span role")[2]
    assert 'aria-label="diverges here"' in after and after.index("┃") < after.index("ab ")
    assert "✗ diverges after 6 characters" in html


def test_the_figure_labels_numbers_and_gaps(make_scripted):
    silent = make_scripted((0.5, 1.0), chunks=True)  # reports no number of tokens
    comparison = labkit.speed.vary_engine(
        {"one": make_scripted((0.5, 1.0)), "silent": silent}, repeats=3
    )
    figure = labkit.plot(comparison)
    first, speed, memory = figure.data
    assert list(first.x) == [0.5, 0.5] and list(speed.x) == [2, 0] and list(memory.x) == [0, 0]
    assert list(speed.customdata) == ["2", "not known"]
    words = [note.text for note in figure.layout.annotations]
    assert words.count(" not known") == 3
    assert memory.error_x.array is None
