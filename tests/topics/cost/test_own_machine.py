"""This machine: meters in a folder that stands for the system's, and speeds of the lab book."""

import sys
import types

import pytest

from labkit.lab_book import store
from labkit.lab_book.entry import BookEntry
from labkit.topics.cost import own_machine
from labkit.topics.cost.amortization.break_even import break_even
from labkit.topics.cost.cloud_models import answer_seconds
from labkit.topics.cost.exercises import find_changes
from labkit.topics.cost.facts import hardware
from labkit.topics.cost.options import compare_options
from labkit.topics.cost.own_machine import PowerMeter, power_meter, this_machine


@pytest.fixture
def seconds(monkeypatch):
    """A clock that a test sets: ten seconds between the two looks at it."""
    times = iter([100.0, 110.0])
    monkeypatch.setattr(own_machine.time, "perf_counter", lambda: next(times))


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(own_machine, "_gpu_joules", lambda: None)


def put(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name).write_text(f"{value}\n")


@pytest.mark.parametrize("busy_percent", [60, 3])
def test_a_gpus_counter_counts_first_if_it_worked(monkeypatch, seconds, tmp_path, busy_percent):
    counters = iter([5_000_000, 7_000_000])  # millijoules
    nvml = types.SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(counters),
        nvmlDeviceGetUtilizationRates=lambda handle: types.SimpleNamespace(gpu=busy_percent),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    with PowerMeter(system=tmp_path) as meter:
        pass
    if busy_percent < 10:  # it only showed the screen
        assert meter.reading.watts == own_machine.ASSUMED_W
        return
    assert meter.reading.watts.likely == pytest.approx(200) and meter.reading.joules == 2000
    assert meter.reading.watts.origin == "measured" and "GPU alone" in meter.summary


def test_the_processors_counter_even_when_it_starts_again(no_gpu, seconds, tmp_path):
    zone = tmp_path / "powercap" / "intel-rapl:0"
    put(zone, energy_uj=900_000_000, max_energy_range_uj=1_000_000_000)
    with PowerMeter(system=tmp_path) as meter:
        put(zone, energy_uj=200_000_000)
    assert meter.reading.watts.likely == pytest.approx(30)
    assert "RAPL" in meter.reading.meter


def test_the_platforms_counter_has_the_processors_in_it(no_gpu, seconds, tmp_path):
    package, platform = (tmp_path / "powercap" / f"intel-rapl:{n}" for n in (0, 1))
    put(package, name="package-0", energy_uj=0, max_energy_range_uj=10**9)
    put(platform, name="psys", energy_uj=0, max_energy_range_uj=10**9)
    with PowerMeter(system=tmp_path) as meter:
        put(package, energy_uj=200_000_000)
        put(platform, energy_uj=500_000_000)
    assert meter.reading.watts.likely == pytest.approx(20)


def test_a_battery_that_is_discharged(no_gpu, seconds, tmp_path):
    put(tmp_path / "power_supply" / "BAT0", status="Discharging", power_now=12_000_000)
    with PowerMeter(system=tmp_path) as meter:
        put(tmp_path / "power_supply" / "BAT0", power_now=18_000_000)
    assert meter.reading.watts.likely == pytest.approx(15) and "battery" in meter.reading.meter


def test_a_battery_that_reports_current_and_voltage(no_gpu, seconds, tmp_path):
    battery = {"current_now": 1_500_000, "voltage_now": 12_000_000}
    put(tmp_path / "power_supply" / "BAT1", status="Discharging", **battery)
    with PowerMeter(system=tmp_path) as meter:
        pass
    assert meter.reading.watts.likely == pytest.approx(18)


@pytest.mark.parametrize("status", ["Charging", "Full"])
def test_without_a_meter_the_watts_are_assumed_and_say_so(no_gpu, seconds, tmp_path, status):
    put(tmp_path / "power_supply" / "BAT0", status=status, power_now=12_000_000)
    put(tmp_path / "powercap" / "intel-rapl:0", energy_uj="secret")
    with PowerMeter(system=tmp_path) as meter:
        pass
    assert meter.reading.watts == own_machine.ASSUMED_W
    assert "(assumed)" in meter.summary and "no meter could be read" in meter.summary


def test_a_learners_own_watts(no_gpu):
    with power_meter(assumed_w=38) as meter:
        pass
    assert meter.reading.watts.likely == 38 or meter.reading.watts.origin == "measured"
    with pytest.raises(ValueError, match="assumed_w must be"):
        power_meter(assumed_w=-3)


@pytest.fixture
def book(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_BOOK", str(tmp_path / "book"))
    return tmp_path


def test_speeds_are_assumed_without_a_lab_book_and_a_model(book):
    machine = this_machine(power=38)
    assert machine.decode_tokens_per_s.origin == "assumed"
    assert machine.price_usd.likely == 0 and machine.load_w.likely == 38


def test_speeds_are_the_lab_books(book):
    entries = (
        BookEntry("decode_tokens_per_s", "writing speed", 20.0, "tokens/s", 18.0, 22.0, model="m"),
        BookEntry("prefill_tokens_per_s", "reading speed", 400.0, "tokens/s", model="m"),
    )
    store.keep("03_speed", entries)
    machine = this_machine()
    speed = machine.decode_tokens_per_s
    assert (speed.low, speed.likely, speed.high, speed.origin) == (18.0, 20.0, 22.0, "measured")
    assert "notebook 03_speed" in speed.source and speed.date
    assert machine.seconds(400, 20).likely == pytest.approx(2.0)


def test_a_providers_speed_is_not_this_machines(book):
    for model, speed in (("m", 10.0), ("gpt-4.1 (OpenAI)", 200.0)):
        entry = BookEntry("decode_tokens_per_s", "writing speed", speed, "tokens/s", model=model)
        store.keep("03_speed", [entry])
    machine = this_machine()
    assert (machine.model, machine.decode_tokens_per_s.likely) == ("m", 10.0)


def test_a_model_is_timed_where_the_book_has_none(book, monkeypatch):
    reply = types.SimpleNamespace(prompt_tokens=20, ttft_s=0.1, decode_tokens_per_s=12.5)
    monkeypatch.setattr(own_machine, "generate", lambda *_, **__: reply)
    machine = this_machine(types.SimpleNamespace(name="smollm2-135m", stream=print))
    speeds = (machine.decode_tokens_per_s, machine.prefill_tokens_per_s)
    assert [each.likely for each in speeds] == [12.5, 200.0]
    assert "measured now" in speeds[0].source and speeds[0].origin == "measured"
    assert machine.model == "smollm2-135m" and machine.score_name == "SmolLM2 135M Instruct"


def test_four_places_by_hand(book):
    machine = this_machine(power=50, decode_tokens_per_s=20, prefill_tokens_per_s=500)
    options = compare_options(
        "gpt-4", machine=machine, electricity=0.20, hours_on=100, rented_hours=40
    ).options
    cloud, own, rented, here = (option.total_usd for option in options)
    assert cloud == pytest.approx(60) and rented == pytest.approx(40 * 0.39)
    assert here == pytest.approx(0.20 * 50 * 800 * 51 / 3600 / 1000)
    busy = 800 * options[1].answer_s / 3600
    power = 0.20 * (300 * busy + 25 * (100 - busy)) / 1000
    assert own == pytest.approx(750 / (4.5 * 365.25 / 7) + power)
    assert [option.mmlu_percent for option in options[:2]] == [86.4, 65.3]


def test_waiting_has_a_price_only_if_one_is_given(book):
    free, paid = (compare_options(hourly_rate_usd=rate) for rate in (0, 36))
    for before, after in zip(free.options, paid.options, strict=True):
        assert all(part.name != "waiting" for part in before.parts)
        assert after.total_usd - before.total_usd == pytest.approx(800 * before.answer_s / 100)


def test_a_machine_too_slow_for_the_week_says_so_and_is_not_the_cheapest(book):
    slow = this_machine(decode_tokens_per_s=1, prefill_tokens_per_s=10)
    options = compare_options(machine=slow)
    assert not options.options[-1].fits and "more than the working hours hold" in options.summary
    assert options.cheapest.name != "this machine"


@pytest.mark.parametrize("name", ["hours_on", "rented_hours", "hourly_rate_usd", "cloud_s"])
@pytest.mark.parametrize("bad", [-1, float("nan"), 1e300])
def test_bad_input_gets_a_sentence(book, name, bad):
    with pytest.raises(ValueError, match=f"{name} must be a number"):
        compare_options(**{name: bad})


def test_a_clouds_answer_takes_what_the_lab_book_says_of_that_model(book):
    assert answer_seconds("gpt-4o") == (6.0, "assumed")
    model = "gpt-4o (OpenAI)"  # as a provider offers it
    timed = BookEntry("elapsed_s", "GPT-4o, in all", 2.5, "s", origin="measured", model=model)
    store.keep("04_compare", (timed,))
    assert answer_seconds("gpt-4o") == (2.5, "measured")
    assert answer_seconds("gpt-4") == (6.0, "assumed")  # another model's seconds
    assert answer_seconds("gpt-4o", 4.0) == (4.0, "assumed")
    cloud = compare_options("gpt-4o", hourly_rate_usd=36).options[0]
    assert (cloud.answer_s, cloud.origin) == (2.5, "measured")
    assert cloud.parts[-1].usd == pytest.approx(800 * 2.5 * 36 / 3600)
    changed = break_even(cloud="gpt-4o")
    assert changed.cloud_s == 2.5
    assert find_changes(break_even(), changed) == ["model"]


def test_the_own_machine_of_a_comparison_may_be_one_of_the_list():
    named, given = (compare_options(machine=each) for each in ("rtx-4090", hardware("rtx-4090")))
    assert named.options == given.options and named.options[-1].name == "RTX 4090, new, of your own"
