"""A shared card: the formula of M/D/1 against simulations, ours and one of events."""

import math
import random

import numpy as np
import pytest

import labkit
from labkit.topics.cost.team import mean_wait_s, share_hardware, simulate_waits


@pytest.mark.parametrize("load", [0.1, 0.5, 0.8])
def test_the_formula_is_what_a_simulation_of_events_finds(load):
    """A loop over arrivals with Python's own random numbers: nothing of ours but the formula."""
    rng, seconds = random.Random(5), 9.0
    clock = free_at = waited = 0.0
    for _ in range(200_000):
        clock += rng.expovariate(load / seconds)
        begins = max(clock, free_at)
        waited += begins - clock
        free_at = begins + seconds
    assert waited / 200_000 == pytest.approx(mean_wait_s(load, seconds), rel=0.05)


@pytest.mark.parametrize("load", [0.05, 0.5, 0.9])
def test_our_simulation_finds_the_formula(load):
    waits = simulate_waits(load, 2.0)
    assert waits.min() >= 0
    assert waits.mean() == pytest.approx(mean_wait_s(load, 2.0), rel=0.06)


def test_the_research_s_team_of_ten():
    (ten,) = share_hardware(seconds=9.06, people=[10]).teams
    assert ten.load == pytest.approx(0.50, abs=0.01) and ten.mean_s == pytest.approx(4.6, abs=0.05)
    assert ten.simulated_low_s <= ten.simulated_s <= ten.simulated_high_s < ten.p95_s


def test_from_a_load_of_one_the_queue_never_ends():
    shared = share_hardware(seconds=9.0, people=(25, 19, 20))
    assert shared.most_people == 19 and [t.people for t in shared.teams] == [19, 20, 25]
    assert math.isinf(shared.teams[1].mean_s) and shared.teams[1].simulated_s is None
    assert "20: without end" in shared.summary
    assert share_hardware(seconds=86_400).most_people == 0


@pytest.mark.parametrize(
    ("seconds", "questions"), [(1.2, 24), (180 / 11, 20), (9.0, 20), (0.3, 60)]
)
def test_a_full_queue_never_ends_whatever_rounding_makes_of_its_load(seconds, questions):
    full = round(3600 / seconds / questions)
    shared = share_hardware(seconds=seconds, questions_per_hour=questions, people=[full - 1, full])
    assert shared.most_people == full - 1
    assert [math.isinf(each.mean_s) for each in shared.teams] == [False, True]
    assert f"{full}: without end" in shared.summary


def test_near_a_load_of_one_the_formula_stands_alone():
    shared = share_hardware(seconds=8.99, people=(10, 20))
    ten, twenty = shared.teams
    assert ten.simulated_s is not None and twenty.simulated_s is None and twenty.mean_s > 4000
    assert shared.not_simulated == (20,) and "load is above 98%: 20" in shared.summary
    assert labkit.plot(shared).data[1].name.startswith("simulated up to a load of 98%")
    assert "simulated" not in share_hardware(seconds=8.99, people=range(1, 11)).summary


@pytest.mark.parametrize("people", [3, np.int64(3), [3], np.arange(3, 4), (n for n in [3])])
def test_the_sizes_of_teams_are_one_or_several(people):
    assert [each.people for each in share_hardware(seconds=9, people=people).teams] == [3]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"seconds": 0}, "seconds must be"),
        ({"seconds": math.nan}, "seconds must be"),
        ({"seconds": 9, "questions_per_hour": -1}, "questions_per_hour must be"),
        ({"seconds": 9, "people": []}, "people must be 1 to 100 sizes"),
        ({"seconds": 9, "people": [0]}, "people must be a whole number"),
        ({"seconds": 9, "people": [1.5]}, "people must be a whole number"),
        ({"seconds": 9, "people": None}, "people must be a whole number"),
    ],
)
def test_bad_input_gets_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        share_hardware(**arguments)
