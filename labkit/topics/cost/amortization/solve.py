"""Draws of what is not exactly known, and the weeks after which hardware has paid for itself."""

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from labkit.topics.cost.facts import RangedNumber

DRAWS = 20_000
HOURS_A_WEEK, WEEKS_A_YEAR = 168.0, 365.25 / 7
NEWTON_STEPS = 25
NAMES = {
    "price_usd": "price of the hardware",
    "resale_share": "share got back by selling it",
    "life_years": "its life",
    "idle_w": "watts while idle",
    "load_w": "watts while answering",
    "seconds": "seconds of an answer",
    "usd_per_kwh": "price of electricity",
    "question_usd": "cloud's price of a question",
    "questions": "number of questions",
}
WHAT_IF = ("question_usd", "questions")  # a learner's own choice rather than an uncertainty
Numbers = Mapping[str, Any]  # by those names: an array of draws each, or one number each


@functools.lru_cache(maxsize=4)
def uniforms(draws: int, seed: int) -> np.ndarray:
    """(names, draws): the same for every question, so that a slider moves no dice."""
    return np.random.default_rng(seed).random((len(NAMES), draws))


def draw(estimates: Mapping[str, RangedNumber], draws: int, seed: int) -> dict[str, np.ndarray]:
    """(draws,) of each number."""
    rows = zip(NAMES, uniforms(draws, seed), strict=True)
    return {name: triangular(row, estimates[name]) for name, row in rows}


def triangular(uniform: np.ndarray, each: RangedNumber) -> np.ndarray:
    """Draws of a triangular distribution, from uniform ones by its inverse distribution."""
    width = each.high - each.low
    if width == 0:
        return np.full(uniform.shape, each.likely)
    rise, fall = each.likely - each.low, each.high - each.likely
    left = each.low + np.sqrt(uniform * (width * rise))
    right = each.high - np.sqrt((1 - uniform) * (width * fall))
    return np.where(uniform < rise / width, left, right)


def solve(
    numbers: Numbers, hours_on: float, price_fall: float, hourly_rate: float, cloud_s: float
) -> tuple[Any, Any, Any]:
    """Break-even in weeks, capital and weekly cost of owning, in US dollars; arrays or numbers.

    Hardware that would have to answer for more than the 168 hours of a week never breaks even.
    """
    busy_h = numbers["questions"] * numbers["seconds"] / 3600
    idle_h = np.maximum(0.0, hours_on - busy_h)
    watt_hours = numbers["load_w"] * busy_h + numbers["idle_w"] * idle_h
    later_s = numbers["seconds"] - cloud_s
    waiting = hourly_rate * numbers["questions"] * later_s / 3600 if hourly_rate else 0.0
    running = numbers["usd_per_kwh"] * watt_hours / 1000 + waiting
    capital = numbers["price_usd"] * (1 - numbers["resale_share"])
    bill = numbers["question_usd"] * numbers["questions"]
    weeks = _cross(capital, bill, running, price_fall)
    life = numbers["life_years"] * WEEKS_A_YEAR
    never = (weeks > life) | (busy_h > HOURS_A_WEEK)
    return np.where(never, np.inf, weeks), capital, running


def _weekly_rate(price_fall: float) -> float:
    """The rate of an exponential fall; 0 where it is too small to matter."""
    rate = -math.log1p(-price_fall) / WEEKS_A_YEAR
    return rate if rate > 1e-9 else 0.0


def effective_weeks(weeks: Any, price_fall: float) -> Any:
    """Weeks at today's price that cost as much as these do while the price falls."""
    if not (rate := _weekly_rate(price_fall)):
        return weeks
    return -np.expm1(-rate * weeks) / rate


def _cross(capital: Any, cloud: Any, running: Any, price_fall: float) -> Any:
    """When the cloud's cumulative bill first reaches the capital and what running it costs.

    Without a fall of prices, a division. With one, the difference of the two is concave, so that
    Newton's steps from 0 rise to the first crossing and never pass it.
    """
    saving = cloud - running
    safe = np.where(saving > 0, saving, 1.0)
    weeks = np.where(saving > 0, capital / safe, np.inf)
    if not (rate := _weekly_rate(price_fall)):
        return weeks
    for _ in range(NEWTON_STEPS):
        at = np.where(np.isfinite(weeks), weeks, 0.0)
        short = capital + running * at - cloud * effective_weeks(at, price_fall)
        slope = cloud * np.exp(-rate * at) - running
        step = np.where(slope > 0, short / np.where(slope > 0, slope, 1.0), np.inf)
        step = np.where(np.abs(short) <= 1e-9 * (1 + capital), 0.0, step)
        weeks = np.where(np.isfinite(weeks), at + step, np.inf)
    at = np.where(np.isfinite(weeks), weeks, 0.0)
    short = capital + running * at - cloud * effective_weeks(at, price_fall)
    return np.where(short <= 1e-6 * (1 + capital), weeks, np.inf)
