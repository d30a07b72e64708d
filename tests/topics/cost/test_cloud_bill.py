"""A week's bill: against a table computed by hand, against genai-prices, and its parts."""

import math

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labkit
from labkit.errors import LabError
from labkit.formatting import usd
from labkit.models.prices import request_price
from labkit.topics.cost.cloud_bill import count_tokens, week
from labkit.topics.cost.cloud_models import cloud_models
from labkit.topics.cost.past_prices import price_history

# 800 * (500 * in + 1,000 * out) / 1e6, by hand; in and out: US dollars per million tokens.
BY_HAND = {
    "gpt-4": (30, 60, 60.00),
    "gpt-4-turbo": (10, 30, 28.00),
    "claude-3-opus-20240229": (15, 75, 66.00),
    "gpt-4o-2024-05-13": (5, 15, 14.00),
    "gpt-4o": (2.5, 10, 9.00),
    "gpt-4o-mini": (0.15, 0.60, 0.54),
    "o1": (15, 60, 54.00),
    "gpt-5-nano": (0.05, 0.4, 0.34),
    "gpt-5.5": (5, 30, 26.00),
    "claude-opus-4-5": (5, 25, 22.00),
}


@pytest.mark.parametrize(("model", "row"), BY_HAND.items())
def test_the_articles_week_by_hand(model, row):
    read, written, total = row
    found = week(model=model)
    price = (found.price.input_usd_per_million, found.price.output_usd_per_million)
    assert price == pytest.approx((read, written))
    assert found.total_usd == pytest.approx(total) and found.questions == 800
    assert found.question_usd == pytest.approx(total / 800)


@pytest.mark.parametrize("model", [each.id for each in cloud_models()])
def test_every_model_of_the_list_is_priced_as_genai_prices_says(model):
    usage = genai_prices.Usage(input_tokens=700, output_tokens=300)
    expected = float(genai_prices.calc_price(usage, model).total_price)
    assert week(model=model, tokens_in=700, tokens_out=300).question_usd == pytest.approx(expected)


def test_the_switches_by_hand():
    """GPT-4o: $2.50 in, $1.25 cached, $10 out; batches cost half."""
    model = "gpt-4o"
    assert week(model=model, thinking_tokens=1000).total_usd == pytest.approx(17.0)
    two = 800 * ((500 + 2000) / 2 * 2.5 + 1000 * 10) / 1e6  # turns of 500 and 2,000 tokens
    assert week(model=model, turns=2).total_usd == pytest.approx(two)
    half = 800 * (250 * 2.5 + 250 * 1.25 + 1000 * 10) / 1e6
    assert week(model=model, cached_share=0.5).total_usd == pytest.approx(half)
    assert week(model=model, batch=True).total_usd == pytest.approx(4.5)
    assert week(model=model, people=10).total_usd == pytest.approx(90.0)


@pytest.mark.parametrize(
    ("model", "lacking"), [("claude-opus-4-1", ["batch"]), ("gpt-4", ["cache"]), ("gpt-4o", [])]
)
def test_a_switch_without_a_price_in_the_list_is_said_to_save_nothing(model, lacking):
    found = week(model=model, cached_share=0.9, batch=True)
    saved = {step.name: step.usd for step in found.steps}
    zero = [
        name for name in ("cache", "batch") for step in saved if name in step and not saved[step]
    ]
    assert list(found.unpriced) == lacking == zero
    assert all(f"no {each} price in the list" in found.summary for each in lacking)
    assert ("in the list" in found.summary) == bool(lacking)
    assert week(model=model).unpriced == ()


def test_batches_are_priced_as_genai_prices_says():
    usage = genai_prices.Usage(input_tokens=500, output_tokens=1000)
    context = {"processing": "batch"}
    expected = float(genai_prices.calc_price(usage, "gpt-4.1", price_context=context).total_price)
    assert request_price("gpt-4.1", 500, 1000, batch=True) == pytest.approx(expected)


sizes = st.integers(0, 5000)


@given(sizes, sizes, st.integers(0, 9000), st.integers(1, 8), st.floats(0, 1), st.booleans())
def test_the_parts_add_up_and_each_switch_goes_its_way(read, written, thought, turns, share, batch):
    found = week(
        model="gpt-4.1",
        tokens_in=read,
        tokens_out=written,
        thinking_tokens=thought,
        turns=turns,
        cached_share=share,
        batch=batch,
    )
    added = [step.usd for step in found.steps]
    assert sum(added) == pytest.approx(found.total_usd, abs=1e-9)
    assert all(each >= -1e-9 for each in added[:4]) and all(each <= 1e-9 for each in added[4:])


@given(st.floats(0, 1000), st.integers(1, 50))
def test_prices_scale(questions, people):
    one = week(questions_per_hour=questions, model="gpt-5")
    many = week(questions_per_hour=questions, model="gpt-5", people=people)
    assert many.total_usd == pytest.approx(people * one.total_usd)
    assert one.total_usd == pytest.approx(questions / 20 * 8.5)


def test_a_text_is_counted_by_the_models_own_tokenizer(monkeypatch):
    from labkit.topics.cost import cloud_bill

    class Words:
        def __init__(self, name):
            self.name = name

        def encode(self, text):
            return text.split() * (2 if self.name == "cl100k" else 1)

    monkeypatch.setattr(cloud_bill, "open_tokenizer", Words)
    assert count_tokens("tokens_in", "two words", "gpt-4") == (4, "cl100k")
    assert count_tokens("tokens_in", "two words", "gpt-4o") == (2, "o200k")
    count, by = count_tokens("tokens_in", "two words", "claude-opus-5-5")
    assert count == 2 and "not public" in by
    for text in ({"tokens_in": "two words"}, {"tokens_out": "two words"}):
        found = week(**text, model="claude-opus-5-5").summary
        assert "counted by o200k, as claude-opus-5-5's own is not public" in found
    assert count_tokens("tokens_in", "two words", "gpt-3.5-turbo")[1].endswith(
        "gpt-3.5-turbo's own is not known to the lab"
    )


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, 1e300, True, "20"])
@pytest.mark.parametrize("name", ["questions_per_hour", "hours", "cached_share"])
def test_numbers_out_of_range_get_a_sentence(name, bad):
    with pytest.raises(ValueError, match=f"{name} must be a number, 0 to .*; got"):
        week(**{name: bad})


@pytest.mark.parametrize("bad", [-1, 1.5, math.nan, 1e300, 10**12, None])
@pytest.mark.parametrize("name", ["tokens_in", "tokens_out", "thinking_tokens", "turns", "people"])
def test_counts_out_of_range_get_a_sentence(name, bad):
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        week(**{name: bad})


def test_nothing_asked_costs_nothing():
    idle = week(questions_per_hour=0)
    assert idle.total_usd == idle.question_usd == 0
    assert week(tokens_in=0, tokens_out=0).total_usd == 0


def test_an_unknown_model_gets_a_sentence():
    with pytest.raises(LabError, match="no model 'gpt-4-typo-x'"):
        week(model="gpt-4-typo-x")
    with pytest.raises(ValueError, match="provider's name of a model; got None"):
        week(model=None)


def test_the_history_is_dated_and_says_with_which_models_the_article_holds():
    history = price_history()
    months = [each.model.released for each in history.weeks]
    assert len(months) >= 20 and months == sorted(months) and months[0] == "2023-03"
    assert "gpt-4" in {each.model.id for each in history.within_article}
    assert history.of("gpt-4").mmlu_percent == 86.4  # GPT-4's report, table 2
    assert history.of("gpt-4o-mini").week.total_usd == pytest.approx(0.54)
    with pytest.raises(ValueError, match="model must be one of gpt-4, "):
        history.of("gpt-2")
    with pytest.raises(ValueError, match=r"Did you mean 'gpt-4\.1'"):
        price_history(models=["gpt-4.1x"])
    with pytest.raises(ValueError, match="models must be at least one model"):
        price_history(models=[])
    with pytest.raises(ValueError, match="models takes the names"):
        price_history(model="gpt-4")


def test_a_date_in_the_future_is_no_date_of_a_price():
    """Gemini 3.8 Flash's entry names the day from which it will cost more."""
    from datetime import date

    for each in price_history().weeks:
        assert (each.week.price.noted or "") <= f"{date.today()}"


def test_amounts_are_read_as_money():
    assert usd(60) == "$60.00" and usd(0.000675) == "$0.00068" and usd(1e6) == "$1,000,000"


def test_the_names_are_reached_as_in_the_notebook():
    assert labkit.cost.week().total_usd == 60 and callable(labkit.cost.break_even)
