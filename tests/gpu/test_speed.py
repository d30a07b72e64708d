"""The GPU's speed: what the card can do, what the lab measures, and `generate` on the same card.

Every time is taken after a warm-up and with the device waited for; what is compared runs in turn.
"""

import time
from contextlib import contextmanager

import pytest
import torch

import labkit
from labkit.backends.generate import collect_rows
from labkit.backends.local.device_probe import probe_device
from labkit.backends.settings import Settings
from labkit.stats import Spread

from .random_models import LARGE, PROMPT, SHAPES, SMALL, prompt_of
from .test_numbers import greedy_by_generate

# Dense bfloat16 operations per clock cycle of a multiprocessor, by compute capability: NVIDIA's
# own peaks (A100 312, H100 989, B200 2,250 TFLOP/s) over multiprocessors and boost clock.
FLOPS_PER_CYCLE = {(8, 0): 2048, (9, 0): 4096, (10, 0): 8192}
ROUNDS = 5
GREEDY = {"raw": True, "temperature": 0}


def spread_text(values, unit=""):
    several = Spread(tuple(values))
    return f"{several.median:,.4g} ({several.low:,.4g} to {several.high:,.4g}){unit}"


def run_in_turn(rounds, **runs):
    """Each run once in every round, the first round thrown away: the values that it returned."""
    values = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            value = run()
            if number:
                values[name].append(value)
    return values


def test_memory_bandwidth_is_the_cards(rig, checks):
    probe = small_probe(rig)
    checks.note("bandwidth, GB/s", spread_text(each / 1e9 for each in probe.bytes_per_s))
    if rig.dry:
        return
    with nvml() as (pynvml, gpu):
        mhz = pynvml.nvmlDeviceGetMaxClockInfo(gpu, pynvml.NVML_CLOCK_MEM)
        bits = pynvml.nvmlDeviceGetMemoryBusWidth(gpu)
    peak = 2 * mhz * 1e6 * bits / 8  # two transfers a cycle
    checks.note("the card's own, GB/s", peak / 1e9)
    checks.within("best round, of the card's own", max(probe.bytes_per_s) / peak, 0.15)


def test_arithmetic_is_the_cards(rig, checks):
    probe = small_probe(rig)
    best = max(probe.flops_per_s)
    checks.note("bfloat16, TFLOP/s", spread_text(each / 1e12 for each in probe.flops_per_s))
    if rig.dry:
        return
    largest = best_product(rig)
    checks.within("best round, of products of 8,192 rows", best / largest, 0.15)
    card = torch.cuda.get_device_properties(0)
    per_cycle = FLOPS_PER_CYCLE.get((card.major, card.minor))
    if per_cycle is None:
        pytest.skip(f"{card.name}: its operations per cycle are not in the table")
    mhz = clock_at_work()
    peak = card.multi_processor_count * per_cycle * mhz * 1e6
    checks.note("clock at work, MHz", mhz)
    checks.note("the card's own at this clock, TFLOP/s", peak / 1e12)
    checks.within("best round, of the card's own", best / peak, 0.15)


def small_probe(rig):
    tiny = {"rounds": 2, "buffer_bytes": 1 << 20, "shapes": ((8, 16, 16),)}
    return probe_device(rig.device, "bfloat16", **rig.size({}, tiny))


def best_product(rig):
    """Operations per second of a large product, by the GPU's own clock."""
    a, b = (torch.randn(8192, 8192, dtype=torch.bfloat16, device=rig.device) for _ in range(2))
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for _ in range(3):
        start.record()
        for _ in range(10):
            a @ b
        end.record()
        torch.cuda.synchronize()
    return 10 * 2 * 8192**3 / (start.elapsed_time(end) / 1e3)


def clock_at_work():
    """The multiprocessors' clock in MHz while products run."""
    a = torch.randn(8192, 8192, dtype=torch.bfloat16, device="cuda")
    with nvml() as (pynvml, gpu):
        for _ in range(200):  # a quarter of a second of work, queued
            a @ a
        time.sleep(0.1)
        mhz = pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM)
        torch.cuda.synchronize()
    return mhz


@contextmanager
def nvml():
    """NVIDIA's own readings of the card that torch uses."""
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    pynvml.nvmlInit()
    try:
        uuid = torch.cuda.get_device_properties(0).uuid
        yield pynvml, pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    finally:
        pynvml.nvmlShutdown()


@pytest.mark.parametrize("name", [SMALL, LARGE])
def test_no_work_is_left_when_the_clock_stops(rig, checks, name):
    model, tokens = rig.random_model(name, "bfloat16"), rig.size(32, 4)

    def share():
        model.synchronize()
        began = time.perf_counter()
        reply = labkit.generate(model, PROMPT, max_tokens=tokens, **GREEDY)
        model.synchronize()
        return reply.elapsed_s / (time.perf_counter() - began)

    shares = run_in_turn(ROUNDS, share=share)["share"]
    checks.note("last token's time, of the time until the device is idle", spread_text(shares))
    checks.fast("its median", Spread(tuple(shares)).median, 0.98)


@pytest.mark.parametrize("name", SHAPES)
def test_no_speed_is_above_the_roof(rig, checks, name):
    model = rig.random_model(name, "bfloat16")
    prompt = prompt_of(model, rig.size(512, 64))
    measured = labkit.measure(model, prompt, raw=True, max_tokens=rig.size(32, 4))
    roof = labkit.speed.roofline(model, measured, probe=small_probe(rig))
    for point in roof.points:
        checks.note(f"{point.work.name}, tokens/s at the ceiling", point.ceiling_tokens_per_s)
        checks.note(f"{point.work.name}, tokens/s measured", point.measured_tokens_per_s)
        checks.note(f"{point.work.name} is bound by", point.bound)
        least = point.measured_s.low / point.ceiling_s
        checks.fast(f"{point.work.name}: least time measured, of the ceiling's", least, 1.0)


def check_speeds(rig, checks, model, bound):
    """One stream and 32 rows, in turn with `generate` and with one stream."""
    tokens, rows = rig.size(64, 4), rig.size(32, 4)
    ids = model.encode(PROMPT, raw=True)

    def timed(run):
        def speed():
            model.synchronize()
            began = time.perf_counter()
            count = run()
            model.synchronize()
            return count / (time.perf_counter() - began)

        return speed

    def one():
        reply = labkit.generate(model, PROMPT, max_tokens=tokens, **GREEDY)
        return len(reply.steps)

    def batch():
        settings = [Settings(temperature=0, max_tokens=tokens)] * rows
        running = model.stream_rows(PROMPT, settings, raw=True, batch_size=rows)
        return sum(len(r.steps) for r in collect_rows(model.name, PROMPT, running, lambda: None))

    def by_generate():
        return len(greedy_by_generate(model, ids, tokens))

    runs = {"one stream": one, "generate": by_generate, f"{rows} rows": batch}
    found = run_in_turn(ROUNDS, **{name: timed(run) for name, run in runs.items()})
    for name, values in found.items():
        checks.note(f"{name}, prompt included", spread_text(values, " tokens/s"))
    middle = {name: Spread(tuple(values)).median for name, values in found.items()}
    decide = checks.fast if bound else lambda check, value, _: checks.note(check, value)
    decide("one stream, of generate", middle["one stream"] / middle["generate"], 1.3)
    decide(f"{rows} rows, of one by one", middle[f"{rows} rows"] / middle["one stream"], 8)


@pytest.mark.parametrize("name", SHAPES)
def test_speed_and_generates(rig, checks, name):
    """The bounds are for the small model: of a large one, both wait for the memory."""
    check_speeds(rig, checks, rig.random_model(name, "bfloat16"), bound=name == SMALL)


def test_own_speed_and_generates(rig, own, checks):
    check_speeds(rig, checks, own(rig.device, "bfloat16"), bound=True)


def test_4_bit_weights_by_llama_cpp(rig, own, checks):
    """torch computes in 16 bits at least; 4-bit weights on a GPU are llama.cpp's."""
    xllamacpp = pytest.importorskip("xllamacpp", reason="llama.cpp (xllamacpp) is not installed")
    kinds = {each["type"].name.rpartition("_")[2] for each in xllamacpp.get_device_info()}
    if "GPU" not in kinds:
        pytest.skip("this build of llama.cpp (xllamacpp) has no CUDA, so 4-bit weights run on CPUs")
    model = own(rig.device, "bfloat16")
    if model.gguf_file is None:
        pytest.skip("SmolLM2's GGUF file is not here")
    with_4_bits = labkit.load_llamacpp(model.gguf_file)
    reply = labkit.generate(with_4_bits, PROMPT, max_tokens=rig.size(64, 4), **GREEDY)
    checks.at_least("tokens written", len(reply.steps), 1)
    checks.note("tokens/s", reply.decode_tokens_per_s)
    with_4_bits.close()
