"""Published scores: every number has its source, and is where it says it is."""

import re

import pytest

import labkit
from labkit.data import read_data
from labkit.topics.comparison.figures import scores_figure, scores_table


@pytest.fixture(scope="module")
def published():
    return labkit.comparison.published_scores()


def test_every_number_has_a_source_a_method_and_a_date_or_version(published):
    assert len(published.scores) > 80
    for score in published.scores:
        assert 0 < score.percent <= 100 and score.how and score.source.harness
        assert score.source.url.startswith("https://") and score.source.read_in
        assert score.source.date or score.source.version
        assert re.fullmatch(r"20\d\d-\d\d(-\d\d)?", score.source.date or "2024-01")


def test_the_file_says_what_it_is_and_each_model_and_benchmark_is_used():
    data = read_data("scores.json")
    used = {s["model"] for source in data["sources"] for s in source["scores"]}
    assert used == {model["name"] for model in data["models"]}
    asked = {s["benchmark"] for source in data["sources"] for s in source["scores"]}
    assert asked == set(data["benchmarks"])
    assert "Nothing here was measured" in data["note"]
    for source in data["sources"]:
        keys = [(s["model"], s["benchmark"]) for s in source["scores"]]
        assert len(keys) == len(set(keys)), source["id"]


def test_well_known_numbers(published):
    """GPT-4's report, table 2; Llama 3.1's and SmolLM2's cards."""
    assert [s.percent for s in published.of("GPT-4 (March 2023)", "MMLU")] == [86.4]
    assert 96.8 in [s.percent for s in published.of("Llama 3.1 405B Instruct", "GSM8K")]
    assert [s.percent for s in published.of("SmolLM2 135M Instruct", "GSM8K")] == [1.4]


def test_small_and_large_models_are_both_there_and_sources_differ(published):
    closed = [m for m in published.models if not m.is_open]
    small = [m for m in published.models if m.parameters_billion and m.parameters_billion < 4]
    assert len(closed) >= 8 and len(small) >= 8
    low, high = published.widest
    assert high.percent - low.percent > 10 and low.source != high.source
    assert low.source.publisher in published.summary and "none measured here" in published.summary


def test_a_choice_of_models_and_benchmarks():
    some = labkit.comparison.published_scores(["MMLU"], models=("GPT-4o", "SmolLM2"))
    assert {b.name for b in some.benchmarks} == {"MMLU"}
    assert all("GPT-4o" in m.name or "SmolLM2" in m.name for m in some.models)
    assert {s.benchmark for s in some.scores} == {"MMLU"}
    names = ("GPT-4o", "SmolLM2")
    assert labkit.comparison.published_scores("MMLU", models=iter(names)) == some
    one = labkit.comparison.published_scores(iter(["MMLU"]), models="SmolLM2")
    assert one.models and all("SmolLM2" in m.name for m in one.models)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"benchmarks": ["IQ"]}, "benchmarks"),
        ({"benchmarks": []}, "benchmarks"),
        ({"models": ["HAL 9000"]}, "models"),
        ({"models": ["GPT-4o", "HAL"]}, "models"),
        ({"models": [3]}, "models"),
        ({"models": iter(())}, "models"),
        ({"models": ""}, "models"),
        ({"models": ["GPT-4o", " "]}, "models"),
        ({"benchmarks": [["MMLU"]]}, "benchmarks"),
        ({"benchmarks": 3}, "benchmarks"),
    ],
)
def test_unknown_names_are_listed(wrong, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        labkit.comparison.published_scores(**wrong)


def test_the_figure_has_a_dot_for_each_number(published):
    figure = scores_figure(published)
    dots = [
        (x, y) for t in figure.data if t.mode == "markers" for x, y in zip(t.x, t.y, strict=True)
    ]
    assert sorted(dots) == sorted((s.percent, s.model) for s in published.scores)
    symbols = {t.marker.symbol for t in figure.data if t.mode == "markers"}
    assert len(symbols) == 2  # distinct without colour
    assert "recorded, not measured" in figure.layout.title.text


def test_the_table_has_every_number_and_its_source(published):
    page = scores_table(published).html
    assert page.count("<tr>") == len(published.scores) + 1
    for score in published.scores:
        assert score.source.url in page
