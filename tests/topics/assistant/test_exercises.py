"""The exercises of notebook 11, and the model that it takes."""

import pytest

import labkit
from labkit.sandbox.sandbox import SandboxRun
from labkit.topics.assistant import exercises
from labkit.topics.assistant.measure.result import CompletionScore, MethodScore, Suggestion
from labkit.topics.assistant.measure.threshold import ThresholdCurve, ThresholdPoint

BEFORE, AFTER = "a = ", "\n"
PRE, SUF, MID = "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"


@pytest.mark.parametrize(
    ("prompt", "passed", "said"),
    [
        (f"{PRE}a = {SUF}\n{MID}", True, "goes on after"),
        (f"<|repo_name|>myproject\n<|file_sep|>filename\n{PRE}a = {SUF}\n{MID}", True, ""),
        (None, False, "in place of None"),
        ("a = \n", False, "Three tokens"),
        (f"{PRE}a = {MID}{SUF}\n", False, "at the end"),
        (f"{SUF}\n{PRE}a = {MID}", False, "order of another model"),
        (f"{PRE} a = {SUF}\n{MID}", False, "not changed by a space"),
    ],
)
def test_a_prompt_is_put_together(prompt, passed, said):
    result = exercises.check_prompt(prompt, before=BEFORE, after=AFTER)
    assert result.right == passed and said in repr(result)


def curve(*points, methods=()):
    score = CompletionScore("a model", "20 programs", methods, 10, 1.0)
    return ThresholdCurve(score, tuple(ThresholdPoint(*each) for each in points))


GOOD = curve((-0.1, 1, 0.1, 1.0), (-0.3, 5, 0.5, 0.8), (-0.9, 10, 1.0, 0.6))


@pytest.mark.parametrize(
    ("threshold", "passed", "said"),
    [
        (-0.5, True, "50% are shown, 80% of them pass"),
        (-0.3, True, ""),
        (None, False, "in place of None"),
        (0.4, False, "0 or less"),
        (0, False, "nothing is shown"),
        (-0.2, False, "too few"),
        (-5, False, "Of the 10 that are then shown, 60.0% pass"),
    ],
)
def test_a_threshold_is_found(threshold, passed, said):
    result = exercises.check_threshold(GOOD, threshold)
    assert result.right == passed and said in repr(result)


def test_where_no_threshold_does_it_any_is_right():
    result = exercises.check_threshold(curve((-0.1, 10, 1.0, 0.1)), -1)
    assert result.right and "No threshold does it" in repr(result)
    stopped = exercises.check_threshold(curve(), -1)
    assert not stopped.right and "It was stopped" in repr(stopped)


def test_what_was_not_run_has_no_answer():
    refused = MethodScore("infill", (Suggestion(None, None, SandboxRun("", refusal="no wall")),))
    result = exercises.check_threshold(curve((-0.1, 10, 1.0, 0.0), methods=(refused,)), -1)
    assert not result.right and "no wall" in repr(result)


def test_without_the_code_model_it_says_what_is_missing(talker, capsys, monkeypatch):
    monkeypatch.setattr("labkit.topics.assistant.load.load_llamacpp", lambda *a, **_: a)
    assert labkit.assistant.load_coder("qwen2.5-coder-9b", "smollm2-135m") == ("smollm2-135m",)
    said = capsys.readouterr().out
    assert "Instead: smollm2-135m." in said and "models" in said
    assert labkit.assistant.load_coder("smollm2-135m", "other") == ("smollm2-135m",)
    assert capsys.readouterr().out == ""


def test_the_command_that_fetches_a_model_can_be_copied(home, capsys, monkeypatch):
    monkeypatch.setattr("labkit.topics.assistant.load.load_llamacpp", lambda *a, **_: a)
    labkit.assistant.load_coder()
    lines = capsys.readouterr().out.splitlines()
    assert "To have it: python3 -m labkit models get qwen2.5-coder-0.5b" in lines
