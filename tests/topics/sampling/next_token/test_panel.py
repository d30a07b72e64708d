"""The bench as the kernel has it: what the page gets, and what it asks for."""

import json
import math
import re
import zlib

import numpy as np
import pytest

import labkit
from labkit.backends.settings import STAGES
from labkit.topics.sampling.next_token.bench_panel import LISTED
from labkit.topics.sampling.next_token.panel import bench_panel, explore_prediction

PROMPT = "The capital of France is"


@pytest.fixture(scope="module")
def prediction(smollm2):
    return labkit.predict(smollm2, PROMPT, raw=True)


@pytest.fixture
def panel(prediction):
    return labkit.explore(prediction, temperature=0.8)


@pytest.fixture(scope="module")
def bench(smollm2):
    return labkit.bench_panel(smollm2, PROMPT, raw=True, top_p=0.9).widget


def change(panel, **settings):
    """As the page tells of them."""
    panel.widget.settings = {**panel.widget.settings, **settings}


@pytest.fixture
def sent(bench, monkeypatch):
    messages = []
    monkeypatch.setattr(
        bench, "send", lambda content, buffers=(): messages.append((content, buffers))
    )
    return messages


def test_the_panel_follows_the_settings_of_the_page(panel):
    before = panel.summary
    change(panel, top_p=0.5, order=["top_p", *(each for each in STAGES if each != "top_p")])
    assert panel.summary != before
    assert [stage.name for stage in panel.run.stages] == ["scores", "top_p", "temperature"]


def test_all_stages_at_once(panel):
    values = {
        "temperature": 1.5,
        "top_k": 50,
        "top_p": 0.9,
        "min_p": 0.01,
        "typical_p": 0.9,
        "repetition_penalty": 1.2,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.2,
    }
    change(panel, **values)
    assert [stage.name for stage in panel.run.stages] == ["scores", *STAGES]
    assert {stage.name: stage.setting for stage in panel.run.stages[1:]} == values


def test_temperature_0_leaves_one_token(panel):
    change(panel, temperature=0)
    assert panel.run.stages[-1].remaining == 1


def test_the_page_gets_every_score_and_every_text_once(panel, prediction):
    bench = panel.widget
    assert np.array_equal(np.frombuffer(bench.scores, "<f4"), prediction.scores)
    texts = zlib.decompress(bench.vocabulary, wbits=31).decode().split("\0")
    assert len(texts) == len(prediction.scores) < LISTED and all(texts)
    assert texts[int(prediction.scores.argmax())] == "·Paris"
    assert bench.prompt == ["The", "·capital", "·of", "·France", "·is"]


def test_a_prediction_has_no_model_to_go_on_with(panel, monkeypatch):
    messages = []
    monkeypatch.setattr(panel.widget, "send", lambda content: messages.append(content))
    assert not panel.widget.is_live and not panel.widget.asks
    panel.widget._answer(None, {"read": [5]}, ())
    assert "no model" in messages[0]["problem"]


def test_a_longer_text_gets_the_models_scores(bench, sent, smollm2):
    paris = smollm2.tokenizer.encode(" Paris")
    bench._answer(None, {"read": paris}, ())
    ((content, (buffer,)),) = sent
    _, scores = smollm2.scores(PROMPT + " Paris", raw=True)
    np.testing.assert_allclose(np.frombuffer(buffer, "<f4"), scores, atol=1e-3)
    assert content["read"] == paris
    assert len(content["texts"]) == 100 and content["texts"][int(scores.argmax())]


def test_what_cannot_be_read_is_said(bench, sent):
    bench._answer(None, {"read": [10**9]}, ())
    bench._answer(None, {"read": [1] * 9000}, ())
    for nothing in ({"read": "x"}, {"read": [1.5]}, {}, None):
        bench._answer(None, nothing, ())
    assert [content["read"][0] for content, _ in sent] == [10**9, 1]
    assert "ids must be tokens" in sent[0][0]["problem"]
    assert "context" in sent[1][0]["problem"]


def test_an_interrupt_stops_the_reading_and_is_said(bench, sent, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "read", interrupted)
    bench._answer(None, {"read": [5]}, ())
    assert "Stopped" in sent[0][0]["problem"]


def test_no_setting_runs_the_model(smollm2, panel, monkeypatch):
    monkeypatch.setattr(smollm2, "model", None)
    change(panel, temperature=2.5)
    assert panel.run.settings.temperature == 2.5


def test_initial_values_stay_as_they_are(prediction):
    panel = explore_prediction(prediction, top_k=7, temperature=0.33)
    assert panel.run.stages[-1].remaining == 7
    assert panel.widget.settings["temperature"] == 0.33
    panel = labkit.explore(prediction, temperature=5, min_p=0.5, repetition_penalty=0.1)
    values = panel.run.settings
    assert (values.temperature, values.min_p, values.repetition_penalty) == (5, 0.5, 0.1)


def test_bad_starts_are_named(prediction, smollm2):
    with pytest.raises(ValueError, match="temperature must be"):
        labkit.explore(prediction, temperature="hot")
    with pytest.raises(ValueError, match="top_p must be"):
        bench_panel(smollm2, PROMPT, top_p=2)
    with pytest.raises(ValueError, match=r"settings must be of .* got 'seed'"):
        bench_panel(smollm2, PROMPT, seed=9)
    with pytest.raises(labkit.LabError, match="every score"):
        bench_panel(object(), PROMPT)


def test_the_static_form_goes_on_without_a_kernel(bench, smollm2, monkeypatch):
    displayed = []
    panel = labkit.bench_panel(smollm2, PROMPT, raw=True, top_p=0.9)
    monkeypatch.setenv("LABKIT_STATIC", "1")
    monkeypatch.setattr("IPython.display.display", lambda *things: displayed.extend(things))
    panel._ipython_display_()
    (html,) = (each.data for each in displayed)
    assert "<table" in html, "where no script runs, the stages are read"
    data = json.loads(re.search("<script[^>]*>(.*?)</script>", html, re.S)[1])
    assert data["settings"]["top_p"] == 0.9 and not data["asks"]
    best = str(int(panel.prediction.scores.argmax()))
    assert sorted(key.count(",") for key in data["held"]) == [0, 0, 0, 1, 2, 3]
    assert best in data["held"]
    assert math.isclose(len(html), 1.35e6, rel_tol=0.1), "characters, far below a page's 3 MB"
