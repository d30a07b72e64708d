"""Code that is run: the tasks are right, and a model's code is judged by its tests alone."""

import dataclasses

import pytest

import labkit
from labkit.sandbox import sandbox
from labkit.sandbox.code_tasks import END, code_tasks
from labkit.sandbox.sandbox import SandboxRun, run_code
from labkit.topics.limits.code.write_code import CodeAttempt, CodeScore, TaskAttempts, cut_body
from labkit.topics.limits.sizes.compare_models import ModelsHere


@pytest.fixture
def wall():
    if reason := sandbox.refusal():
        pytest.skip(f"nothing is run here: {reason}")


def judged(task, body):
    return CodeAttempt(body, run_code(task.program(body, END))).passed


@pytest.mark.parametrize("task", code_tasks(), ids=lambda task: task.name)
def test_the_labs_solutions_pass_and_an_empty_body_does_not(wall, task):
    assert judged(task, task.solution) is True
    assert judged(task, "    pass\n") is False
    assert task.prompt.count('"""') == 2 and task.prompt.count(">>>") == 1


def test_there_are_twenty():
    assert len({task.name for task in code_tasks()}) == 20


def test_humaneval_is_whole_and_its_solutions_pass(wall, notebook_files):
    tasks = code_tasks("humaneval")
    assert len(tasks) == 164
    assert all(judged(task, task.solution) for task in tasks[::20])
    assert not judged(tasks[0], "    return None\n")


@pytest.mark.parametrize(
    "body",
    [
        "    import os\n    os._exit(0)\n",
        "    import sys\n    sys.exit(0)\n",
        "    return [\n",
        "    while True: pass\n",
        "",
    ],
)
def test_what_ends_before_its_tests_has_not_passed(wall, body, monkeypatch):
    task = code_tasks()[0]
    limits = sandbox.Limits(timeout_s=1.5)
    run = run_code(task.program(body, END), limits=limits)
    assert CodeAttempt(body, run).passed is False


@pytest.mark.parametrize(
    ("written", "body"),
    [
        ("    return 1\n\nprint(f(1))", "    return 1\n"),
        ("    x = 1\n    return x\n\n\ndef other():\n    pass", "    x = 1\n    return x\n\n"),
        ("    return 1\n```\nThis is", "    return 1"),
        ("    # add\n    return a + b", "    # add\n    return a + b"),
        ("", ""),
    ],
)
def test_the_function_is_cut_where_it_is_over(written, body):
    assert cut_body(written) == body


def test_a_model_writes_and_its_code_runs(wall, untrained):
    score = labkit.limits.write_code(untrained, items=2, samples=2, max_tokens=24)
    assert [len(each.attempts) for each in score.tasks] == [2, 2]
    assert 0 <= score.pass_at(1) <= score.pass_at(2) <= 1
    again = labkit.limits.write_code(untrained, items=2, samples=2, max_tokens=24)
    assert [t.attempts[1].body for t in again.tasks] == [t.attempts[1].body for t in score.tasks]
    assert "lift" not in labkit.plot(score).html or score.tasks[0].task.name in score.summary
    assert list(labkit.plot(score, kind="pass").data[2].x) == [1, 2]
    assert score.book_entries[0].name == "code_passed_percent"


def test_where_nothing_is_run_the_code_is_shown(untrained, monkeypatch):
    monkeypatch.setattr(sandbox, "refusal", lambda: "no wall here")
    score = labkit.limits.write_code(untrained, items=1, max_tokens=8)
    assert score.tasks[0].attempts[0].passed is None and score.book_entries == ()
    assert "1 function written, and not run: no wall here" in score.summary
    for kind in ("code", "pass"):  # and no curve at 0 %
        assert "not run: no wall here" in labkit.plot(score, kind=kind).html
    larger = dataclasses.replace(score, model="larger")
    both = ModelsHere((untrained, untrained), ())
    results = iter((score, larger))
    compared = labkit.limits.compare_models(lambda _: next(results), both)
    assert compared.differences == (None,)
    figure = labkit.plot(compared)
    assert not figure.data[0].x and "not run: no wall here" in figure.layout.title.text


def scored(*passed, samples=1):
    task = code_tasks()[0]
    run = {True: SandboxRun("", END, "", 0), False: SandboxRun("", "", "E", 1)}
    tasks = [
        TaskAttempts(task, tuple(CodeAttempt("<b>", run[each]) for each in own)) for own in passed
    ]
    return CodeScore("m", "t", tuple(tasks), len(tasks), samples, 0.0, 1.0)


def test_shares_are_means_over_tasks():
    score = scored((True, False), (False, False), (True, True), samples=2)
    assert score.pass_at(1) == pytest.approx(0.5) and score.pass_at(2) == pytest.approx(2 / 3)
    low, high = score.interval(2)
    assert 0 <= low < 2 / 3 < high <= 1
    assert "&lt;b&gt;" in labkit.plot(score).html


def test_where_all_tasks_are_alike_the_interval_is_not_empty():
    """None of 8 right leaves up to a third; drawing them again would say that it is 0 for sure."""
    never = scored(*[(False, False)] * 8, samples=2)
    low, high = never.interval(2)
    assert low == 0 and high == pytest.approx(0.3244, abs=1e-4)
    one = scored((True, False), samples=2)
    low, high = one.interval(2)
    assert one.pass_at(2) == 1 and low < 1 and high == 1


def test_a_task_that_was_stopped_among_its_attempts_does_not_count(untrained, monkeypatch):
    ran = []

    def run(program, **_):
        ran.append(program)
        if len(ran) == 4:
            raise KeyboardInterrupt
        return SandboxRun("", END, "", 0)

    monkeypatch.setattr("labkit.topics.limits.code.write_code.run_code", run)
    score = labkit.limits.write_code(untrained, items=2, samples=3, max_tokens=4)
    assert all(len(each.attempts) == 3 for each in score.tasks) and len(score.tasks) < 2
    assert repr(score) and labkit.plot(score, kind="pass")


def test_a_stopped_run_says_so_in_summary_and_title():
    score = dataclasses.replace(scored((True, False), samples=2), asked=3)
    title = labkit.plot(score, kind="pass").layout.title.text
    assert "; 1 task, 2 attempts each" in score.summary and "1 task, 2 attempts each" in title
    for text in (score.summary, title):
        assert "measured, stopped; 3 were to be asked" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": "mine"}, "tasks must be one of lab, humaneval; got 'mine'"),
        ({"tasks": ["a"]}, r"tasks must be one of lab, humaneval; got \['a'\]"),
        ({"items": 21}, "items must be a whole number, 1 to 20; got 21"),
        ({"samples": 0}, "samples must be a whole number, 1 to 100; got 0"),
        ({"temperature": -1}, "temperature must be a number, 0 to 5; got -1"),
        ({"max_tokens": 0}, "max_tokens must be a whole number"),
    ],
)
def test_bad_input_gets_a_sentence(untrained, options, message):
    with pytest.raises(ValueError, match=message):
        labkit.limits.write_code(untrained, **options)


def test_other_backends_get_a_sentence():
    with pytest.raises(labkit.LabError, match="Limits are measured with all probabilities"):
        labkit.limits.write_code("gpt-5")
