"""The panel by its controls: every one changes the numbers, and no draw is made anew."""

import pytest

import labkit
from labkit.topics.cost.amortization import figures as amortization_figures
from labkit.topics.cost.amortization import solve
from labkit.topics.cost.cloud_bill import week


@pytest.fixture(scope="module")
def panel():
    return labkit.cost.week_panel()


@pytest.fixture(autouse=True)
def as_at_first(panel):
    yield
    fresh = labkit.cost.week_panel()
    for name in ("hardware", *panel.controls):
        panel.controls[name].value = fresh.controls[name].value


CHANGES = {
    "model": "gpt-4o",
    "questions_per_hour": 30,
    "hours": 20,
    "people": 10,
    "tokens_in": 2000,
    "tokens_out": 500,
    "thinking_tokens": 1000,
    "turns": 5,
    "hardware": "rtx-4090",
    "price_usd": 400,
    "resale_share": 0.5,
    "electricity": "Germany",
    "hours_on": 40,
    "hourly_rate_usd": 50,
    "yearly_price_fall": 0.3,
}


@pytest.mark.parametrize(("name", "value"), CHANGES.items())
def test_every_control_moves_the_break_even_and_the_figure(panel, name, value):
    before, title = panel.result.median_weeks, panel.fan.layout.title.text
    heights = list(panel.fan.data[2].y)
    panel.controls[name].value = value
    assert panel.result.median_weeks != before
    assert list(panel.fan.data[2].y) != heights or panel.fan.layout.title.text != title
    assert panel.result.headline in panel.fan.layout.title.text


def test_cache_and_batches_lower_the_bill(panel):
    panel.controls["model"].value = "gpt-4o"
    plain = panel.week.total_usd
    panel.controls["cached_share"].value = 0.5
    assert panel.week.total_usd < plain
    panel.controls["batch"].value = True
    assert panel.week.total_usd == week(model="gpt-4o", cached_share=0.5, batch=True).total_usd


def test_a_switch_without_a_price_is_said_to_have_none(panel):
    panel.controls["model"].value = "gpt-4"
    panel.controls["cached_share"].value = 0.5
    assert "The list has no cache price of gpt-4." in panel.status.value
    panel.controls["cached_share"].value = 0
    assert "The list has no" not in panel.status.value


def test_it_shows_what_the_verbs_say(panel):
    panel.controls["questions_per_hour"].value = 40
    asked = week(questions_per_hour=40)
    expected = labkit.cost.break_even(cloud=asked)
    assert (panel.result.weeks == expected.weeks).all() and len(expected.weeks) == 20_000
    assert "A week in the cloud: $120.00" in panel.status.value


def test_a_slider_moves_no_dice(panel):
    made = solve.uniforms.cache_info().misses
    for price in (300, 600, 900):
        panel.controls["price_usd"].value = price
    assert solve.uniforms.cache_info().misses == made


def test_no_number_can_be_typed_that_no_control_hears_of(panel):
    """ipywidgets' readout of a slider over choices keeps what is typed, whatever it is."""
    for name in ("tokens_in", "tokens_out", "thinking_tokens"):
        assert not panel.controls[name].readout
    panel.controls["tokens_in"].value = 2000
    assert panel.controls["tokens_in"].description == "tokens in: 2,000"


def test_every_price_of_the_list_fits_its_slider(panel):
    for _, name in panel.controls["hardware"].options:
        panel.controls["hardware"].value = name
        likely = labkit.cost.hardware(name).price_usd.likely
        assert panel.controls["price_usd"].value == likely
        assert panel.result.estimates["price_usd"] == labkit.cost.hardware(name).price_usd


def test_another_card_brings_its_price(panel):
    panel.controls["hardware"].value = "rtx-4090"
    assert panel.controls["price_usd"].value == 2500
    assert panel.result.hardware.title == "RTX 4090, new"
    assert panel.fan.data[2].name.startswith("RTX 4090, new")


def test_never_is_shown_as_words(panel):
    panel.controls["model"].value = "gpt-6-luna"
    assert "never in 100" in panel.status.value and panel.result.median_weeks is None


def test_the_tornado_keeps_no_words_of_the_last_one(panel):
    assert panel.tornado.layout.annotations
    panel.controls["model"].value = "gpt-5-nano"
    expected = amortization_figures.tornado_figure(panel.result)
    assert len(panel.tornado.layout.annotations) == len(expected.layout.annotations)
    assert panel.tornado.layout.title.text == expected.layout.title.text


def test_nothing_asked_is_no_error(panel):
    panel.controls["questions_per_hour"].value = 0
    assert panel.week.total_usd == 0 and panel.result.never_share == 1


def test_its_line_its_numbers_and_its_static_form(panel):
    assert "gpt-4 at $60.00" in panel.summary
    assert {entry.name for entry in panel.book_entries} >= {"cloud_week_usd", "break_even_weeks"}
    assert len(panel.static_form()) == 1


def test_names_that_are_not_in_the_list():
    with pytest.raises(ValueError, match="models must be one of"):
        labkit.cost.week_panel("gpt-2")
    with pytest.raises(ValueError, match="hardware must be one of"):
        labkit.cost.week_panel(card="abacus")
