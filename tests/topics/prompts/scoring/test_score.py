"""Scores: as by a plain forward pass of each item; calibration, Stop, the panel, exercises."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import labkit
from labkit.errors import LabError
from labkit.stats import PairedDifference
from labkit.topics.prompts import exercises
from labkit.topics.prompts.scoring import panel as scoring_panel
from labkit.topics.prompts.scoring import score as scoring
from labkit.topics.prompts.scoring.calibration import CONTENT_FREE, calibrated, normalized
from labkit.ui import html

from ....ui.marks import faint_marks


@torch.inference_mode()
def plain_probabilities(model, text, options):
    """Options after a text, each by one pass without cache or batch."""
    found = []
    for option in options:
        ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
        whole = model.tokenizer(text + option, add_special_tokens=False)["input_ids"]
        logits = model.model(input_ids=torch.tensor([whole])).logits[0].float().log_softmax(-1)
        found.append(sum(float(logits[n - 1, whole[n]]) for n in range(len(ids), len(whole))))
    return normalized(found)


@pytest.mark.slow
@pytest.mark.parametrize("template", [True, False])
def test_options_score_as_in_a_plain_pass_for_each_item(smollm2, template):
    task = labkit.prompts.load_task("triage")
    prompt = labkit.prompts.full_prompt(task).changed(template=template)
    done = labkit.prompts.score(smollm2, task, prompt, items=2, dtype="float32")
    for each in done.items:
        chat = {"tokenize": False, "add_generation_prompt": True}
        messages = prompt.messages(task, each.item.text)
        text = smollm2.tokenizer.apply_chat_template(messages, **chat)
        text = text if template else prompt.text(task, each.item.text)
        options = [option if template else f" {option}" for option in task.options]
        expected = plain_probabilities(smollm2, text, options)
        assert each.probabilities == pytest.approx(expected, abs=1e-4)
        assert each.answer == task.options[expected.index(max(expected))]


def test_a_score_knows_how_it_came_about(scored, sentiment):
    assert len(scored.items) == 12 and scored.right == sum(each.right for each in scored.items)
    low, high = scored.interval
    assert low <= scored.share <= high
    assert sum(scored.picks.values()) == 12 and scored.dtype == "float32"
    assert "(measured)" in scored.summary and "float32" in scored.summary
    assert 0 < scored.shared_tokens < scored.tokens
    assert 0 < scored.right_probability < 1
    assert [each.item for each in scored.items] == list(sentiment.half("practice")[:12])


@pytest.mark.slow
def test_written_answers_are_those_of_generate(smollm2):
    task = labkit.prompts.load_task("fields")
    prompt = labkit.prompts.full_prompt(task)
    done = labkit.prompts.score(smollm2, task, prompt, items=2, dtype="float32")
    assert len(done.items) == 2 and not done.picks and done.right_probability is None
    item = done.items[0].item.text
    alone = labkit.generate(
        smollm2, prompt.messages(task, item), temperature=0, max_tokens=task.max_tokens
    )
    assert done.items[0].answer == alone.text.strip().split("\n\n")[0]


def test_a_stop_keeps_what_came(untrained, sentiment, plain, monkeypatch):
    real = scoring.option_logprobs

    def stopping(*args):
        for number, found in enumerate(real(*args)):
            if number == 5:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(scoring, "option_logprobs", stopping)
    done = labkit.prompts.score(untrained, sentiment, plain, items=12)
    assert len(done.items) == 5 and done.asked == 12
    assert "of 12" in done.summary


VERBS = {
    "score": ({}, "item"),
    "compare_calibrations": ({}, "item"),
    "ablate": ({}, "prompt"),
    "vary_examples": ({}, "order"),
    "pick_wording": ({"items": 4}, "wording"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_stop_before_anything_came_says_so(untrained, sentiment, monkeypatch, verb):
    def stopping(*_):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(scoring, "option_logprobs", stopping)
    arguments, what = VERBS[verb]
    with pytest.raises(LabError, match=f"Stopped before one {what} was complete"):
        getattr(labkit.prompts, verb)(untrained, sentiment, **arguments)


@pytest.mark.parametrize("asked", [3, 5])
def test_a_calibration_is_that_of_the_blanks_however_early_the_stop(
    untrained, sentiment, plain, monkeypatch, asked
):
    """As of a served model, which reads in the order in which it is asked."""

    def stopping(model, prompts, options):
        yield from ((n, {0: -1.0, 1: -2.0 - n}) for n in range(asked))
        raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "option_logprobs", stopping)
    compare = labkit.prompts.compare_calibrations
    if asked == len(CONTENT_FREE):
        with pytest.raises(LabError, match="Stopped before one item was complete"):
            compare(untrained, sentiment, plain, items=12)
        return
    compared = compare(untrained, sentiment, plain, items=12)
    assert compared.content_free.calibration == "content-free"
    neutral = [normalized([-1.0, -2.0 - n]) for n in range(3)]
    means = [sum(column) / 3 for column in zip(*neutral, strict=True)]
    for n, each in enumerate(compared.content_free.items):
        expected = calibrated(normalized([-1.0, -5.0 - n]), means)
        assert each.probabilities == pytest.approx(expected)


def test_without_the_blanks_there_is_no_calibration(untrained, sentiment, plain, monkeypatch):
    """As of a local model, which reads the shortest prompts first."""

    def stopping(model, prompts, options):
        yield len(prompts) - 1, {0: -1.0, 1: -2.0}
        raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "option_logprobs", stopping)
    with pytest.raises(LabError, match="Stopped before the calibration was measured"):
        labkit.prompts.compare_calibrations(untrained, sentiment, plain, items=2)


def test_calibrations_come_from_one_reading(untrained, sentiment, plain, scored):
    compared = labkit.prompts.compare_calibrations(untrained, sentiment, plain, items=12)
    assert [each.answer for each in compared.plain.items]
    assert compared.batch.calibration == "batch" and "content-free" in compared.summary
    assert faint_marks(labkit.plot(compared)) == []
    columns = [each.probabilities for each in compared.plain.items]
    means = [sum(column) / 12 for column in zip(*columns, strict=True)]
    for before, after in zip(compared.plain.items, compared.batch.items, strict=True):
        assert after.probabilities == pytest.approx(calibrated(before.probabilities, means))
    alone = labkit.prompts.score(
        untrained, sentiment, plain, items=12, calibration="content-free", dtype=scored.dtype
    )
    assert [e.item for e in alone.items] == [e.item for e in compared.content_free.items]


probabilities = st.lists(st.floats(0.001, 1), min_size=2, max_size=6).map(
    lambda values: tuple(value / sum(values) for value in values)
)


@given(probabilities)
def test_calibration_by_itself_leaves_no_preference(own):
    assert calibrated(own, own) == pytest.approx([1 / len(own)] * len(own))
    equal = [1 / len(own)] * len(own)
    assert calibrated(own, equal) == pytest.approx(own)
    assert normalized([math.log(each) for each in own]) == pytest.approx(own)


def test_the_panel_runs_compares_and_says_what_is_wrong(untrained, sentiment, plain):
    panel = labkit.prompts.score_panel(untrained, sentiment, plain, items=6)
    assert panel.summary == "your prompts: not run"
    panel.start().wait(300)
    panel.instruction.value = "<b>Good or bad?</b>"
    panel.examples.value = 0
    result = panel.start().wait(300)
    assert result.prompt.instruction == "<b>Good or bad?</b>" and not result.prompt.examples
    assert len(panel.scores) == 2 and "compared with the run before" in panel.table.value
    assert panel.static_form()
    panel.instruction.value = "x" * 100_001
    with pytest.raises(ValueError, match="at most 100,000"):
        panel.start().wait(300)
    assert "at most" in panel.runner.status.value


@pytest.mark.parametrize("chat", [True, False])
def test_the_panel_offers_a_template_only_where_the_model_has_one(
    untrained, sentiment, monkeypatch, chat
):
    monkeypatch.setattr(untrained, "chat", chat)
    box = labkit.prompts.score_panel(untrained, sentiment, items=2).template
    assert (box.value, box.disabled) == (chat, not chat)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"half": "third"}, "half"),
        ({"items": 0}, "items must be 1 to 50"),
        ({"items": 51}, "items must be 1 to 50"),
        ({"items": 1.5}, "items"),
        ({"calibration": "magic"}, "calibration"),
    ],
)
def test_bad_arguments_are_named(untrained, sentiment, arguments, words):
    with pytest.raises(ValueError, match=words):
        labkit.prompts.score(untrained, sentiment, **arguments)


@pytest.mark.parametrize(
    "verb",
    [
        "score",
        "ablate",
        "build_up",
        "vary_examples",
        "pick_wording",
        "score_panel",
        "compare_calibrations",
    ],
)
def test_a_name_is_no_task_and_a_text_no_prompt(untrained, sentiment, verb):
    run = getattr(labkit.prompts, verb)
    with pytest.raises(ValueError, match=r"task must come from lab\.prompts\.load_task; got '"):
        run(untrained, "triage")
    with pytest.raises(ValueError, match=r"prompt must come from lab\.prompts\.full_prompt; got"):
        run(untrained, sentiment, "Which desk?")


@pytest.mark.parametrize(("change", "tone"), [(1, "good"), (-1, "bad"), (0, "plain")])
def test_a_settled_loss_is_not_shown_as_a_gain(monkeypatch, untrained, sentiment, change, tone):
    panel = labkit.prompts.score_panel(untrained, sentiment)
    panel.scores = [SimpleNamespace(summary="a score")] * 2
    found = SimpleNamespace(difference=change, is_settled=bool(change), summary="a difference")
    monkeypatch.setattr(scoring_panel, "compare_scores", lambda *_: found)
    panel._draw()
    assert html.note("compared with the run before: a difference", tone) in panel.table.value


def test_answers_that_are_not_shown_are_counted(scored):
    many = replace(scored, items=scored.items * 6)
    assert "<p>12 more rows, not shown</p>" in labkit.plot(many, kind="answers").html


def test_other_backends_and_long_items_get_a_sentence(untrained, sentiment, tmp_path):
    with pytest.raises(LabError, match="does not give them"):
        labkit.prompts.score(labkit.replay("stand-in-ocean"), sentiment)
    path = tmp_path / "long.csv"
    path.write_text(f'text,answer\n{"word, " * 3000},a\n"{"word, " * 3000}",b\n')
    path.write_text(f'text,answer\n"{"a1 " * 6000}",a\nshort,b\n')
    with pytest.raises(LabError, match="does not fit"):
        labkit.prompts.score(untrained, labkit.prompts.load_task(path), half=None)


def test_differences_count_the_items_that_changed(untrained, sentiment, plain, scored):
    same = labkit.prompts.compare_scores(scored, scored)
    assert same.difference == 0 and same.p == 1 and not same.is_settled
    bare = labkit.prompts.score(untrained, sentiment, plain.without("examples"), items=12)
    change = labkit.prompts.compare_scores(scored, bare)
    assert change.gained - change.lost == bare.right - scored.right and change.count == 12
    held = labkit.prompts.score(untrained, sentiment, plain, half="held out", items=2)
    with pytest.raises(ValueError, match="in common"):
        labkit.prompts.compare_scores(scored, held)
    with pytest.raises(ValueError, match="first must come from"):
        labkit.prompts.compare_scores(None, scored)


def test_figures_hold_the_numbers(scored):
    figure = labkit.plot(scored)
    assert list(figure.data[0].x) == [scored.share]
    assert list(figure.data[1].x) == list(scored.picks.values())
    assert faint_marks(figure) == []
    assert scored.items[0].item.text in labkit.plot(scored, kind="answers").html
    change = labkit.prompts.compare_scores(scored, scored)
    assert list(labkit.plot(change).data[0].x) == [0]


def test_exercises_accept_any_right_answer(untrained, scored, plain, monkeypatch):
    check = exercises.check_items
    assert check(234, difference=0.1, discordant=0.3).right
    assert check(240, difference=0.1, discordant=0.3).right
    assert "Too few" in check(20, difference=0.1, discordant=0.3).why
    assert "More than" in check(2000, difference=0.1, discordant=0.3).why
    assert "None" in check(None, difference=0.1, discordant=0.3).why
    better = exercises.check_better
    assert "place of None" in better(untrained, scored, None).why
    assert "not fewer" in better(untrained, scored, plain).why
    whole = labkit.prompts.full_prompt(scored.task)
    base = labkit.prompts.score(untrained, scored.task, whole, items=2)
    silent = better(untrained, base, whole.without("system"))
    assert "not fewer" in silent.why and "named SmolLM" in silent.why, silent.why
    shorter = better(untrained, scored, plain.changed(examples=plain.examples[:1]))
    assert "tokens fewer" in shorter.why or "clearly worse" in shorter.why


@pytest.mark.parametrize(("gained", "lost", "right"), [(1, 7, True), (0, 8, False), (9, 1, True)])
def test_a_shorter_prompt_is_worse_only_where_that_is_settled(
    untrained, scored, plain, monkeypatch, gained, lost, right
):
    """One gained and seven lost of 50: the interval is below 0, p is 0.07."""
    tokens, whole = iter((20, 10)), {"items": range(50), "asked": 50}
    monkeypatch.setattr(
        exercises, "score", lambda *a, **o: SimpleNamespace(tokens=next(tokens), **whole)
    )
    change = PairedDifference(gained, lost, 50)
    monkeypatch.setattr(exercises, "compare_scores", lambda before, after: change)
    result = exercises.check_better(untrained, scored, plain)
    assert result.right == right and ("clearly worse" in result.why) != right
    tokens, whole["asked"] = iter((20, 10)), 51
    assert "It was stopped" in exercises.check_better(untrained, scored, plain).why
