"""The files of facts: every line has a source and a date; and the verbs that read them."""

import math
import re

import pytest

from labkit.data import read_data
from labkit.errors import LabError
from labkit.topics.cost.cloud_models import cloud_models, mmlu_percent
from labkit.topics.cost.facts import (
    countries,
    estimate,
    find_rent,
    hardware,
    published_hardware,
    tariff,
)

DATE = r"20\d\d(-\d\d(-\d\d)?)?"


def facts(entry):
    return {key: value for key, value in entry.items() if isinstance(value, dict)}


def test_every_number_of_hardware_has_source_date_and_origin():
    data = read_data("hardware.json")
    for entry in [*data["hardware"], *data["rent"]]:
        for name, fact in facts(entry).items():
            low, likely, high = fact["values"]
            assert low <= likely <= high, (entry["id"], name)
            assert fact["source"] and re.fullmatch(DATE, fact["date"])
            assert fact["origin"] in ("recorded", "assumed")
    assert "source" in data["note"]


def test_every_tariff_and_model_has_source_and_date():
    power = read_data("electricity.json")
    for entry in [*power["tariffs"], *power["currencies"].values()]:
        assert entry["source"] and re.fullmatch(DATE, entry["date"])
    for entry in read_data("cloud_models.json")["models"]:
        assert entry["released_source"] and re.fullmatch(r"20\d\d-\d\d", entry["released"])


def test_scores_are_those_of_the_file_of_scores():
    names = {model["name"] for model in read_data("scores.json")["models"]}
    used = {model.score_name for model in cloud_models()} - {None}
    used |= {e["score_name"] for e in read_data("hardware.json")["hardware"]} - {None}
    assert used <= names and all(mmlu_percent(name) for name in used)
    assert mmlu_percent("SmolLM2 135M Instruct") == 29.3 and mmlu_percent(None) is None


def test_well_known_numbers():
    assert tariff("Germany").likely == pytest.approx(0.3835 * 1.09)
    assert tariff(per_kwh=0.30, currency="EUR").likely == pytest.approx(0.327)
    anywhere = tariff()
    assert anywhere.low < anywhere.likely < anywhere.high and "Hungary" in countries()
    card = hardware("rtx-3090")
    assert card.seconds(500, 1000).likely == pytest.approx(9.06, abs=0.01)  # the research's 9.1 s
    assert card.decode_tokens_per_s.source.startswith("8B Q4_K_M")
    assert find_rent("rtx-3090").usd_per_hour.likely == 0.39
    assert len(published_hardware().names) >= 12


def test_own_numbers_take_the_place_of_the_lists():
    card = hardware("rtx-3090", price_usd=400, idle_w=(8, 10, 12))
    assert card.price_usd.likely == 400 and card.price_usd.origin == "assumed"
    assert hardware(card, load_w=200).load_w.high == 200


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: hardware("rtx"), "hardware must be one of rtx-3090"),
        (lambda: hardware(None), "got None"),
        (lambda: hardware(colour=1), "numbers of hardware are"),
        (lambda: hardware(life_years=0), "life_years must be a number, above 0"),
        (lambda: hardware(decode_tokens_per_s=0), "decode_tokens_per_s must be a number, above 0"),
        (lambda: hardware(price_usd=math.nan), "price_usd must be"),
        (lambda: hardware(price_usd=1e300), "price_usd must be a number, 0 to 1,000,000,000"),
        (lambda: tariff("Nowhere"), "country must be one of"),
        (lambda: tariff(per_kwh=1, currency="XYZ"), "currency must be one of USD, EUR"),
        (lambda: tariff(per_kwh=-1), "per_kwh must be"),
        (lambda: find_rent("tpu"), "rent must be one of"),
        (lambda: estimate("x", True), "x must be"),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_a_number_that_the_list_lacks_is_named():
    with pytest.raises(LabError, match=r"prefill_tokens_per_s.* of RTX 3070"):
        hardware("rtx-3070", price_usd=200, load_w=200, idle_w=10)
