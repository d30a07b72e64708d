"""`break_even`: after how many weeks hardware has paid for itself, as a distribution.

capital / (cloud - electricity - waiting), all per week, where nothing is known exactly: each number
is drawn 20,000 times from a triangular distribution. Where the cloud costs less than the
electricity, or the hardware is worn out first, the answer is never; so there is no mean.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from labkit.checks import check_number, check_whole
from labkit.formatting import in_lines, usd
from labkit.lab_book.entry import BookEntry
from labkit.topics.cost.cloud_bill import Week, week
from labkit.topics.cost.cloud_models import answer_seconds
from labkit.topics.cost.facts import Hardware, RangedNumber, estimate, find_tariff
from labkit.topics.cost.facts import hardware as find_hardware

from .solve import DRAWS, HOURS_A_WEEK, NAMES, WHAT_IF, Numbers, draw, effective_weeks, solve


@dataclass(frozen=True, slots=True)
class Swing:
    """What one assumption does to the break-even while all others stay at their likeliest.

    Attributes:
        name: the assumption, a key of `NAMES`.
        low, high: its ends.
        low_weeks, high_weeks: break-even at each end; infinite: never.
        is_what_if: whether it has no range of its own, so that its half and double were tried.
    """

    name: str
    low: float
    high: float
    low_weeks: float
    high_weeks: float
    is_what_if: bool

    @property
    def size(self) -> float:
        """How much it matters: the ratio of the two, as a logarithm; infinite where one is never.

        Two that differ by the same factor matter alike.
        """
        low, high = sorted((self.low_weeks, self.high_weeks))
        if math.isinf(low) or high == low:
            return 0.0
        return math.log(high / low) if low > 0 else math.inf


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class BreakEven:
    """When hardware has paid for itself (computed from ranges of what is not exactly known).

    Attributes:
        week: the week of questions that is compared.
        hardware: the hardware.
        estimates: each number and its range, by its name in `NAMES`.
        hours_on: hours a week that the hardware is switched on.
        yearly_price_fall: share by which the cloud's price falls each year.
        hourly_rate_usd: what an hour of waiting costs; 0: waiting costs nothing.
        cloud_s: seconds that one waits for an answer of the cloud.
        seed: of the draws.
        weeks: (draws,) break-even of the draws in ascending order; infinite: never.
        capital_usd, running_usd: (draws,) what is paid once, and each week.
    """

    week: Week
    hardware: Hardware
    estimates: Mapping[str, RangedNumber]
    hours_on: float
    yearly_price_fall: float
    hourly_rate_usd: float
    cloud_s: float
    seed: int
    weeks: np.ndarray
    capital_usd: np.ndarray
    running_usd: np.ndarray

    @property
    def bill_usd(self) -> float:
        """The cloud's likeliest bill of a week."""
        return self.estimates["question_usd"].likely * self.estimates["questions"].likely

    @property
    def cloud_name(self) -> str:
        """The model whose price it is, or "a cloud" where the price or the bill was given."""
        price = self.estimates["question_usd"].likely
        is_listed = math.isclose(price, self.week.question_usd, abs_tol=1e-12)
        return self.week.model if is_listed else "a cloud"

    @property
    def never_share(self) -> float:
        """The share of draws in which the hardware never pays for itself."""
        return float(np.isinf(self.weeks).mean())

    def quantile_weeks(self, share: float) -> float | None:
        """The weeks within which that share of the draws has broken even; None: never.

        Args:
            share: above 0 and below 1.
        """
        check_number("share", share, "above 0 and below 1", lambda number: 0 < number < 1)
        weeks = float(self.weeks[math.ceil(share * len(self.weeks)) - 1])
        return None if math.isinf(weeks) else weeks

    @property
    def median_weeks(self) -> float | None:
        """Half of the draws have broken even by then; None where fewer than half ever do."""
        return self.quantile_weeks(0.5)

    def fan(self, weeks: np.ndarray, quantiles: tuple[float, ...] = (10, 50, 90)) -> np.ndarray:
        """(quantiles, weeks): cumulative cost of owning, in US dollars."""
        indices = [round(each / 100 * (len(self.weeks) - 1)) for each in quantiles]
        rows = (self.capital_usd + self.running_usd * each for each in weeks)
        return np.array([np.partition(row, indices)[indices] for row in rows]).T

    def cloud_after(self, weeks: np.ndarray) -> np.ndarray:
        """(weeks,): cumulative cost of the cloud at its likeliest bill, in US dollars."""
        return self.bill_usd * effective_weeks(np.asarray(weeks, float), self.yearly_price_fall)

    @property
    def swings(self) -> tuple[Swing, ...]:
        """What each assumption does alone, the one that matters most first."""
        likely = {name: each.likely for name, each in self.estimates.items()}
        found = []
        for name, each in self.estimates.items():
            low, high, is_what_if = each.low, each.high, False
            if low == high and name in WHAT_IF:
                low, high, is_what_if = each.likely / 2, each.likely * 2, True
            ends = (float(self._solve({**likely, name: end})[0]) for end in (low, high))
            found.append(Swing(name, low, high, *ends, is_what_if))
        return tuple(sorted(found, key=lambda swing: -swing.size))

    def _solve(self, numbers: Numbers) -> tuple[Any, Any, Any]:
        return solve(
            numbers, self.hours_on, self.yearly_price_fall, self.hourly_rate_usd, self.cloud_s
        )

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The median, where there is one, and the share of never."""
        about = {"origin": "computed", "model": self.cloud_name}
        never = BookEntry(
            "never_percent", "owning never pays", 100 * self.never_share, "%", **about
        )
        if self.median_weeks is None:
            return (never,)
        ends = (self.quantile_weeks(0.1), self.quantile_weeks(0.9))
        low, high = ends if None not in ends else (None, None)
        median = (self.median_weeks, "weeks", low, high)
        return (BookEntry("break_even_weeks", "break-even", *median, **about), never)

    @property
    def headline(self) -> str:
        """The median, its interval and the share of never, in a few words."""
        share = self.never_share
        never = f"{100 * share:.0f}\u00a0%"
        if 0 < share < 0.005 or 0.995 < share < 1:
            never = f"{'under' if share < 0.5 else 'over'} {'1' if share < 0.5 else '99'}\u00a0%"
        if self.median_weeks is None:
            return f"never in {never} of the draws"
        low, high = self.quantile_weeks(0.1), self.quantile_weeks(0.9)
        middle, start, end = in_weeks(self.median_weeks), _rounded(low), _rounded(high)
        return f"{middle} ({start} to {end} in 80\u00a0% of the draws), never in {never}"

    @property
    def summary(self) -> str:
        """The break-even in a sentence."""
        return (
            f"{self.hardware.title} in place of {self.cloud_name} at {usd(self.bill_usd)} a week, "
            f"break-even: {self.headline} (computed, {len(self.weeks):,} draws)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def in_weeks(number: float | None) -> str:
    """A break-even in words.

    >>> in_weeks(0.3), in_weeks(1), in_weeks(26.4), in_weeks(math.inf)
    ('under 1 week', '1 week', '26 weeks', 'never')
    """
    text = _rounded(number)
    return text if text == "never" else f"{text} week{'s' * (text not in ('1', 'under 1'))}"


def _rounded(weeks: float | None) -> str:
    if weeks is None or math.isinf(weeks):
        return "never"
    return "under 1" if 0 < weeks < 1 else f"{weeks:,.0f}"


def break_even(
    *,
    cloud: Week | str | float = "gpt-4",
    hardware: Hardware | str = "rtx-3090",
    electricity: Any = None,
    hours_on: float = HOURS_A_WEEK,
    yearly_price_fall: float = 0.0,
    hourly_rate_usd: float = 0.0,
    cloud_s: float | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    **ranges: Any,
) -> BreakEven:
    """After how many weeks hardware of your own has paid for itself, and how likely it never does.

    Args:
        cloud: a week from `week`, the name of a model (with the article's week), or a bill in US
            dollars for the article's 800 questions a week.
        hardware: from `lab.cost.hardware`, or its name.
        electricity: a country of the list; None: anywhere in it; US dollars per kWh; or from
            `tariff`.
        hours_on: hours a week that the hardware is on; it draws its idle watts while it waits.
        yearly_price_fall: share, 0 to below 1, by which the cloud's price falls each year.
        hourly_rate_usd: what an hour of your waiting costs; 0: waiting costs nothing.
        cloud_s: seconds that one waits for an answer of the cloud; None: this model's last one in
            the lab book (notebook 04), else assumed: the middle of the article's 2 to 10.
        draws: number of draws, 100 to 1,000,000.
        seed: of the draws.
        ranges: numbers of your own in place of the list's, as a number or as three: low, likely,
            high: ``price_usd``, ``resale_share``, ``life_years``, ``idle_w``, ``load_w``,
            ``seconds`` (of an answer), ``usd_per_kwh``, ``question_usd``, ``questions`` (a week).
    Raises:
        ValueError: an argument out of range.
        LabError: the price list does not have the model.
    Source: capital / saving per week; see the module.
    """
    check_number("hours_on", hours_on, "0 to 168", lambda each: 0 <= each <= 168)
    check_number("yearly_price_fall", yearly_price_fall, "0 to 0.99", lambda each: 0 <= each < 1)
    check_number("hourly_rate_usd", hourly_rate_usd, "0 to 10,000", lambda each: 0 <= each <= 1e4)
    check_whole("draws", draws, 100, 1_000_000)
    check_whole("seed", seed, 0)
    asked = _asked(cloud)
    machine = find_hardware(hardware)
    found = _collect(asked, machine, electricity, ranges, cloud)
    numbers = draw(found, draws, seed)
    waited_s, _ = answer_seconds(asked.model, cloud_s)
    settings = (float(hours_on), yearly_price_fall, hourly_rate_usd, waited_s)
    weeks, capital, running = solve(numbers, *settings)
    return BreakEven(asked, machine, found, *settings, seed, np.sort(weeks), capital, running)


def _asked(cloud: Any) -> Week:
    if isinstance(cloud, Week):
        return cloud
    if isinstance(cloud, str):
        return week(model=cloud)
    check_number("cloud", cloud, "a week, a model's name, or 0 to 1e9 US dollars", _is_bill)
    return week(model="gpt-4")  # the questions of the article; the bill is the given one


def _is_bill(amount: float) -> bool:
    return 0 <= amount <= 1e9


def _collect(
    asked: Week, machine: Hardware, electricity: Any, ranges: Mapping[str, Any], cloud: Any
) -> dict[str, RangedNumber]:
    """Every estimate by its name: the list's, or the learner's own."""
    if unknown := set(ranges) - set(NAMES):
        raise ValueError(f"ranges are {', '.join(NAMES)}; got {min(unknown)!r}")
    bill = asked.total_usd if isinstance(cloud, Week | str) else cloud
    listed = list_estimates(asked, machine, bill) | {"usd_per_kwh": find_tariff(electricity)}
    given = {
        name: estimate(name, value, 1 if name == "resale_share" else 1e9)
        for name, value in ranges.items()
    }
    return listed | given


def list_estimates(asked: Week, machine: Hardware, bill_usd: float) -> dict[str, RangedNumber]:
    """What a week, hardware and the cloud's bill say of the numbers, before a learner's own."""
    price = bill_usd / asked.questions if asked.questions else 0.0
    return {
        "price_usd": machine.price_usd,
        "resale_share": machine.resale_share,
        "life_years": machine.life_years,
        "idle_w": machine.idle_w,
        "load_w": machine.load_w,
        "seconds": machine.seconds(asked.tokens_in, asked.tokens_out),
        "question_usd": estimate("question_usd", price),
        "questions": estimate("questions", asked.questions),
    }
