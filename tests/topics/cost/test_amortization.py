"""Break-even: the research's table, a closed form, a slow simulation, and properties."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labkit.errors import LabError
from labkit.topics.cost.amortization.break_even import break_even
from labkit.topics.cost.amortization.solve import WEEKS_A_YEAR, triangular
from labkit.topics.cost.cloud_bill import week
from labkit.topics.cost.facts import RangedNumber, hardware

# ../shared/research.md, section 3: 20,000 draws there too, other random numbers.
RANGES = {
    "price_usd": (500, 750, 1000),
    "idle_w": (10, 25, 40),
    "load_w": (250, 300, 350),
    "seconds": (7, 9, 12),
    "usd_per_kwh": (0.104, 0.20, 0.3835),
    "life_years": (3, 4.5, 6),
}
# US dollars a week: median, 10 % and 90 % of the draws in weeks.
TABLE = {60.0: (12.7, 10, 15), 17.6: (46, 37, 54), 10.4: (81, 66, 96), 9.0: (95, 77, 114)}
EXACT = {
    "price_usd": 700,
    "resale_share": 0,
    "life_years": 5,
    "idle_w": 20,
    "load_w": 300,
    "seconds": 9,
    "usd_per_kwh": 0.25,
}


@pytest.mark.parametrize(("bill", "row"), TABLE.items())
def test_the_table_that_was_computed_apart(bill, row):
    found = break_even(cloud=bill, **RANGES)
    numbers = [found.median_weeks, found.quantile_weeks(0.1), found.quantile_weeks(0.9)]
    assert numbers == pytest.approx(row, rel=0.02, abs=0.6)  # the table is rounded to weeks
    assert found.never_share < 0.001 and len(found.weeks) == 20_000


@pytest.mark.parametrize("bill", [2.12, 1.04, 0.44, 0.34])
def test_against_cheap_models_it_is_never(bill):
    found = break_even(cloud=bill, **RANGES)
    assert found.never_share == 1 and found.median_weeks is None
    assert "never in 100" in found.summary


def test_without_ranges_it_is_the_closed_form():
    found = break_even(cloud=17.6, hours_on=100, **EXACT)
    busy_h = 800 * 9 / 3600
    running = 0.25 * (300 * busy_h + 20 * (100 - busy_h)) / 1000
    assert found.median_weeks == pytest.approx(700 / (17.6 - running))
    assert found.weeks[0] == found.weeks[-1] and found.never_share == 0
    half_back = break_even(cloud=17.6, hours_on=100, **{**EXACT, "resale_share": 0.5})
    assert half_back.median_weeks == pytest.approx(350 / (17.6 - running))


def test_with_falling_prices_it_is_the_closed_form_without_electricity():
    """Then the cloud's bills add up to a geometric sum, whose inverse is a logarithm."""
    fall, bill, price = 0.3, 12.0, 700
    rate = -math.log(1 - fall) / WEEKS_A_YEAR
    expected = -math.log(1 - price * rate / bill) / rate
    free_power = {**EXACT, "usd_per_kwh": 0, "life_years": 30}
    found = break_even(cloud=bill, yearly_price_fall=fall, **free_power)
    assert found.median_weeks == pytest.approx(expected, rel=1e-6)
    late = break_even(cloud=price * rate * 0.99, yearly_price_fall=fall, **free_power)
    assert late.never_share == 1, "the bills of all time do not reach the price"


def add_up(numbers, hours_on, fall, rate, cloud_s):
    """Day by day, as a learner would with a notepad."""
    busy_h = numbers["questions"] * numbers["seconds"] / 3600
    watt_hours = numbers["load_w"] * busy_h + numbers["idle_w"] * max(0, hours_on - busy_h)
    own = numbers["price_usd"] * (1 - numbers["resale_share"])
    wait_s = numbers["questions"] * (numbers["seconds"] - cloud_s)
    a_week = numbers["usd_per_kwh"] * watt_hours / 1000 + rate * wait_s / 3600
    cloud, day = 0.0, 0
    while cloud < own:
        if day > numbers["life_years"] * 365.25:
            return math.inf
        bill = numbers["questions"] * numbers["question_usd"]
        cloud += bill * (1 - fall) ** ((day + 0.5) / 365.25) / 7
        own += a_week / 7
        day += 1
    return day / 7


@pytest.mark.parametrize(
    ("bill", "settings"),
    [
        (60.0, {}),
        (9.0, {"hours_on": 40}),
        (9.0, {"yearly_price_fall": 0.3}),
        (9.0, {"hourly_rate_usd": 2.0, "cloud_s": 3.0}),
    ],
)
def test_a_slow_simulation_of_days_finds_the_same(bill, settings):
    found = break_even(cloud=bill, draws=20_000, **RANGES, **settings)
    rng = np.random.default_rng(7)
    draws = 600
    columns = {
        name: np.full(draws, each.likely)
        if each.low == each.high
        else rng.triangular(each.low, each.likely, each.high, draws)
        for name, each in found.estimates.items()
    }
    chosen = (found.hours_on, found.yearly_price_fall, found.hourly_rate_usd, found.cloud_s)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    slow = sorted(add_up(row, *chosen) for row in rows)
    never = sum(map(math.isinf, slow)) / draws
    assert never == pytest.approx(found.never_share, abs=0.06)
    for share in (0.1, 0.5, 0.9):
        if weeks := found.quantile_weeks(share):
            below = sum(each <= weeks for each in slow) / draws
            assert below == pytest.approx(share, abs=0.07)


def test_the_draws_are_triangular():
    uniform = np.random.default_rng(1).random(200_000)
    drawn = triangular(uniform, RangedNumber(2, 3, 7))
    assert drawn.min() >= 2 and drawn.max() <= 7
    assert drawn.mean() == pytest.approx(4, abs=0.01)  # (a + b + c) / 3
    assert drawn.var() == pytest.approx((4 + 9 + 49 - 6 - 14 - 21) / 18, rel=0.02)
    assert (triangular(uniform, RangedNumber(2, 2, 7)) >= 2).all()
    assert (triangular(uniform, RangedNumber(4, 4, 4)) == 4).all()


prices = st.floats(0, 5000)


@given(st.floats(1, 60), st.floats(1, 4), prices, st.floats(0, 0.8))
def test_more_use_never_moves_it_later(questions, factor, price, fall):
    more = {"draws": 200, "price_usd": price, "yearly_price_fall": fall}
    assume(questions * factor * 40 * 12 / 3600 < 168)
    few, many = (
        break_even(cloud=week(model="gpt-5", questions_per_hour=each), **more)
        for each in (questions, questions * factor)
    )
    assert (many.weeks <= few.weeks * (1 + 1e-6) + 1e-9).all()
    assert many.never_share <= few.never_share


@given(prices, st.floats(0, 168), st.floats(0, 0.9))
def test_a_free_cloud_is_never_beaten(price, hours_on, fall):
    assume(price > 0)
    found = break_even(
        cloud=0.0, price_usd=price, hours_on=hours_on, yearly_price_fall=fall, draws=200
    )
    assert found.never_share == 1


@given(st.floats(0.1, 200), st.floats(1, 3))
def test_a_dearer_cloud_or_a_cheaper_card_is_never_later(bill, factor):
    base = break_even(cloud=bill, draws=200)
    dearer = break_even(cloud=bill * factor, draws=200)
    cheaper = break_even(
        cloud=bill, price_usd=tuple(x / factor for x in (500, 750, 1000)), draws=200
    )
    assert (dearer.weeks <= base.weeks).all() and (cheaper.weeks <= base.weeks).all()


def test_a_card_that_cannot_answer_so_much_never_pays():
    busy = week(model="gpt-4", questions_per_hour=20, people=100)  # 200 hours of work in a week
    assert break_even(cloud=busy).never_share == 1


def test_money_and_weeks_of_the_fan():
    found = break_even(cloud=60.0, **EXACT)
    low, middle, high = found.fan(np.array([0.0, 10.0]))
    assert low[0] == middle[0] == high[0] == 700
    assert middle[1] == pytest.approx(700 + 10 * found.running_usd[0])
    assert list(found.cloud_after(np.array([0.0, 10.0]))) == [0, 600]
    falling = break_even(cloud=60.0, yearly_price_fall=0.5, **EXACT)
    a_year = falling.cloud_after(np.array([WEEKS_A_YEAR]))[0]
    assert a_year == pytest.approx(60 * WEEKS_A_YEAR * 0.5 / math.log(2))


def test_the_tornado_says_what_decides():
    found = break_even(cloud=week(model="gpt-4o"), **RANGES)
    swings = {swing.name: swing for swing in found.swings}
    ranked = [swing.name for swing in found.swings if not swing.is_what_if]
    assert ranked[0] == "price_usd" and set(ranked[1:3]) == {"usd_per_kwh", "idle_w"}
    price = swings["price_usd"]
    assert price.high_weeks == pytest.approx(2 * price.low_weeks)
    assert swings["questions"].is_what_if and swings["questions"].high == 1600
    assert swings["questions"].high_weeks < swings["questions"].low_weeks
    sizes = [swing.size for swing in found.swings]
    assert sizes == sorted(sizes, reverse=True)


def test_the_same_seed_gives_the_same_and_another_nearly():
    one, two, other = (break_even(seed=seed) for seed in (3, 3, 4))
    assert (one.weeks == two.weeks).all() and (one.weeks != other.weeks).any()
    assert one.median_weeks == pytest.approx(other.median_weeks, rel=0.02)


@pytest.mark.parametrize(
    "bad", [-1, math.nan, math.inf, 1e300, "dear", (1, 2), (3, 2, 1), [None] * 3]
)
@pytest.mark.parametrize("name", ["price_usd", "idle_w", "seconds", "questions"])
def test_bad_ranges_get_a_sentence(name, bad):
    with pytest.raises(ValueError, match=f"{name} must be"):
        break_even(**{name: bad})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"cloud": -5}, "cloud must be a number, a week, a model's name"),
        ({"cloud": math.nan}, "cloud must be"),
        ({"hardware": "rtx-3091"}, "Did you mean 'rtx-3090'"),
        ({"electricity": "Atlantis"}, "country must be one of Germany"),
        ({"electricity": -0.2}, "per_kwh must be"),
        ({"hours_on": 169}, "hours_on must be a number, 0 to 168"),
        ({"yearly_price_fall": 1}, "yearly_price_fall must be"),
        ({"hourly_rate_usd": 1e300}, "hourly_rate_usd must be"),
        ({"resale_share": 2}, "resale_share must be a number, 0 to 1"),
        ({"draws": 10}, "draws must be a whole number"),
        ({"colour": 3}, "ranges are price_usd, .*; got 'colour'"),
    ],
)
def test_bad_arguments_get_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        break_even(**arguments)


def test_unknown_models_and_hardware_without_a_price():
    with pytest.raises(LabError, match="no model"):
        break_even(cloud="gpt-nothing")
    with pytest.raises(LabError, match="no price_usd, load_w, idle_w of Apple M3 Max"):
        break_even(hardware="m3-max")
    mac = hardware("m3-max", price_usd=2500, load_w=60, idle_w=8)
    assert break_even(hardware=mac).median_weeks > 30


@pytest.mark.parametrize(
    ("price", "words"), [(0, "0 weeks (0 to 0 "), (60, "1 week (1 to 1 "), (20, "under 1 week (")]
)
def test_few_weeks_are_named_as_people_do(price, words):
    assert break_even(cloud=60.0, **{**EXACT, "price_usd": price}).headline.startswith(words)


def test_what_it_keeps_and_says():
    found = break_even(cloud=week(model="gpt-4"))
    assert "gpt-4 at $60.00 a week" in found.summary and "20,000 draws" in found.summary
    assert [entry.name for entry in found.book_entries] == ["break_even_weeks", "never_percent"]
    assert "a cloud at $60.10" in break_even(cloud=60.1).summary
    assert "gpt-4 at $30.00" in break_even(cloud="gpt-4", questions=400).summary
    with pytest.raises(ValueError, match="share must be"):
        found.quantile_weeks(1)
