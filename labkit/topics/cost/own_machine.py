"""`this_machine` and `power_meter`: the speed and the watts of the machine that the lab runs on."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.backends.capabilities import check_backend
from labkit.backends.generate import Backend, generate
from labkit.formatting import digits, in_lines
from labkit.lab_book import store
from labkit.lab_book.entry import BookEntry

from .facts import Hardware, RangedNumber, estimate, hardware

PROMPT = "Explain in a few sentences why the sky is blue and why sunsets are red."
ASSUMED_W = RangedNumber(
    20, 45, 100, source="no meter could be read; guessed, from a laptop at work to a desktop"
)
WORKING_PERCENT = 10  # of the last moments, in which a GPU that answers computes
NO_IDLE = RangedNumber(0, 0, 0, source="it runs anyway, with or without a model")
FREE = RangedNumber(0, 0, 0, source="you have it already")
LIFE = RangedNumber(3, 4.5, 6, source="as for other hardware")
SCORE_NAMES = {"smollm2-135m": "SmolLM2 135M Instruct"}
# SmolLM2-135M in float32 on two cores with AVX2 read and wrote about so fast, November 2026.
ASSUMED_SPEEDS = {
    "decode_tokens_per_s": RangedNumber(6, 10, 30, source="the lab's small model on two cores"),
    "prefill_tokens_per_s": RangedNumber(50, 150, 500, source="the lab's small model on two cores"),
}


@dataclass(frozen=True, slots=True, repr=False)
class EnergyReading:
    """What a piece of work took.

    Attributes:
        seconds: its time (measured).
        watts: the power meanwhile: a number where a meter was read, a range where it is assumed.
        meter: what was read, and what it does not include.
    """

    seconds: float
    watts: RangedNumber
    meter: str

    @property
    def joules(self) -> float:
        """The energy at the likeliest power."""
        return self.seconds * self.watts.likely

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The power."""
        watts = self.watts
        numbers = (watts.likely, "W", watts.low, watts.high)
        return (BookEntry("load_w", "watts while answering", *numbers, origin=watts.origin),)

    @property
    def summary(self) -> str:
        """Seconds, watts and their origin."""
        watts = self.watts
        power = f"{digits(watts.likely)} W"
        if watts.low != watts.high:
            power += f" ({watts.low:g} to {watts.high:g})"
        energy = f"{digits(self.joules / 3600)} Wh"
        return f"{self.seconds:.1f} s at {power}: {energy}; {self.meter} ({watts.origin})"

    def __repr__(self) -> str:
        return in_lines(self.summary)


@dataclass
class PowerMeter:
    """Reads a meter before and after the work of a ``with`` block.

    It takes the first that can be read of an NVIDIA GPU's energy counter, if a GPU worked, the
    processor's (RAPL, on Linux often for administrators alone), and, on Linux, a laptop's battery
    while it is discharged.

    Attributes:
        reading: the result, once the block has ended.
        system: where the operating system keeps its meters.
    """

    assumed_w: RangedNumber = ASSUMED_W
    system: Path = Path("/sys/class")
    reading: EnergyReading | None = field(default=None, init=False)

    def __enter__(self) -> "PowerMeter":
        self._before = (_gpu_joules(), _rapl_joules(self.system), _battery_watts(self.system))
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        seconds = max(time.perf_counter() - self._began, 1e-9)
        joules = _gpu_joules() if _gpu_works() else None
        after = (joules, _rapl_joules(self.system), _battery_watts(self.system))
        watts, meter = self._watts(after, seconds)
        self.reading = EnergyReading(seconds, watts, meter)

    def _watts(self, after: tuple[Any, Any, Any], seconds: float) -> tuple[RangedNumber, str]:
        gpu, processor, battery = zip(self._before, after, strict=True)
        if None not in gpu and gpu[1] > gpu[0]:
            meter = "the GPU alone, by its own counter"
            return _measured((gpu[1] - gpu[0]) / seconds, meter), meter
        if None not in processor and (used := _rapl_difference(*processor)) > 0:
            meter = "the processor alone, by its own counter (RAPL)"
            return _measured(used / seconds, meter), meter
        if None not in battery:
            meter = "the whole machine, by its battery"
            return _measured(sum(battery) / 2, meter), meter
        return self.assumed_w, self.assumed_w.source

    @property
    def summary(self) -> str:
        """The reading in a sentence."""
        return self.reading.summary if self.reading else "nothing was metered yet"

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The reading's."""
        return self.reading.book_entries if self.reading else ()

    def __repr__(self) -> str:
        return in_lines(self.summary)


def power_meter(*, assumed_w: Any = None) -> PowerMeter:
    """A meter for the work of a ``with`` block: ``with lab.cost.power_meter() as meter: …``.

    Args:
        assumed_w: watts where no meter can be read: a number, or three: low, likely, high.
    Raises:
        ValueError: they are out of range.
    """
    return PowerMeter() if assumed_w is None else PowerMeter(estimate("assumed_w", assumed_w, 1e5))


def _measured(watts: float, meter: str) -> RangedNumber:
    return RangedNumber(watts, watts, watts, "measured", meter, store.now()[:10])


def _gpu_joules() -> float | None:
    """Joules that all NVIDIA GPUs have taken since their driver was loaded."""
    millijoules = _ask_gpus("nvmlDeviceGetTotalEnergyConsumption")  # none older than Volta
    return sum(millijoules) / 1000 if millijoules else None


def _gpu_works() -> bool:
    """Whether a GPU computed just now; one that only shows the screen does not count."""
    return any(each.gpu >= WORKING_PERCENT for each in _ask_gpus("nvmlDeviceGetUtilizationRates"))


def _ask_gpus(question: str) -> list[Any]:
    """What each NVIDIA GPU answers; nothing on a machine without one, or of one that cannot say."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no package, no driver or no GPU: the same to a learner
        return []
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return [getattr(pynvml, question)(each) for each in handles]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def _rapl_joules(system: Path) -> list[tuple[float, float]] | None:
    """Each processor's counter, and where it starts again from 0."""
    packages = [
        (_number(each / "energy_uj"), _number(each / "max_energy_range_uj"))
        for each in sorted((system / "powercap").glob("intel-rapl:?"))
        if not _text(each / "name").startswith("psys")  # the platform, processor included
    ]
    if not packages or any(None in pair for pair in packages):
        return None
    return [(now / 1e6, most / 1e6) for now, most in packages]


def _rapl_difference(before: list[tuple[float, float]], after: list[tuple[float, float]]) -> float:
    pairs = zip(before, after, strict=True)
    return sum((later - now) % (most or 1e30) for (now, most), (later, _) in pairs)


def _battery_watts(system: Path) -> float | None:
    """What the batteries give now; None without one, or while they are charged."""
    watts = 0.0
    for folder in sorted((system / "power_supply").glob("BAT*")):
        try:
            if (folder / "status").read_text().strip() != "Discharging":
                continue
        except OSError:
            continue
        power = _number(folder / "power_now")
        if power is None:
            current, voltage = (_number(folder / f"{name}_now") for name in ("current", "voltage"))
            power = current * voltage / 1e6 if current and voltage else 0.0
        watts += power / 1e6
    return watts or None


def _number(file: Path) -> float | None:
    try:
        return float(_text(file))
    except ValueError:
        return None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, ValueError):
        return ""


def this_machine(
    model: Backend | None = None, *, power: PowerMeter | Any = None, **numbers: Any
) -> Hardware:
    """The machine that the lab runs on, with the speed that you measured in notebook 03.

    The speeds are the lab book's: of the given model, or of the one that was timed last. Where it
    has none, the given model is timed on one short answer; without a model, they are assumed, and
    say so.

    Args:
        model: from ``labkit.load``.
        power: from `power_meter`, or watts while it answers; None: assumed.
        numbers: of `Hardware`, in their place, such as ``price_usd=900``.
    Raises:
        ValueError: a number out of range.
    """
    if model is not None:
        check_backend("model", model)
    name = model.name if model else _timed_last()
    speeds = {key: _from_book(key, name) if name else None for key in ASSUMED_SPEEDS}
    if model and None in speeds.values():
        speeds = _time(model)
    machine = Hardware(
        name="this-machine",
        title="this machine",
        price_usd=FREE,
        **{key: value or ASSUMED_SPEEDS[key] for key, value in speeds.items()},
        load_w=_load_w(power),
        idle_w=NO_IDLE,
        life_years=LIFE,
        resale_share=FREE,
        model=name or "a small model",
        score_name=SCORE_NAMES.get(name),
    )
    return hardware(machine, **numbers)


def _load_w(power: Any) -> RangedNumber:
    """The watts of a reading, of the learner, or assumed."""
    if isinstance(power, PowerMeter):
        return power.reading.watts if power.reading else power.assumed_w
    return ASSUMED_W if power is None else estimate("power", power, 1e5)


def _timed_last() -> str:
    """The model whose speed was measured last in this process, on this machine; "": none yet."""
    here = store.this_machine()
    pages = [page for page in store.read_pages()[0] if page.machine == here]
    timed = (
        each.model
        for page in reversed(pages)
        for each in reversed(page.entries)
        # With "(" are those behind an address, or with other weights.
        if each.name in ASSUMED_SPEEDS and "(" not in each.model
    )
    return next(timed, "")


def _from_book(name: str, model: str) -> RangedNumber | None:
    """A speed that was measured in an earlier notebook on this machine."""
    found = store.latest(name, model)
    if found is None or not found[0].value > 0:
        return None
    entry, page = found
    low, high = entry.low or entry.value, entry.high or entry.value
    source = f"your lab book, notebook {page.notebook}"
    return RangedNumber(low, entry.value, high, entry.origin, source, page.date[:10])


def _time(model: Backend) -> dict[str, RangedNumber | None]:
    """Both speeds from one short answer, after one that does not count."""
    generate(model, PROMPT, max_tokens=4, temperature=0)
    reply = generate(model, PROMPT, max_tokens=48, temperature=0)
    read = reply.prompt_tokens / reply.ttft_s if reply.prompt_tokens and reply.ttft_s else None
    speeds = {"decode_tokens_per_s": reply.decode_tokens_per_s, "prefill_tokens_per_s": read}
    return {
        name: speed and _measured(speed, "one short answer, measured now")
        for name, speed in speeds.items()
    }
