"""Sliders on a prediction, moved as a learner moves them."""

import pytest

import labkit
from labkit.backends.settings import STAGES
from labkit.topics.sampling.next_token.panel import OFF, explore_prediction


@pytest.fixture(scope="module")
def prediction(smollm2):
    return labkit.predict(smollm2, "The capital of France is", raw=True)


@pytest.fixture
def panel(prediction):
    return labkit.explore(prediction, temperature=0.8)


def bars(panel):
    return list(panel.figure.data[1].x)


def test_a_slider_moves_bars_curve_table_and_title(panel):
    before = (bars(panel), panel.table.value, panel.figure.layout.title.text)
    panel.controls["top_p"].value = 0.5
    after = (bars(panel), panel.table.value, panel.figure.layout.title.text)
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert panel.curve.data[2].x[0] == panel.run.stages[-1].remaining
    assert "top_<wbr>p" in panel.table.value


def test_all_stages_at_once(panel):
    values = {
        "temperature": 1.5,
        "top_k": 50,
        "top_p": 0.9,
        "min_p": 0.01,
        "typical_p": 0.9,
        "repetition_penalty": 1.2,
        "presence_penalty": 0.5,
    }
    for stage, value in values.items():
        panel.controls[stage].value = value
    assert [stage.name for stage in panel.run.stages] == ["scores", *STAGES]
    assert {stage.name: stage.setting for stage in panel.run.stages[1:]} == values


def test_the_order_is_changed_by_buttons(panel):
    panel.controls["top_p"].value = 0.9
    panel.controls["temperature"].value = 2
    remaining = panel.run.stages[-1].remaining
    panel.up["top_p"].click()
    panel.up["top_p"].click()
    assert panel.order.index("top_p") < panel.order.index("temperature")
    assert panel.run.stages[-1].remaining < remaining
    assert panel._rows.children[2].children[2] is panel.controls["top_p"]
    panel.down["top_p"].click()
    assert panel.order.index("top_p") == 3


def test_the_ends_of_the_order_cannot_be_passed(panel):
    first, last = panel.order[0], panel.order[-1]
    assert panel.up[first].disabled and panel.down[last].disabled
    panel.up[first].click()
    assert panel.order[0] == first


def test_draws_are_marked_and_go_when_a_slider_moves(panel):
    assert list(panel.figure.data[2].x) == []
    panel.draw_many.click()
    assert sum(panel.figure.data[2].x) == pytest.approx(1)
    assert "1,000 draws" in panel.status.value
    panel.draw_one.click()
    assert sorted(panel.figure.data[2].x)[-1] == 1
    panel.controls["temperature"].value = 1.1
    assert list(panel.figure.data[2].x) == [] and panel.status.value == ""


def test_temperature_0_leaves_one_token(panel):
    panel.controls["temperature"].value = 0
    assert panel.run.stages[-1].remaining == 1 and max(bars(panel)) == 1


def test_reset_sets_all_controls_to_neutral(panel):
    panel.controls["top_k"].value = 5
    panel.up["typical_p"].click()
    panel.reset_button.click()
    assert [stage.name for stage in panel.run.stages] == ["scores"]
    assert panel.order == list(STAGES)
    assert {stage: c.value for stage, c in panel.controls.items()} == OFF


def test_no_slider_runs_the_model(smollm2, panel, monkeypatch):
    monkeypatch.setattr(smollm2, "model", None)
    panel.controls["temperature"].value = 2.5
    panel.draw_many.click()
    assert panel.draws.times == 1000


def test_a_value_between_the_steps_stays(prediction):
    panel = explore_prediction(prediction, top_k=7)
    assert panel.controls["top_k"].value == 7 and panel.run.stages[-1].remaining == 7
    slider = explore_prediction(prediction, temperature=0.33).controls["temperature"]
    assert (slider.value, slider.step) == (0.33, pytest.approx(0.005))


def test_a_start_beyond_a_sliders_range_widens_it(prediction):
    panel = labkit.explore(prediction, temperature=5, min_p=0.5, repetition_penalty=0.1)
    assert panel.run.settings.temperature == 5
    assert panel.run.settings.min_p == 0.5
    assert panel.run.settings.repetition_penalty == 0.1


def test_bad_starts_are_named(prediction):
    with pytest.raises(ValueError, match="temperature must be"):
        labkit.explore(prediction, temperature="hot")


def test_every_button_and_slider_has_a_name(panel):
    for stage in STAGES:
        assert panel.controls[stage].description.partition(":")[0] == stage
        assert panel.controls[stage].tooltip == stage
        assert stage in panel.up[stage].tooltip and stage in panel.down[stage].tooltip


def test_the_number_of_top_k_stands_where_nobody_can_type_into_it(panel):
    control = panel.controls["top_k"]
    control.value = 40
    assert control.description == "top_k: 40" and not control.readout
    control.value = 0
    assert control.description == "top_k: off"


def test_draws_move_nothing_below_their_line(panel):
    assert panel.status.layout.min_height


def test_the_static_form_is_a_table_and_a_figure(panel, monkeypatch):
    displayed = []
    monkeypatch.setenv("LABKIT_STATIC", "1")
    monkeypatch.setattr("IPython.display.display", lambda *things: displayed.extend(things))
    panel._ipython_display_()
    assert "<table" in displayed[0].html and displayed[1].data
