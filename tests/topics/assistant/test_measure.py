"""Measuring: cuts that matter, suggestions that are run, shares and thresholds by hand."""

from dataclasses import replace

import pytest

import labkit
from labkit.errors import LabError
from labkit.sandbox import sandbox
from labkit.sandbox.code_tasks import END, code_tasks, has_passed
from labkit.sandbox.sandbox import SandboxRun, run_code
from labkit.topics.assistant import exercises
from labkit.topics.assistant.completion.complete import Completion
from labkit.topics.assistant.measure import compare as comparing
from labkit.topics.assistant.measure import cuts as cutting
from labkit.topics.assistant.measure import measure as measuring
from labkit.topics.assistant.measure.compare import CompletionComparison
from labkit.topics.assistant.measure.cuts import Cut, draw_cuts
from labkit.topics.assistant.measure.result import CompletionScore, MethodScore, Suggestion
from labkit.topics.assistant.measure.threshold import ThresholdCurve, threshold_points


@pytest.fixture
def wall():
    if reason := sandbox.refusal():
        pytest.skip(f"nothing is run here: {reason}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["line", "block"])
@pytest.mark.parametrize("tasks", ["lab", "humaneval"])
def test_a_cut_is_noticed_and_its_middle_is_the_solution(wall, notebook_files, kind, tasks):
    pool = code_tasks(tasks)[:20]
    cuts = list(draw_cuts(pool, kind, 0))
    assert len(cuts) >= 4 and cuts == list(draw_cuts(pool, kind, 0))
    for cut in cuts[:3]:
        assert cut.before.endswith("\n") and cut.middle.endswith("\n")
        whole = cut.before + cut.middle + cut.after
        assert whole == cut.task.prompt + cut.task.solution
        assert has_passed(run_code(cut.program(cut.middle)))
        assert not has_passed(run_code(cut.program("")))
        assert (cut.middle.count("\n") > 1) == (kind == "block")


@pytest.mark.slow
def test_a_model_is_measured(wall, talker):
    score = labkit.assistant.measure_completions(talker, "lab", items=2)
    assert [each.method for each in score.methods] == ["prefix", "chat"]
    assert "has no tokens to fill in the middle" in score.missing and score.missing in repr(score)
    cuts = [[e.cut for e in each.suggestions] for each in score.methods]
    assert cuts[0] == cuts[1] and len(cuts[0]) == 2
    names = [each.name for each in score.book_entries]
    assert names == ["suggestions_passed_percent", "keys_saved_percent", "suggestion_ms"]
    again = labkit.assistant.measure_completions(talker, "lab", items=2, methods="prefix")
    texts = [e.completion.text for e in again.methods[0].suggestions]
    assert texts == [e.completion.text for e in score.methods[0].suggestions]
    assert labkit.plot(score).data and "cut out" in labkit.plot(score, kind="code").html


def test_a_model_with_tokens_is_asked_in_all_four_ways(filler, monkeypatch):
    monkeypatch.setattr(sandbox, "refusal", lambda: "no wall here")
    score = labkit.assistant.measure_completions(filler, "lab", cut="block", items=1)
    assert [each.method for each in score.methods] == ["infill", "prefix", "swapped", "chat"]
    assert score.book_entries == () and "were not run: no wall here" in score.summary
    assert "–" in labkit.plot(score, kind="code").html
    assert "were not run: no wall here" in labkit.plot(score, kind="code").html
    titles = [each.text for each in labkit.plot(score).layout.annotations]
    assert not any("pass the tests" in each or "keys saved" in each for each in titles)
    compared = labkit.assistant.compare_models(filler, filler, cut="block", items=1)
    assert "were not run: no wall here" in compared.summary and "over" not in compared.summary
    curve = labkit.assistant.vary_threshold(filler, "lab", items=1)
    assert "were not run: no wall here" in labkit.plot(curve).html


def test_a_base_model_is_asked_in_the_ways_that_it_has(tiny_gguf):
    model = labkit.load_llamacpp(tiny_gguf, threads=1)
    methods, missing = measuring._methods(model, None)
    assert methods == ("prefix",)
    assert "no tokens to fill in the middle and no chat template" in missing
    with pytest.raises(LabError, match="has no chat template: it is a base model"):
        labkit.assistant.complete(model, "a = ", method="chat")
    model.close()


def test_a_stop_keeps_what_came(talker, monkeypatch):
    asked = []

    def suggest(model, cut, method, block):
        asked.append(method)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return suggestion(True, -1.0)

    monkeypatch.setattr(measuring, "_suggestion", suggest)
    score = labkit.assistant.measure_completions(talker, "lab", items=3)
    assert [len(each.suggestions) for each in score.methods] == [1, 1]
    assert "1 of 3 cuts" in score.summary and score.interrupted


@pytest.mark.parametrize("where", ["in the second", "before the second"])
def test_a_stop_keeps_the_models_that_are_done(talker, monkeypatch, where):
    begun, scores = [], {"a": scored(True), "b": replace(scored(True), interrupted=True)}

    def begin():
        begun.append(len(begun))
        if where == "before the second" and len(begun) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(comparing, "begin_work", begin)
    monkeypatch.setattr(comparing, "_score", lambda model, *_: scores[model])
    found = labkit.assistant.compare_models("a", "b", "c")
    assert len(found.scores) == (2 if where == "in the second" else 1) and len(begun) == 2


def test_an_interrupted_answer_stops_the_measurement(talker, monkeypatch):
    monkeypatch.setattr(measuring, "complete", lambda *_, **__: completion(-1.0, finish=None))
    score = labkit.assistant.measure_completions(talker, "lab", items=3)
    assert score.methods == () and "stopped before the first" in score.summary
    assert score.interrupted
    assert score.book_entries == ()


def completion(sure, text="    y = 2\n", finish="end"):
    return Completion("m", "infill", text, (sure,) if sure else (), 0.1, 0.2, finish)


def suggestion(passed, sure, number=0, text="    y = 2\n"):
    task = code_tasks()[number]
    run = SandboxRun("", END if passed else "", "", 0)
    return Suggestion(Cut(task, "x\n", "    y = 2\n", ""), completion(sure, text), run)


def test_shares_keys_and_thresholds_are_as_by_hand():
    every = (
        suggestion(True, -0.1, 0),
        suggestion(False, -0.5, 1, "    y = 3\n"),
        suggestion(True, -0.9, 2, "    y = 1 + 1\n"),
        suggestion(False, None, 3, ""),
    )
    score = MethodScore("infill", every)
    assert (score.share, score.exact) == (0.5, 0.25)
    assert score.saved == pytest.approx(2 * 4 / (4 * 5))  # all of "y = 2" but one, where it passes
    points = threshold_points(every)
    assert [(p.threshold, p.count, p.shown) for p in points] == [
        (-0.1, 1, 0.25),
        (-0.5, 2, 0.5),
        (-0.9, 3, 0.75),
    ]
    assert [p.right for p in points] == [1, 0.5, pytest.approx(2 / 3)]


def scored(*passed, model="m", method="infill", sure=(-0.1, -0.2, -0.3)):
    both = zip(passed, sure, strict=False)
    own = tuple(suggestion(each, value, n) for n, (each, value) in enumerate(both))
    return CompletionScore(model, "t", (MethodScore(method, own),), len(own), 1.0)


def test_models_are_compared_in_pairs():
    both = CompletionComparison(
        (scored(True, False, False, model="<s>"), scored(True, True, False)), ("x is missing",)
    )
    (change,) = both.differences
    assert (change.gained, change.lost, change.count) == (1, 0, 3)
    assert both.summary.startswith("<s>, t, fill in the middle: 33% pass")
    assert "m over <s>: +33 points" in both.summary and "x is missing" in both.summary
    figure = labkit.plot(both)
    assert "&lt;s&gt;" in figure.data[0].y[0] and "x is missing" in figure.layout.title.text
    assert figure.layout.title.text.startswith("Models compared: t · measured")
    assert len(both.book_entries) == 6


def test_the_curve_shows_the_surest_first():
    curve = curve_of(scored(True, False))
    figure = labkit.plot(curve)
    assert list(figure.data[2].x) == [0.5, 1] and list(figure.data[2].y) == [1, 0.5]
    assert "50% pass if 100% are shown, 100% if the surest 50% are" in curve.summary
    assert [each.value for each in curve.book_entries] == [100]
    (label,) = figure.layout.annotations
    assert label.yanchor == "top", "below the line: the curve comes from above"
    (label,) = labkit.plot(curve_of(scored(False, True))).layout.annotations
    assert label.yanchor == "bottom"
    nothing = CompletionScore("m", "t", (MethodScore("infill", (suggestion(False, None),)),), 1, 1)
    for empty in (nothing, CompletionScore("m", "t", (), 1, 1)):
        assert not labkit.plot(curve_of(empty)).data and not curve_of(empty).book_entries
        assert "no suggestion to show" in curve_of(empty).summary


def test_a_threshold_shows_what_it_says_when_it_is_typed():
    curve = curve_of(scored(True, True, False, sure=(-0.08371, -0.08374, -0.5)))
    first, half, _ = curve.points
    assert first.text == half.text == "-0.084" and f"of {half.text} on" in curve.summary
    assert list(labkit.plot(curve).data[2].customdata) == ["-0.084", "-0.084", "-0.500"]
    assert exercises.check_threshold(curve, float(half.text)).right


def curve_of(score):
    every = score.methods[0].suggestions if score.methods else ()
    return ThresholdCurve(score, threshold_points(every))


def test_a_curve_is_measured_with_the_best_that_the_model_can_do(wall, talker):
    curve = labkit.assistant.vary_threshold(talker, "lab", items=2)
    assert curve.method.method == "prefix" and len(curve.method.suggestions) == 2
    assert 1 <= len(curve.points) <= 2


def test_a_missing_model_is_a_sentence(home, talker):
    found = labkit.assistant.compare_models("coder", talker, tasks="lab", items=1)
    assert [each.methods[0].method for each in found.scores] == ["prefix"]
    assert "To have it: python3 -m labkit models get qwen2.5-coder-0.5b" in repr(found).splitlines()


def test_blocks_are_measured_beside_lines(wall, talker):
    """What notebook 11 prints of blocks: pass, exact, keys saved, time."""
    found = labkit.assistant.compare_models(talker, tasks="lab", cut="block", items=1)
    (line,) = found.lines
    assert "this lab's functions with a block cut out, prefix only: " in line
    assert all(each in line for each in ("% pass (", "% exact", "% of the keys saved", " ms"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": "mine"}, "tasks must be one of lab, humaneval; got 'mine'"),
        ({"cut": "word"}, "cut must be one of line, block; got 'word'"),
        ({"items": 0}, "items must be a whole number, 1 to 20; got 0"),
        ({"methods": ()}, "methods must be one or more, each once"),
        ({"methods": "magic"}, "method must be one of infill"),
        ({"methods": 3}, "method must be one of infill"),
        ({"methods": [["infill"]]}, "method must be one of infill"),
        ({"tasks": ["lab"]}, "tasks must be one of lab, humaneval; got"),
    ],
)
def test_bad_input_gets_a_sentence(talker, options, message):
    with pytest.raises(ValueError, match=message):
        labkit.assistant.measure_completions(talker, **{"tasks": "lab", **options})


def test_a_method_that_was_not_measured_is_named(talker):
    with pytest.raises(labkit.LabError, match="was not made to fill in"):
        labkit.assistant.measure_completions(talker, "lab", methods="infill")
    with pytest.raises(ValueError, match="method must be one of infill; got 'chat'"):
        scored(True).method("chat")
    with pytest.raises(ValueError, match="at least one model"):
        labkit.assistant.compare_models()
    for verb in (labkit.assistant.vary_threshold, labkit.assistant.compare_models):
        with pytest.raises(ValueError, match=r"method must be one of infill.*got methods="):
            verb(talker, methods=["prefix"])


def test_a_form_feed_and_the_like_end_no_line_of_code():
    solution = "    a = '\u2028'\n    \x0c\n    return a[0]\n"
    task = replace(code_tasks()[0], prompt="def f():\n", solution=solution)
    cut = cutting._cut(task, 0, 1)
    assert (cut.middle, cut.after) == ("    a = '\u2028'\n", "    \x0c\n    return a[0]\n")
