"""The roofline's arithmetic, worked out by hand; the probe, as far as no clock decides."""

from dataclasses import replace

import pytest

import labkit
from labkit.backends.llamacpp.gguf_config import read_gguf_config
from labkit.backends.local import device_probe
from labkit.backends.local.device import gpu_peak_bytes, synchronize
from labkit.backends.local.device_probe import Probe, probe_device
from labkit.errors import LabError
from labkit.models.catalogue import CATALOGUE
from labkit.topics.speed.explain.operation_count import decode_work, prefill_work
from labkit.topics.speed.explain.roofline import build_roofline
from labkit.topics.speed.measure.machine_noise import MachineNoise

SMOLLM2 = CATALOGUE["smollm2-135m"]
PARAMETERS = 134_515_008
# 30 layers * 2 * 3 heads * 64 wide, 4 bytes each
CACHE_TOKEN = 46_080


def test_decoding_smollm2_by_hand():
    work = decode_work(SMOLLM2.config, PARAMETERS, "float32", 100)
    assert work.memory_bytes == 4 * 134_515_008 + 101 * 46_080
    # tied: the output layer reads the whole embedding; 4 * 30 layers * 9 heads * 64 wide
    assert work.flops == 2 * 134_515_008 + 101 * 69_120
    assert 0.49 < work.intensity < 0.51  # one multiplication and one addition for four bytes


def test_prefilling_smollm2_by_hand():
    work = prefill_work(SMOLLM2.config, PARAMETERS, "float32", 512)
    output = 49_152 * 576
    layers = 134_515_008 - output
    assert layers == 106_203_456
    assert work.flops == 2 * layers * 512 + 2 * output + 69_120 * 512 * 513 // 2
    assert work.memory_bytes == 4 * 134_515_008 + 512 * CACHE_TOKEN
    assert work.intensity > 200


def test_sixteen_bits_halve_what_is_read():
    whole = decode_work(SMOLLM2.config, PARAMETERS, "float32", 0)
    half = decode_work(SMOLLM2.config, PARAMETERS, "bfloat16", 0)
    assert whole.memory_bytes == 2 * half.memory_bytes and whole.flops == half.flops


def test_an_embedding_of_its_own_is_only_looked_up():
    untied = {**SMOLLM2.config, "tie_word_embeddings": False}
    tables = 49_152 * 576
    tied = decode_work(SMOLLM2.config, PARAMETERS, "float32", 7)
    other = decode_work(untied, PARAMETERS + tables, "float32", 7)
    assert tied == other
    assert prefill_work(untied, PARAMETERS + tables, "float32", 7) == prefill_work(
        SMOLLM2.config, PARAMETERS, "float32", 7
    )


@pytest.mark.parametrize(
    "experts",
    [
        {"num_local_experts": 8},
        {"n_routed_experts": 8},  # dots.llm1
        {"ffn_config": {"moe_num_experts": 8}},  # DBRX
        {"num_experts": [1, 8]},  # of each layer
    ],
)
def test_a_mixture_of_experts_is_refused(experts):
    with pytest.raises(ValueError, match="mixture of 8 experts"):
        decode_work({**SMOLLM2.config, **experts}, PARAMETERS, "float32", 1)


def test_both_points_under_a_made_up_roof(make_measurement, make_run):
    # 10 GB/s and 100 GFLOP/s: the ridge is at 10 operations a byte.
    bandwidth = Probe("cpu", "float32", 2, (8e9, 10e9, 9e9), (100e9, 100e9, 100e9))
    run = make_run(ttft_s=2.0, gap_s=0.1, tokens=5, prompt_tokens=512)
    roof = build_roofline(make_measurement(run), bandwidth, SMOLLM2.config, PARAMETERS, "float32")
    prefill, decode = roof.points
    assert roof.ridge == 10
    assert (prefill.bound, decode.bound) == ("arithmetic", "memory")
    bytes_read = 4 * PARAMETERS + 515 * CACHE_TOKEN  # five tokens: the middle context is 514
    assert decode.ceiling_tokens_per_s == pytest.approx(10e9 / bytes_read)
    assert decode.measured_tokens_per_s == pytest.approx(10)
    assert decode.reached == pytest.approx(10 * bytes_read / 10e9)
    assert (prefill.error, decode.error) == (0.1, 0.1)
    assert prefill.measured_tokens_per_s == 256
    assert "decode bound by memory" in roof.summary


def test_a_restless_machine_has_a_larger_error(make_measurement):
    bandwidth = Probe("cpu", "float32", 2, (5e9, 10e9, 5e9), (100e9,))
    roof = build_roofline(make_measurement(), bandwidth, SMOLLM2.config, PARAMETERS, "float32")
    assert roof.points[1].error == 0.5


def test_a_roof_that_cannot_be_right_says_so(make_measurement, make_run):
    """A probe on a busy machine gave 515 ± 10 %; 715 were measured."""
    noisy = MachineNoise(1, 2, 0.9, 0.0, 1, None)
    probe = Probe("cpu", "float32", 2, (10e9,), (100e9,))
    run = make_run(ttft_s=2.0, gap_s=0.01, tokens=5, prompt_tokens=512)
    quiet = build_roofline(make_measurement(run), probe, SMOLLM2.config, PARAMETERS, "float32")
    assert "decode measured above the ceiling" in quiet.summary and "disturbed" not in quiet.summary
    assert "prefill" not in quiet.summary.partition("(measured)")[2]
    measured = make_measurement(run, noise=noisy)
    roof = build_roofline(measured, probe, SMOLLM2.config, PARAMETERS, "float32")
    assert "The machine was disturbed" in roof.summary
    assert labkit.plot(roof).layout.title.text.endswith("machine disturbed")


def test_the_probe_gives_every_round():
    probe = probe_device(rounds=3, buffer_bytes=1 << 20, shapes=((8, 16, 16),))
    assert len(probe.bytes_per_s) == len(probe.flops_per_s) == 3
    assert min(probe.bytes_per_s) > 0 and min(probe.flops_per_s) > 0
    assert gpu_peak_bytes("cpu", reset=True) is None
    synchronize("cpu")


def test_a_small_gpu_is_not_filled(monkeypatch):
    import torch

    free = [3 << 30]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free[0], 4 << 30))
    assert device_probe.buffer_size("cuda") == 3 << 28
    free[0] = 80 << 30
    assert device_probe.buffer_size("cuda") == device_probe.GPU_BUFFER_BYTES
    assert device_probe.buffer_size("cpu") == device_probe.BUFFER_BYTES


def test_a_gpu_is_waited_for_and_its_peak_read(monkeypatch):
    import torch

    done = []
    monkeypatch.setattr(torch.cuda, "synchronize", done.append)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: done.append("reset"))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 123)
    monkeypatch.setattr(torch.mps, "synchronize", lambda: done.append("mps"))
    synchronize("cuda")
    synchronize("mps")
    assert gpu_peak_bytes("cuda") == 123 and done == ["cuda", "mps"]
    gpu_peak_bytes("cuda", reset=True)
    assert done[-1] == "reset"


def test_calls_on_a_gpu_queue_up_between_two_waits(monkeypatch):
    done = []
    monkeypatch.setattr(device_probe, "synchronize", lambda device: done.append("wait"))
    device_probe._seconds(lambda: done.append("call"), "cuda")
    assert done == ["wait", *["call"] * device_probe.GPU_CALLS, "wait"]
    device_probe._seconds(done.clear, "cpu")
    assert done == ["wait"]


def test_a_tiny_model_from_measuring_to_roof(tiny):
    bandwidth = probe_device(rounds=2, buffer_bytes=1 << 20, shapes=((8, 16, 16),))
    measured = labkit.measure(tiny, "the cat", max_tokens=4)
    roof = labkit.speed.roofline(tiny, measured, probe=bandwidth)
    assert [point.work.name for point in roof.points] == ["prefill", "decode"]
    assert roof.points[0].work.tokens == len(tiny.encode("the cat"))
    with pytest.raises(LabError, match="does not expose its configuration"):
        labkit.speed.roofline(type("Server", (), {"name": "far", "stream": print})(), measured)
    with pytest.raises(ValueError, match="measurement must be of"):
        labkit.speed.roofline(tiny, labkit.open_result(_renamed(measured, tiny)), probe=bandwidth)
    recorded = labkit.speed.roofline(tiny, replace(measured, origin="recorded"), probe=bandwidth)
    assert "(recorded)" in recorded.summary and recorded.book_entries[1].origin == "recorded"
    assert "roof · recorded" in labkit.plot(recorded).layout.title.text


def test_a_roof_is_of_the_models_device_and_number_format(tiny):
    measured = labkit.measure(tiny, "the cat", max_tokens=4)
    software = {**dict(measured.setup.software), "dtype": "bfloat16"}
    half = replace(measured, setup=replace(measured.setup, software=tuple(software.items())))
    with pytest.raises(ValueError, match=r"must be of .*float32, cpu, one row; got .*bfloat16"):
        labkit.speed.roofline(tiny, half)
    for probe, message in (
        (Probe("cuda", "bfloat16", 1, (3e12,), (9e14,)), "float32 on cpu; got bfloat16 on cuda"),
        ("x", "probe must come from the probe of a lab.speed.roofline; got 'x'"),
    ):
        with pytest.raises(ValueError, match=message):
            labkit.speed.roofline(tiny, measured, probe=probe)


@pytest.mark.slow
def test_a_file_of_llamacpp_has_a_roof_for_decode(smollm2):
    pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    engine = labkit.load_llamacpp(smollm2.gguf_file, context=256)
    probe = Probe("cpu", "float32", 2, (10e9,), (1e12,))
    measured = labkit.measure(engine, "The sea", max_tokens=8, raw=True)
    roof = labkit.speed.roofline(engine, measured, probe=probe)
    (point,) = roof.points
    tokens = measured.prompt_tokens + round((measured.output_tokens.median - 1) / 2) + 1
    # tied, so every weight is read; 30 layers * 2 * 3 heads * 64 wide, 2 bytes each
    assert point.work.memory_bytes == engine.weights_bytes + tokens * 23_040
    assert engine.parameters == PARAMETERS and point.work.memory_bytes < PARAMETERS
    assert (point.work.name, point.bound) == ("decode", "memory")
    assert f"decode bound by memory, at most {10e9 / point.work.memory_bytes:.0f}" in roof.summary
    assert labkit.plot(roof).data
    engine.close()


@pytest.mark.slow
def test_the_sizes_of_a_gguf_file_are_those_of_its_model(smollm2):
    config = read_gguf_config(smollm2.gguf_file)
    own = SMOLLM2.config
    for name in ("hidden_size", "num_hidden_layers", "num_key_value_heads", "vocab_size"):
        assert config[name] == own[name]
    assert config["tie_word_embeddings"]


def _renamed(measured, tiny):
    return labkit.save(replace(measured, model="another"), tiny.folder / "m.json")


@pytest.mark.alone
@pytest.mark.slow
def test_the_real_model_stays_under_its_roof(smollm2):
    measured = labkit.measure(smollm2, "Tell me about the sea, the wind and the ships on it.")
    roof = labkit.speed.roofline(smollm2, measured)
    assert [point.bound for point in roof.points][1] == "memory"
    for point in roof.points:
        most = point.ceiling_tokens_per_s * (1 + point.error)
        assert 0 < point.measured_tokens_per_s <= most, repr(roof)
