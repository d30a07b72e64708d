"""The live columns, used by their controls, over real servers."""

import threading

import pytest

import labkit
from labkit.ui import runner

QUESTION = "Why is the sky blue?"


@pytest.fixture
def relay(make_relay):
    return make_relay("a", "b", "c")


@pytest.fixture
def panel(relay):
    return labkit.comparison.compare_panel(
        QUESTION, [relay.backend(n, of=2) for n in range(2)], max_tokens=9
    )


def test_run_fills_both_columns(panel):
    side = panel.start().wait(60)
    assert side.texts == ("a0 b0 c0 ", "a1 b1 c1 ")
    assert "a0 b0 c0" in panel.texts[0].value and "a1 b1 c1" in panel.texts[1].value
    assert "✓ finished" in panel.heads[0].value
    assert "Numbers of" in panel.numbers[1].value
    assert "2 of 2 have ended" in panel.runner.status.value
    assert sum(len(trace.x) for trace in panel.figure.data if trace.xaxis == "x2") >= 4
    assert panel.summary == side.summary


def test_each_word_is_drawn_as_it_comes_in_both_columns(relay, panel, monkeypatch):
    """No word is sent before the one before it, of the other column, is drawn."""
    relay.automatic, seen = False, []
    draw = panel._draw

    def draw_and_pass_on():
        draw()
        seen.append([text.value for text in panel.texts])
        drawn = sum(f"{word}{n}" in seen[-1][n] for word in relay.words for n in range(2))
        if relay.turn < drawn:
            relay.next()

    panel.runner._draw = draw_and_pass_on
    monkeypatch.setattr(runner, "DRAWS_PER_S", 1e6)
    panel.start().wait(120)
    assert any("b0" in one and "a1" in other and "b1" not in other for one, other in seen)
    assert "c0" in seen[-1][0] and "c1" in seen[-1][1]


def test_no_old_numbers_stand_under_new_answers(relay, panel):
    panel.start().wait(60)
    relay.automatic = False  # from now on, nothing is answered
    work = panel._work()
    next(work)
    panel._draw()
    assert [each.value for each in panel.numbers] == ["", ""]
    work.close()


def test_given_settings_beyond_the_usual_are_kept(relay):
    backend = relay.backend(0, of=1)
    panel = labkit.comparison.compare_panel("x", [backend], temperature=3.0, max_tokens=4096)
    assert (panel.temperature.value, panel.max_tokens.value) == (3.0, 4096)


def test_one_that_fails_says_so_in_its_column(relay):
    nobody = labkit.connect("http://127.0.0.1:9", "m", kind="OpenAI-compatible")
    panel = labkit.comparison.compare_panel(QUESTION, [relay.backend(0, of=1), nobody])
    panel.start().wait(60)
    assert "a0 b0 c0" in panel.texts[0].value
    alert = panel.texts[1].value.partition('role="alert"')[2]
    assert "does not answer" in alert
    assert "✗ failed" in panel.heads[1].value
    assert "failed: " in panel.runner.status.value


def test_stop_keeps_what_came(make_relay):
    relay = make_relay("a", "b", patience_s=60)  # the second word waits for nobody
    panel = labkit.comparison.compare_panel(QUESTION, [relay.backend(0, of=2)]).start()
    assert relay.wait_for(1)
    while not panel._run.columns[0].steps:
        threading.Event().wait(0.05)
    panel.runner.stop_button.click()
    assert panel.wait(60).texts == ("a0 ",)
    assert "■ stopped" in panel.heads[0].value and "Stopped." in panel.runner.status.value


def test_the_reference_answers_the_first_prompt_alone(relay):
    backend = relay.backend(0, of=1)
    panel = labkit.comparison.compare_panel(QUESTION, [backend], reference="Air.", raw=True)
    for prompt, reference in ((QUESTION, "Air."), ("And the sea?", None), (QUESTION, "Air.")):
        relay.turn, panel.prompt.value = 0, prompt
        assert panel.start().wait(60).reference == reference
    assert all(b'"messages"' not in body for body in relay.asked), "raw: without a chat"


def test_bad_input_is_a_sentence_in_place_and_the_answers_stay(panel):
    first = panel.start().wait(60)
    panel.prompt.value = ""
    panel.start()
    with pytest.raises(ValueError, match="prompt must"):
        panel.wait(60)
    assert 'role="alert"' in panel.runner.status.value
    assert panel.result is first


def test_settings_are_passed_on_and_bad_ones_are_named(relay):
    backend = relay.backend(0, of=1)
    panel = labkit.comparison.compare_panel(
        "x", [backend], temperature=0.3, seed=5, sequential=True
    )
    assert (panel.temperature.value, panel.sequential.value) == (0.3, True)
    settings = panel.start().wait(60).replies[0].settings
    assert (settings.temperature, settings.seed) == (0.3, 5)
    with pytest.raises(ValueError, match="temperature must"):
        labkit.comparison.compare_panel("x", [backend], temperature="hot")


def test_a_prompt_too_long_for_a_box_is_refused_and_nothing_is_sent(relay):
    panel = labkit.comparison.compare_panel("x", [relay.backend(0, of=1)])
    panel.prompt.value = "word " * 200_000
    with pytest.raises(ValueError, match="prompt must be at most"):
        panel.start().wait(60)
    assert "prompt must be at most" in panel.runner.status.value and panel.result is None
    with pytest.raises(ValueError, match="prompt must be at most"):
        labkit.comparison.compare_panel("word " * 200_000, [relay.backend(0, of=1)])


def test_the_temperature_is_sent_only_after_its_slider_moved(relay):
    address = relay.backend(0, of=1).base_url
    thinks = labkit.cloud("openai", "gpt-6-astra", key="planted-key-4711", address=address)
    panel = labkit.comparison.compare_panel("x", [thinks])
    reply = panel.start().wait(60).replies[0]
    assert reply.error is None and reply.settings.temperature == 1.0
    panel.temperature.value = 0.2
    assert "temperature must be left at 1.0" in panel.start().wait(60).errors[0]
    assert len(relay.asked) == 1


def test_what_would_be_sent_and_cost_is_estimated_first(relay):
    local = relay.backend(0, of=1)
    assert labkit.comparison.compare_panel("x", [local]).estimates.value == ""
    remote = labkit.cloud(
        local.base_url, "m", key="planted-key-4711", price_usd_per_million=(1, 10)
    )
    panel = labkit.comparison.compare_panel("Hello", [local, remote], max_tokens=9)
    before = panel.estimates.value
    assert "5 bytes" in before and "at most $" in before and "planted" not in before
    panel.max_tokens.value = 900
    assert panel.estimates.value != before
    panel.prompt.value = ""  # no estimate of nothing
    panel.prompt.value = "Hello world"
    assert "11 bytes" in panel.estimates.value


def test_every_control_has_a_name(panel):
    for control in (panel.prompt, panel.temperature, panel.max_tokens, panel.sequential):
        assert control.description
    for number, text in enumerate(panel.texts):
        assert text.tabbable
        assert f'aria-label="Answer of m{number} (OpenAI-compatible)"' in text.value
    assert panel.runner.run.description == "Run" and panel.runner.stop_button.tooltip


def test_the_static_form_is_the_columns_and_the_figure(panel, monkeypatch):
    outputs = []
    monkeypatch.setenv("LABKIT_STATIC", "1")
    monkeypatch.setattr("IPython.display.display", lambda *things: outputs.extend(things))
    panel._ipython_display_()
    assert "c1" in outputs[0].data and outputs[1].data


def test_a_thought_is_shown_apart_in_its_column(thinker):
    panel = labkit.comparison.compare_panel("Why?", [thinker], temperature=0, max_tokens=20)
    panel.start().wait(60)
    thought, _, answer = panel.texts[0].value.partition("</details>")
    assert "Hm" in thought and "Hm" not in answer and "Yes" in answer
    assert any(trace.name == "thinking" and len(trace.x) for trace in panel.figure.data)
    column = panel._run.columns[0]
    column.steps, column.ended, panel.result = column.steps[:3], False, None
    panel._draw()
    assert "3 tokens of thinking so far" in panel.heads[0].value
    assert "<details open>" in panel.texts[0].value
