"""The texts in many languages, and what their tokens mean."""

import unicodedata
from collections import Counter

import pytest
import tiktoken

import labkit
from labkit import data
from labkit.errors import LabError
from labkit.models.prices import look_up_price
from labkit.topics.tokens.figures import STEPS
from labkit.topics.tokens.languages import BASE, compare_languages, cost_languages, language_texts
from labkit.topics.tokens.vocabulary.vocabulary_statistics import script_of


@pytest.fixture(scope="module")
def table():
    return compare_languages(["smollm2", "gpt2", "o200k"])


def test_there_are_enough_languages_and_scripts():
    texts = language_texts()
    assert len({each.language for each in texts}) == len({each.code for each in texts}) >= 20
    assert len({each.script for each in texts}) >= 10
    assert "No native speaker" in data.read_data("languages.json")["note"]


@pytest.mark.parametrize("each", language_texts(), ids=lambda each: each.code)
def test_each_is_in_its_script(each):
    scripts = Counter(script_of(letter) for letter in each.text if letter.isalpha())
    assert scripts.most_common(1)[0][0] == each.script
    assert unicodedata.is_normalized("NFC", each.text) or each.script in ("Devanagari", "Bengali")
    assert 40 <= len(each.text) <= 300


def test_the_table_is_relative_to_english(table):
    english = table.languages.index(BASE)
    assert table.relative[english] == (1.0, 1.0, 1.0)
    for name in table.names:
        counts = table.counts_of(name)
        expected = [labkit.tokenize(each.text, name).count for each in table.texts]
        assert list(counts) == expected
    assert "times the tokens in" in table.summary
    with pytest.raises(ValueError, match="name must be one of smollm2, gpt2, o200k; got 'x'"):
        table.counts_of("x")


def _luminance(colour):
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("colour", [colour for _, colour in STEPS])
def test_the_heat_map_can_be_read(table, colour):
    """Plotly writes in #444 on what it takes for light, and in white on the rest."""
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    text = "#444444" if (299 * red + 587 * green + 114 * blue) / 1000 >= 128 else "#FFFFFF"
    light, dark = sorted((_luminance(colour), _luminance(text)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
    assert colour in dict(map(reversed, labkit.plot(table).data[0].colorscale))


def test_the_heat_map_has_a_cell_for_each(table):
    heat = labkit.plot(table).data[0]
    row = heat.y.index("Tamil")
    ratio = table.relative[table.languages.index("Tamil")][1]
    assert heat.text[row][1] == f"{ratio:.1f}"
    assert 2 ** heat.z[row][1] == pytest.approx(ratio)
    assert len(heat.y) == len(table.texts)


def test_an_unknown_count_is_refused(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(ValueError, match="public tokenizers"):
        compare_languages(["gpt2", "claude"])


# -- what it means -------------------------------------------------------------------------------


def test_space_time_and_money(table):
    costs = cost_languages(table, tokens_per_s=10, window=1000)
    price = look_up_price("gpt-5")
    for row, here, there in zip(
        costs.rows, table.counts_of("smollm2"), table.counts_of("o200k"), strict=True
    ):
        assert row.window_share == here / 1000
        assert row.write_s == here / 10
        usd = there * (price.input_usd_per_million + price.output_usd_per_million) / 1e6
        assert row.price_usd == pytest.approx(1000 * usd)
    figure = labkit.plot(costs)
    assert [len(trace.x) for trace in figure.data] == [len(table.texts)] * 3
    assert price.origin in figure.layout.title.text
    assert "10.0 tokens/s (computed)" in figure.layout.xaxis2.title.text
    assert costs.summary.endswith("at 10.0 tokens/s")


def test_the_cloud_model_reads_by_that_tokenizer():
    assert tiktoken.encoding_name_for_model("gpt-5") == "o200k_base"


def test_a_price_has_a_source_and_a_date():
    price = look_up_price("gpt-4o")
    assert price.input_usd_per_million > 0
    assert price.output_usd_per_million > price.input_usd_per_million
    assert price.source.startswith("genai-prices ")
    assert price.noted.startswith("20")
    with pytest.raises(LabError, match="no model 'no-such-model'"):
        look_up_price("no-such-model")


@pytest.mark.parametrize("wrong", [{"tokens_per_s": 0}, {"tokens_per_s": None}])
def test_an_invalid_speed_is_refused(table, wrong):
    with pytest.raises(ValueError, match="tokens_per_s must be a number, above 0"):
        cost_languages(table, **wrong)


def test_a_window_of_nothing_is_refused(table):
    with pytest.raises(ValueError, match="window must be"):
        cost_languages(table, tokens_per_s=1, window=0)


def test_missing_data_gets_a_hint(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    with pytest.raises(LabError, match="There is no file") as error:
        data.read_data("languages.json")
    assert "checkout" in error.value.hint
