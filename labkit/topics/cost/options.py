"""`compare_options`: one week in a cloud, on hardware of one's own, rented, or on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from labkit.checks import check_number
from labkit.formatting import in_lines, number_of, usd
from labkit.lab_book.entry import BookEntry

from .amortization.solve import HOURS_A_WEEK, WEEKS_A_YEAR
from .cloud_bill import CostStep, Week, as_week
from .cloud_models import NO_SCORE, answer_seconds, cloud_models, mmlu_percent
from .facts import Hardware, RangedNumber, find_rent, find_tariff, hardware
from .own_machine import this_machine

PARTS = ("tokens", "hardware", "idle power", "power for answers", "rent", "waiting")


@dataclass(frozen=True, slots=True)
class CostOption:
    """One of the places where the week's answers can come from.

    Attributes:
        name: what it is.
        model: the model that answers there.
        parts: US dollars a week of each of `PARTS` that it has.
        answer_s: seconds of an answer.
        origin: how the seconds and the watts are known.
        mmlu_percent: the model's published MMLU score, or None.
        fits: whether it can answer all questions within the working hours of the week.
    """

    name: str
    model: str
    parts: tuple[CostStep, ...]
    answer_s: float
    origin: str
    mmlu_percent: float | None
    fits: bool = True

    @property
    def total_usd(self) -> float:
        """US dollars a week."""
        return sum(part.usd for part in self.parts)

    @property
    def quality(self) -> str:
        """The published score in words, or that the lab has none."""
        known = self.mmlu_percent
        return NO_SCORE if known is None else f"MMLU {known:g} %"


@dataclass(frozen=True, slots=True, repr=False)
class CostOptions:
    """The same week in several places (computed at the likeliest numbers).

    Attributes:
        week: the week.
        options: the places.
        hours_on: hours a week that hardware of one's own is on.
        hourly_rate_usd: what an hour of waiting costs; 0: waiting is left out.
    """

    week: Week
    options: tuple[CostOption, ...]
    hours_on: float
    hourly_rate_usd: float

    @property
    def cheapest(self) -> CostOption:
        """The one that costs least of those that can answer all questions."""
        able = [each for each in self.options if each.fits]
        return min(able, key=lambda each: each.total_usd)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The week on the learner's own machine, and on hardware that is bought."""
        labels = (("own_week_usd", "a week on a card"), ("machine_week_usd", "a week here"))
        found = (self.options[1], self.options[-1])
        return tuple(
            BookEntry(name, label, each.total_usd, "USD", origin="computed", model=each.model)
            for (name, label), each in zip(labels, found, strict=True)
        )

    @property
    def summary(self) -> str:
        """Each place with its week's cost, its seconds and its quality."""
        parts = "; ".join(map(_summary, self.options))
        return f"a week of {number_of(round(self.week.questions), 'question')}: {parts} (computed)"

    def __repr__(self) -> str:
        return in_lines(self.summary)


def _summary(option: CostOption) -> str:
    able = "" if option.fits else ", more than the working hours hold"
    seconds = f"{option.answer_s:.1f} s an answer"
    about = f"{seconds}, {option.quality}{able}; {option.origin}"
    return f"{option.name} {usd(option.total_usd)} ({about})"


def compare_options(
    asked: Week | str = "gpt-4",
    *,
    card: Hardware | str = "rtx-3090",
    rent: str = "rtx-3090",
    machine: Hardware | str | None = None,
    electricity: Any = "United States",
    hours_on: float = HOURS_A_WEEK,
    rented_hours: float | None = None,
    hourly_rate_usd: float = 0.0,
    cloud_s: float | None = None,
) -> CostOptions:
    """What the same week costs in a cloud, on a card of your own, on a rented one, and here.

    Args:
        asked: a week from `week`, or a model's name with the article's week.
        card: from `lab.cost.hardware`, or its name.
        rent: a GPU for rent, such as ``"rtx-3090"`` or ``"h100"``.
        machine: from `this_machine`, or a name of the list; None: this machine, its speeds out of
            the lab book, or assumed.
        electricity: a country of the list, or US dollars per kWh.
        hours_on: hours a week that the card is on; in between it draws its idle watts.
        rented_hours: hours a week that are rented; None: the week's working hours.
        hourly_rate_usd: what an hour of waiting costs; 0: waiting is left out.
        cloud_s: seconds of an answer in the cloud; None: this model's last one in the lab book
            (notebook 04), else assumed: the middle of the article's 2 to 10.
    Raises:
        ValueError: an argument out of range.
    """
    asked = as_week(asked)
    check_number("hours_on", hours_on, "0 to 168", _in_week)
    check_number("hourly_rate_usd", hourly_rate_usd, "0 to 10,000", lambda each: 0 <= each <= 1e4)
    rented = asked.hours if rented_hours is None else rented_hours
    check_number("rented_hours", rented, "0 to 168", _in_week)
    power = find_tariff(electricity).likely
    owned = hardware(card)
    options = [
        _cloud(asked, cloud_s),
        _own(asked, owned, power, hours_on),
        _rented(asked, rent, rented),
        _own(asked, this_machine() if machine is None else hardware(machine), power, hours_on),
    ]
    found = (_with_waiting(each, asked, hourly_rate_usd) for each in options)
    return CostOptions(asked, tuple(found), hours_on, hourly_rate_usd)


def _in_week(hours: float) -> bool:
    return 0 <= hours <= HOURS_A_WEEK


def _with_waiting(option: CostOption, asked: Week, rate: float) -> CostOption:
    if not rate:
        return option
    cost = rate * asked.questions * option.answer_s / 3600
    return replace(option, parts=(*option.parts, CostStep("waiting", cost)))


def _cloud(asked: Week, cloud_s: float | None) -> CostOption:
    names = {each.id: each for each in cloud_models()}
    known = names.get(asked.model)
    title = known.title if known else asked.model
    score = mmlu_percent(known.score_name) if known else None
    parts = (CostStep("tokens", asked.total_usd),)
    known_s = answer_seconds(asked.model, cloud_s)
    return CostOption(f"{title}, in the cloud", title, parts, *known_s, score)


def _own(asked: Week, machine: Hardware, per_kwh: float, hours_on: float) -> CostOption:
    seconds = machine.seconds(asked.tokens_in, asked.tokens_out)
    busy_h = asked.questions * seconds.likely / 3600
    parts = tuple(_parts(machine, busy_h, per_kwh, hours_on))
    title = f"{machine.title}, of your own" if machine.price_usd.likely else machine.title
    score, fits = mmlu_percent(machine.score_name), busy_h <= asked.hours
    origin = f"speed {machine.decode_tokens_per_s.origin}, watts {machine.load_w.origin}"
    return CostOption(title, machine.model, parts, seconds.likely, origin, score, fits)


def _parts(machine: Hardware, busy_h: float, per_kwh: float, hours_on: float) -> Iterator[CostStep]:
    price, back = machine.price_usd.likely, machine.resale_share.likely
    a_week = price * (1 - back) / (machine.life_years.likely * WEEKS_A_YEAR)
    yield CostStep("hardware", a_week)
    idle_h = max(0.0, hours_on - busy_h)
    yield CostStep("idle power", per_kwh * machine.idle_w.likely * idle_h / 1000)
    yield CostStep("power for answers", per_kwh * machine.load_w.likely * busy_h / 1000)


def _rented(asked: Week, name: str, hours: float) -> CostOption:
    rented = find_rent(name)
    like = hardware(rented.like or "rtx-4090")
    seconds: RangedNumber = like.seconds(asked.tokens_in, asked.tokens_out)
    parts = (CostStep("rent", rented.usd_per_hour.likely * hours),)
    origin = "speed recorded" if rented.like else "speed assumed: at least an RTX 4090's"
    fits = asked.questions * seconds.likely / 3600 <= hours
    score = mmlu_percent(like.score_name)
    title = f"{rented.title}, rented for {hours:g} h"
    return CostOption(title, like.model, parts, seconds.likely, origin, score, fits)
