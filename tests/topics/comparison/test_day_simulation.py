"""A day's waiting: right on average, repeatable, honest about what was measured."""

import math
import random
from statistics import fmean, stdev
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from labkit.topics.comparison.batch.table import BatchRow, BatchTable
from labkit.topics.comparison.day_simulation import format_duration, simulate_day
from labkit.topics.comparison.figures import BINS, count_days, day_figure


def replies(times, finish="stop", origin="measured"):
    return [SimpleNamespace(finish=finish, ttft_s=t / 4, elapsed_s=t, origin=origin) for t in times]


some_times = st.lists(st.floats(0.01, 100), min_size=3, max_size=12)


@settings(max_examples=30)
@given(some_times, st.integers(1, 60), st.integers(0, 99))
def test_a_day_lies_between_its_best_and_its_worst(times, requests, seed):
    day = simulate_day({"a": replies(times)}, requests=requests, days=200, seed=seed)
    waiting = day.of("a")
    low, high = waiting.interval_s
    assert requests * min(times) <= waiting.days_s[0] * (1 + 1e-9)
    assert waiting.days_s[-1] <= requests * max(times) * (1 + 1e-9)
    assert low <= waiting.median_s <= high and list(waiting.days_s) == sorted(waiting.days_s)
    again = simulate_day({"a": replies(times)}, requests=requests, days=200, seed=seed)
    assert again == day


def test_mean_and_spread_are_what_the_bootstrap_promises():
    """Variance of the sum: n * s² of a day's chance, and n² * s² / m of m measurements."""
    lot = random.Random(3)
    times = [lot.uniform(0.5, 4) for _ in range(12)]
    requests, measured = 50, len(times)
    days = simulate_day({"a": replies(times)}, days=20_000).of("a").days_s
    var = fmean((t - fmean(times)) ** 2 for t in times)
    spread = math.sqrt(requests * var * (1 - 1 / measured) + requests**2 * var / measured)
    assert fmean(days) == pytest.approx(requests * fmean(times), rel=0.02)
    assert stdev(days) == pytest.approx(spread, rel=0.05)


def test_one_more_backend_changes_nothing_for_the_others():
    alone = simulate_day({"a": replies([1, 2, 3])})
    both = simulate_day({"b": replies([4, 5, 6]), "a": replies([1, 2, 3])})
    assert both.of("a") == alone.of("a")


def test_the_shorter_one_is_shorter_on_all_days_or_on_half():
    apart = simulate_day({"quick": replies([1, 1.1, 1.2]), "slow": replies([9, 9.1, 9.2])})
    assert apart.shorter == (1.0,)
    alike = simulate_day({"one": replies([2, 2, 2]), "other": replies([2, 2, 2])})
    assert alike.shorter == (0.5,)


def test_until_the_first_token_it_is_shorter():
    groups = {"a": replies([1, 2, 3, 4])}
    first, end = simulate_day(groups, until="first"), simulate_day(groups)
    assert first.of("a").median_s * 4 == pytest.approx(end.of("a").median_s)
    assert "first token" in first.summary


def test_one_request_is_no_plural():
    day = simulate_day({"a": replies([1, 2, 3])}, requests=1, days=50)
    assert day.summary.startswith("1 request a day")
    assert day_figure(day).layout.title.text.startswith("1 request a day")


def test_failed_replies_are_left_out_and_counted():
    groups = {"a": [*replies([1, 2, 3]), *replies([99], finish="failed")]}
    waiting = simulate_day(groups).of("a")
    assert waiting.left_out == 1 and max(waiting.waits_s) == 3


def test_a_tables_backends_each_get_their_own_and_their_origin():
    cells = [
        BatchRow(
            key=f"{n}{name}",
            prompt_index=n,
            prompt="p",
            backend=name,
            text="t",
            finish="stop",
            ttft_s=0.1,
            elapsed_s=1.0 + n,
            origin=origin,
            waited_s=50.0,
        )
        for n in range(4)
        for name, origin in (("local", "measured"), ("remote", "recorded, x"))
    ]
    day = simulate_day(BatchTable(("local", "remote"), tuple(cells)))
    assert [w.origin for w in day.waits] == ["measured", "recorded, x"]
    assert max(day.of("local").waits_s) == 4  # not the batch's own waiting
    assert "recorded, x" in day.summary and "computed" in day.summary
    assert day.few == ("local", "remote") and "Only a few" in repr(day)


@pytest.mark.slow
def test_real_replies_of_a_real_model(smollm2):
    measured = labkit.measure(smollm2, "Name a river.", max_tokens=4, repeats=5, warmup=0)
    groups = [labkit.generate(smollm2, "Name a tree.", max_tokens=4) for _ in range(3)]
    day = labkit.comparison.simulate_day(
        {"measured": measured, "replies": groups}, requests=5, days=50
    )
    assert day.of("measured").waits_s == tuple(run.elapsed_s for run in measured.counted)
    assert day.of("replies").waits_s == tuple(reply.elapsed_s for reply in groups)
    assert labkit.plot(day).data


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"replies": {}}, "replies"),
        ({"replies": 3}, "replies"),
        ({"replies": {"a": replies([1, 2])}}, "replies"),
        ({"replies": {"a": [1, 2, 3]}}, r"replies\['a'\]"),
        ({"replies": {"a": None}}, r"replies\['a'\]"),
        ({"replies": {"a": "abc"}}, r"replies\['a'\]"),
        ({"requests": 0}, "requests"),
        ({"days": 0}, "days"),
        ({"until": "never"}, "until"),
    ],
)
def test_bad_input_names_the_argument(wrong, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        simulate_day(**{"replies": {"a": replies([1, 2, 3])}, **wrong})


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"^name must be one of a; got 'b'"):
        simulate_day({"a": replies([1, 2, 3])}).of("b")


@given(some_times, some_times)
@settings(max_examples=20)
def test_the_figure_holds_every_day_once(one, other):
    day = simulate_day({"<b>one": replies(one), "other": replies(other)}, days=150)
    figure = day_figure(day)
    most = max(w.days_s[-1] for w in day.waits)
    for waiting, bars in zip(day.waits, figure.data, strict=True):
        counts, _ = count_days(waiting, most)
        assert sum(counts) == 150 and len(counts) == BINS
        assert sum(bars.y) == pytest.approx(100)
    assert "<b>one" not in figure.data[0].name
    notes = " ".join(note.text for note in figure.layout.annotations)
    assert format_duration(day.of("other").median_s) in notes and "<b><b>one" not in notes


@pytest.mark.parametrize(("most", "unit"), [(1, "seconds"), (20, "minutes"), (2000, "hours")])
def test_its_unit_fits_the_waiting(most, unit):
    figure = day_figure(simulate_day({"a": replies([most, most, most])}, requests=20))
    assert figure.layout.xaxis.title.text.startswith(unit)
