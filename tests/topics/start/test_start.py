"""Notebook 00's verbs, figures, exercises and panel."""

import itertools
import json
import threading
from fractions import Fraction

import pytest

import labkit
from labkit.backends.generate import generate, make_reply
from labkit.backends.reply import Reply, Step, Stream
from labkit.backends.settings import Settings
from labkit.backends.steps import Alternative
from labkit.models.catalogue import GENERATIVE
from labkit.topics.start import exercises, figures
from labkit.ui import theme

from .scripted_model import Scripted


@pytest.fixture
def reply(scripted):
    return generate(scripted, "Count.", seed=1)


# -- the machine ---------------------------------------------------------------------------------


def test_the_report_covers_the_catalogue():
    report = labkit.start.describe_machine()
    names = {entry.name for entry in GENERATIVE}
    assert {each.entry.name for each in report.candidates} == names
    assert set(report.fitting) <= names
    assert f"of {len(names)} models" in repr(report)


def test_the_machine_figure_shows_need_and_free():
    report = labkit.start.describe_machine()
    figure = labkit.plot(report)
    for row, *parts in zip(report.candidates, *(trace.x for trace in figure.data), strict=True):
        assert sum(parts) == pytest.approx(row.plan.needs.memory_bytes / 2**30)
    assert figure.layout.shapes[0].x0 == pytest.approx(
        max(row.plan.available_bytes for row in report.candidates) / 2**30
    )
    patterns = {trace.marker.pattern.shape for trace in figure.data}
    assert len(patterns) == len(figure.data), "distinguished by colour alone"


# -- a reply -------------------------------------------------------------------------------------


def test_the_numbers_of_a_reply(reply):
    assert reply.ttft_s == 0.5
    assert reply.elapsed_s == 0.8
    assert reply.decode_tokens_per_s == pytest.approx(2 / 0.3)
    assert reply.finish == "stop"
    assert reply.prompt_tokens == 4


def test_a_reply_of_one_token_has_no_speed_and_an_empty_one_no_time():
    one = Scripted([("Yes", 0.4)])
    assert generate(one, "?").decode_tokens_per_s is None
    none = generate(Scripted([]), "?")
    assert (none.ttft_s, none.elapsed_s, none.decode_tokens_per_s) == (None, None, None)
    assert repr(none)
    assert labkit.plot(none).data


def test_the_reply_figure_shows_first_and_later_tokens(reply):
    first, thought, later = labkit.plot(reply).data
    assert not thought.visible
    assert list(first.y) == pytest.approx([500])
    assert list(later.y) == pytest.approx([100, 200])
    assert list(later.x) == [2, 3]
    title = labkit.plot(reply).layout.title.text
    assert "first after 0.50 s, then 6.7 tokens/s" in title
    assert "measured" in title


def test_what_was_thought_is_counted_apart_in_the_figure():
    steps = [Step(n, f"{n} ", None, None, (), None, 0.1 * n, n <= 3) for n in range(1, 6)]
    local = make_reply("thinker", "?", Stream(Settings(), lambda _: iter(())), steps)
    first, thought, later = labkit.plot(local).data
    assert (list(first.x), list(thought.x), list(later.x)) == ([1], [2, 3], [4, 5])
    assert thought.visible and "thought" in thought.name
    title = labkit.plot(local).layout.title.text
    assert title.startswith("5 tokens: ") and "thought 3 tokens in 0.30 s" in title
    known = {"chunked": True, "output_tokens": 12, "thinking_tokens": 8}
    server = make_reply("thinker", "?", Stream(Settings(), lambda _: iter(()), **known), steps)
    layout = labkit.plot(server).layout
    assert layout.title.text.startswith("12 tokens: ") and "thought 8 tokens" in layout.title.text
    assert layout.xaxis.title.text == "piece"


def test_model_text_in_figures_is_escaped(reply):
    assert "<b>One" not in json.dumps(labkit.plot(reply).to_plotly_json(), default=list)


def test_plot_says_what_it_draws():
    with pytest.raises(TypeError, match="plot draws what the lab's verbs return; got str"):
        labkit.plot("a text")


def test_figures_offer_no_upload_to_a_cloud(reply):
    live = theme.widget(labkit.plot(reply))
    assert live._config["showSendToCloud"] is False
    assert not live._config["plotlyServerURL"]
    assert theme.CONFIG["showSendToCloud"] is False


# -- exercises -----------------------------------------------------------------------------------


def test_seconds_any_right_estimate_passes(reply):
    expected = 0.5 + 299 / (2 / 0.3)
    for seconds in (expected, 0.8 * expected, 1.2 * expected):
        assert exercises.check_seconds(reply, tokens=300, seconds=seconds).right
    assert "too short" in exercises.check_seconds(reply, tokens=300, seconds=1).why
    assert "too long" in exercises.check_seconds(reply, tokens=300, seconds=900).why
    assert (
        "0.333333 s is too short"
        in exercises.check_seconds(reply, tokens=300, seconds=Fraction(1, 3)).why
    )
    for wrong in (None, "long"):
        assert "in place of None" in exercises.check_seconds(reply, tokens=300, seconds=wrong).why


def test_largest_model():
    report = labkit.start.describe_machine()
    for label in (report.fitting[-1], f" {report.fitting[-1].upper()} (here)"):
        assert exercises.check_largest(report, label).right
    assert (
        "one with more parameters does too"
        in exercises.check_largest(report, report.fitting[0]).why
    )
    assert "not in the catalogue" in exercises.check_largest(report, "gpt").why
    for wrong in (None, 7, ["gpt"]):
        assert "in quotes" in exercises.check_largest(report, wrong).why


def test_other_word(smollm2):
    question = "Why is the sky blue?"
    for bad in ({"temperature": "hot", "seed": 1}, {"temperature": 1, "seed": "lucky"}):
        assert "must be a" in exercises.check_other_word(smollm2, question, **bad).why
    for given in ({"temperature": None, "seed": 1}, {"temperature": 1, "seed": None}):
        assert "in place of None" in exercises.check_other_word(smollm2, question, **given).why
    same = exercises.check_other_word(smollm2, question, temperature=0, seed=1)
    assert not same.right
    tries = (
        exercises.check_other_word(smollm2, question, temperature=3, seed=seed)
        for seed in itertools.count()
    )
    assert any(verdict.right for verdict in itertools.islice(tries, 10))
    assert repr(same).startswith("✗ Not yet.")


@pytest.mark.parametrize("token_id", [7, None])
def test_other_word_of_a_server_that_sends_texts_alone(token_id):
    def check(*words):
        left = iter(words)
        known = (None, None) if token_id is None else (8, 9)
        others = tuple(map(Alternative, known, ("The", "Z"), (-0.1, -3.0)))

        class Lean(Scripted):
            def _play(self, running):
                yield Step(token_id, next(left), None, None, others, None, 0.1)

        given = {"temperature": Fraction(1, 2), "seed": 0}
        return exercises.check_other_word(Lean([]), "Why?", **given)

    assert check("The", "The").why.startswith("It still begins with 'The'. Try other seeds")
    assert check("The", "A").right and "'A'" in check("The", "A").why


# -- the panel -----------------------------------------------------------------------------------


@pytest.fixture
def panel(scripted):
    return labkit.start.prompt_panel(scripted, "Count.", max_tokens=10, seed=3)


def test_run_answers_and_draws(panel):
    panel.runner.run.click()
    reply = panel.wait(20)
    assert isinstance(reply, Reply)
    assert reply.text == "<b>One</b> two three"
    assert reply.settings == Settings(max_tokens=10, seed=3)
    assert "&lt;b&gt;One&lt;/b&gt; two three" in panel.answer.value
    assert list(panel.figure.data[2].y) == pytest.approx([100, 200])
    assert "3 tokens" in panel.figure.layout.title.text
    assert "tokens/s" in panel.runner.status.value
    assert not panel.runner.run.disabled
    assert panel.runner.stop_button.disabled


def test_controls_reach_the_model(panel):
    panel.temperature.value, panel.top_p.value = 1.5, 0.5
    panel.max_tokens.value, panel.seed.value = 7, "42"
    chosen = panel.start().wait(20).settings
    assert chosen == Settings(temperature=1.5, top_p=0.5, max_tokens=7, seed=42)


def test_settings_without_a_control_reach_the_model_too(scripted):
    given = {"top_k": 5, "min_p": 0.1, "stop": ("x",), "presence_penalty": 1, "top_p": 0.9}
    panel = labkit.start.prompt_panel(scripted, "Count.", **given, seed=3)
    panel.top_p.value = 0.5
    assert panel.start().wait(20).settings == Settings(**{**given, "top_p": 0.5}, seed=3)


def test_stop_ends_the_work_and_keeps_the_answer_so_far():
    endless = Scripted((f" {n}", 0.1 * n) for n in itertools.count(1))
    panel = labkit.start.prompt_panel(endless, "Count.", max_tokens=2000)
    panel.start()
    while not panel._steps:
        pass
    panel.runner.stop_button.click()
    reply = panel.wait(20)
    assert reply.finish == "interrupted"
    assert reply.steps
    assert endless.closed
    assert "Stopped." in panel.runner.status.value


def test_stop_does_not_wait_for_a_silent_server():
    closed = threading.Event()

    class Stalling(Scripted):
        def stream(self, prompt, **settings):
            running = super().stream(prompt, **settings)
            steps = iter([running])

            class Waiting:
                def __next__(self):
                    if first := next(steps, None):
                        return next(first)
                    assert closed.wait(60)
                    raise StopIteration

                def close(self):
                    closed.set()

            return Stream(running.settings, lambda _: Waiting())

    panel = labkit.start.prompt_panel(Stalling([("one", 0.1), ("two", 0.2)]), "Count.")
    panel.start()
    while not panel._steps:
        pass
    panel.runner.stop_button.click()
    reply = panel.wait(50)  # less than the server's silence
    assert (reply.text, reply.finish) == ("one", "interrupted")


@pytest.mark.parametrize(
    ("control", "value", "sentence"),
    [
        ("prompt", "", "prompt must have"),
        ("seed", "-4", "seed must be"),
        ("seed", "x", "seed must"),
        ("prompt", "<b>ten</b> " * 1_000_000, "prompt must be at most 100,000 characters"),
    ],
)
def test_bad_input_gets_a_sentence_in_place_and_loses_nothing(panel, control, value, sentence):
    first = panel.start().wait(20)
    getattr(panel, control).value = value
    panel.start()
    with pytest.raises(ValueError, match=sentence):
        panel.wait(20)
    assert sentence in panel.runner.status.value
    assert "Traceback" not in panel.runner.status.value
    assert len(panel.runner.status.value) < 1000
    assert panel.reply is first
    assert "three" in panel.answer.value
    assert not panel.runner.run.disabled


def test_any_other_error_gets_a_sentence_in_place_too(panel, scripted):
    def broken(running):
        yield Step(0, "One", None, None, (), None, 0.1)
        raise RuntimeError("the device is gone")

    scripted._play = broken
    panel.start()
    with pytest.raises(RuntimeError):
        panel.wait(20)
    assert "the device is gone" in panel.runner.status.value
    assert panel.reply.text == "One"


def test_what_is_out_of_range_is_refused_at_once(scripted):
    with pytest.raises(ValueError, match="temperature must be"):
        labkit.start.prompt_panel(scripted, "Hi", temperature=-1)
    with pytest.raises(ValueError, match=r"prompt must be at most 100,000 .* got 100,001"):
        labkit.start.prompt_panel(scripted, "x" * 100_001)
    for prompt, sentence in (("\ud800", "lone surrogates"), (7, "prompt must be a text; got int")):
        with pytest.raises(ValueError, match=sentence):
            labkit.start.prompt_panel(scripted, prompt)


def test_a_prompt_beyond_the_context_is_a_sentence_in_place(smollm2):
    panel = labkit.start.prompt_panel(smollm2, "water " * 16_000)
    panel.start()
    with pytest.raises(ValueError, match="context of 8,192 tokens; got 16,0"):
        panel.wait(120)
    assert 'role="alert"' in panel.runner.status.value


def test_a_start_beyond_a_sliders_range_widens_it(scripted):
    chosen = labkit.start.prompt_panel(
        scripted, "Hi", temperature=5, top_p=0.01, max_tokens=5000
    )._settings_now()
    assert chosen == {"temperature": 5, "top_p": 0.01, "max_tokens": 5000, "seed": None}


def test_a_static_page_shows_the_answer(panel, monkeypatch):
    displayed = []
    monkeypatch.setenv("LABKIT_STATIC", "1")
    monkeypatch.setattr("IPython.display.display", lambda *things: displayed.extend(things))
    panel._ipython_display_()
    assert "two three" in displayed[0].data
    panel.prompt.value = "Another question"  # which was not asked
    assert "Prompt: Count." in panel.static_form()[0]
    assert displayed[1].data[0].y


def test_the_axis_does_not_jump():
    ranges = [figures.token_range(n, 500)[1] for n in range(100)]
    assert len(set(ranges)) == 1


def test_a_thought_stands_above_the_answer_folded_up(thinker):
    panel = labkit.start.prompt_panel(thinker, "Why?", temperature=0, max_tokens=20)
    panel.start().wait(60)
    thought, _, answer = panel.answer.value.partition("</details>")
    assert "<summary>thinking</summary>" in thought and "Hm" in thought and "Hm" not in answer
    assert "Yes" in answer and " open" not in thought
    assert "Hm" in panel.static_form()[0] and "thought 5 tokens" in panel.summary
