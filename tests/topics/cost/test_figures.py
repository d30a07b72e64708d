"""Figures of the cost topic by their data."""

from dataclasses import replace

import numpy as np
import pytest

import labkit
from labkit.topics.cost import figures
from labkit.topics.cost.amortization import figures as amortization_figures
from labkit.topics.cost.amortization.break_even import break_even, in_weeks
from labkit.topics.cost.cloud_bill import week
from labkit.topics.cost.options import PARTS, compare_options
from labkit.topics.cost.past_prices import price_history
from labkit.topics.cost.team import share_hardware

from ...ui.marks import faint_marks


def texts(figure):
    return [note.text for note in figure.layout.annotations]


def test_the_bars_of_a_week_add_up_to_it():
    asked = week(model="gpt-6-sol", thinking_tokens=2000, turns=10, cached_share=0.5, batch=True)
    (bars,) = figures.week_figure(asked).data
    assert bars.x[-1] == "the week" and bars.measure[-1] == "total"
    assert sum(bars.y[:-1]) == pytest.approx(bars.y[-1]) == pytest.approx(asked.total_usd)
    assert len(bars.x) == 7 and bars.text[4].startswith("−$")
    assert figures.week_figure(week(questions_per_hour=0)).data[0].y[-1] == 0


def test_prices_stand_on_a_logarithmic_axis_with_their_months():
    history = price_history()
    prices, scores = figures.history_figure(history).data
    assert list(prices.x) == [each.week.total_usd for each in history.weeks]
    assert prices.y[0] == "GPT-4 · 2023-03" and "2026-10-14" in prices.customdata[0]
    assert figures.history_figure(history).layout.xaxis.type == "log"
    assert list(scores.x) == [e.mmlu_percent for e in history.weeks if e.mmlu_percent]
    table = labkit.plot(history, kind="table").html
    assert table.count("<tr>") == len(history.weeks) + 1 and "2026-10-14" in table


def test_the_parts_of_each_place_and_its_quality():
    options = compare_options(week(model="gpt-4"), hourly_rate_usd=10)
    figure = figures.options_figure(options)
    assert [bar.name for bar in figure.data] == list(PARTS)
    for number, option in enumerate(options.options):
        assert sum(bar.x[number] for bar in figure.data) == pytest.approx(option.total_usd)
    labels = figure.data[0].y
    assert "in 4 places" in figure.layout.title.text
    assert "MMLU 86.4 %" in labels[0] and "MMLU 65.3 %" in labels[1] and "s an answer" in labels[2]


def test_the_fan_and_the_line_of_the_cloud():
    found = break_even(cloud=week(model="gpt-4"))
    low, high, middle, cloud = labkit.plot(found).data
    assert (np.asarray(low.y) <= middle.y).all() and (np.asarray(middle.y) <= high.y).all()
    assert cloud.y[0] == 0 and cloud.y[-1] == pytest.approx(60 * cloud.x[-1])
    assert cloud.x[-1] >= found.quantile_weeks(0.9)
    assert "13 weeks (10 to 15" in labkit.plot(found).layout.title.text


def test_the_tornado_is_sorted_and_names_both_ends():
    found = break_even(cloud=week(model="gpt-6-sol"))
    figure = labkit.plot(found, kind="tornado")
    (bars,) = figure.data
    assert list(bars.y) == list(range(len(bars.y))) and "price of the hardware" in texts(figure)
    # A page cannot place a note at a category that its figure does not have yet.
    assert all(isinstance(note.y, int | float) for note in figure.layout.annotations)
    ratios = [(base + width) / base for base, width in zip(bars.base, bars.x, strict=True)]
    assert ratios == sorted(ratios, reverse=True)
    assert any("$500: 63 weeks" in text for text in texts(figure))
    never = labkit.plot(break_even(cloud=0.4), kind="tornado")
    assert "No single assumption" in never.layout.title.text or never.data[0].y


def test_where_no_score_is_known_the_figure_says_so():
    history = price_history()
    missing = [e for e in history.weeks if e.mmlu_percent is None]
    notes = figures.history_figure(history).layout.annotations
    named = [note.y for note in notes if note.text == "no published score here"]
    assert named == [f"{each.model.title} · {each.model.released}" for each in missing] and named
    options = compare_options(week(model="gpt-6-sol"))
    assert "no published score here" in figures.options_figure(options).data[0].y[0]
    assert "no published score here" in options.summary


def test_every_mark_is_seen_on_a_light_and_a_dark_page():
    results = [
        week(model="gpt-6-sol", thinking_tokens=2000, turns=10, cached_share=0.5, batch=True),
        price_history(),
        compare_options(hourly_rate_usd=10),
        break_even(),
        share_hardware(seconds=9.0),
    ]
    assert [faint_marks(labkit.plot(each)) for each in results] == [[]] * len(results)
    assert faint_marks(labkit.plot(break_even(), kind="tornado")) == []


def test_an_end_that_is_never_says_so():
    found = break_even(cloud=week(model="gemini-2.5-flash"), price_usd=(100, 200, 900))
    assert any("never" in text for text in texts(amortization_figures.tornado_figure(found)))


def test_the_queue_of_a_team():
    shared = share_hardware(seconds=9.0, people=(1, 10, 20))
    line, dots = labkit.plot(shared).data
    assert list(dots.x) == [1, 10] and len(line.x) == shared.most_people
    assert line.y[9] == pytest.approx(shared.teams[1].mean_s)
    assert dots.error_y.array[1] > 0
    labkit.plot(share_hardware(seconds=5000))  # nobody can be served


def test_the_queue_of_a_large_team_ends_where_it_does():
    shared = share_hardware(seconds=1, questions_per_hour=2, people=(1, 10, 500, 1000))
    figure = labkit.plot(shared)
    line, dots = figure.data
    assert line.x[-1] == shared.most_people == 1799 and len(line.x) < 1000
    assert figure.layout.shapes[0].x0 == 1799.5
    assert max(dots.x) == 1000 < figure.layout.xaxis.range[1]


def test_a_free_card_has_paid_for_itself_whatever_else_is_assumed():
    figure = labkit.plot(break_even(price_usd=0), kind="tornado")
    assert "No single assumption changes the break-even" in figure.layout.title.text


def test_few_weeks_read_as_in_the_headline():
    (swing, *_) = break_even(price_usd=(5, 10, 15)).swings
    assert amortization_figures.tornado_label(swing, swing.low_weeks).endswith(": under 1 week")
    assert in_weeks(1) == "1 week" and in_weeks(2) == "2 weeks"


def test_long_and_dear_numbers_have_no_powers_of_ten():
    slow = replace(compare_options(week()).options[0], answer_s=1312.4)
    assert "1,312 s an answer" in figures._about(slow)
    (bars,) = figures.week_figure(week(questions_per_hour=1e5)).data
    assert bars.hovertemplate == "%{x}: %{text}<extra></extra>" and "$300,000" in bars.text[-1]


def test_one_question_is_no_plural():
    asked = week(questions_per_hour=1, hours=1)
    assert asked.summary.startswith("a week of 1 question, ")
    assert figures.week_figure(asked).layout.title.text.startswith("1 question to ")
    assert compare_options(asked).summary.startswith("a week of 1 question: ")


def test_the_tables_of_hardware_have_sources():
    card = labkit.plot(labkit.cost.hardware("rtx-3090")).html
    assert "take 9.06 s and 0.755 Wh, $0.00014 at $0.19 per kWh" in card  # 300 W * 9.06 s
    assert "insiderllm.com" in card and "assumed" in card and "2024-05" in card
    listed = labkit.plot(labkit.cost.published_hardware()).html
    assert "RTX 4090" in listed and "—" in listed and 'title="' in listed
