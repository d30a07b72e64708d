"""Determinism: one thing varied at a time, first differences, and everything restored after."""

import math

import pytest
import torch

import labkit
from labkit.backends.local import model as local_model
from labkit.backends.local import overrides
from labkit.backends.reply import Outcome, Reply
from labkit.backends.settings import Settings
from labkit.backends.steps import Alternative, Step
from labkit.errors import LabError
from labkit.topics.sampling.determinism import repeat as repeat_module
from labkit.topics.sampling.determinism.figures import repeats_table
from labkit.topics.sampling.determinism.repeat import repeat
from labkit.topics.sampling.determinism.results import VARIATIONS, Condition, RepeatRun, Repeats

PROMPT = "the cat sat"


@pytest.fixture(scope="module")
def tiny(make_tiny, tmp_path_factory):
    return labkit.load(make_tiny(tmp_path_factory.mktemp("tiny")), dtype="float32")


@pytest.fixture(scope="module")
def repeats(tiny):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overrides, "thread_count", lambda: 2)
        return repeat(tiny, PROMPT, times=3, max_tokens=8, temperature=1.0, raw=True)


def condition(repeats, name):
    return next(each for each in repeats.conditions if each.name == name)


def ids(reply):
    return tuple(step.token_id for step in reply.steps)


# -- the runs ------------------------------------------------------------------------------------


def test_every_condition_has_its_runs(repeats):
    assert repeats.summary.endswith("(measured)")
    assert [each.name for each in repeats.conditions] == list(VARIATIONS)
    assert [len(each.runs) for each in repeats.conditions] == [3, 3, 3, 2, 2, 2]
    assert all(each.why_not is None for each in repeats.conditions)


def test_the_same_seed_gives_the_same_answer_other_seeds_others(tiny, repeats):
    same = condition(repeats, "nothing")
    assert same.differences == (None, None)
    assert same.largest_shift == 0
    other = condition(repeats, "seed")
    assert [run.reply.settings.seed for run in other.runs] == [0, 1, 2]
    assert other.earliest_difference is not None
    alone = labkit.generate(tiny, PROMPT, temperature=1.0, seed=2, max_tokens=8, raw=True)
    assert other.runs[2].ids == ids(alone)


def test_temperature_0_is_the_same_every_time_and_is_the_reference(tiny, repeats):
    zero = condition(repeats, "temperature 0")
    assert zero.earliest_difference is None
    for name in ("batch", "dtype", "threads"):
        first, other = condition(repeats, name).runs
        assert first.label in ("alone", "in float32", "with 2 threads")
        assert first.ids == zero.runs[0].ids
        assert other.reply.settings.temperature == 0
    alone = labkit.generate(tiny, PROMPT, temperature=0, max_tokens=8, raw=True)
    assert zero.runs[0].ids == ids(alone)


def test_another_dtype_really_computes_differently(tiny, repeats):
    dtype = condition(repeats, "dtype")
    assert dtype.runs[1].label == "in bfloat16"
    assert dtype.largest_shift is None or dtype.largest_shift > 0
    assert next(tiny.model.parameters()).dtype == torch.float32


def test_only_the_requested_variations_run(tiny):
    (only,) = repeat(tiny, PROMPT, vary="batch", max_tokens=4, raw=True).conditions
    assert (only.name, len(only.runs)) == ("batch", 2)


def test_without_a_seed_the_runs_have_fresh_ones(tiny):
    (only,) = repeat(tiny, PROMPT, vary="seed", times=2, max_tokens=2, seed=None).conditions
    first, second = (run.reply.settings.seed for run in only.runs)
    assert second == first + 1


def test_threads_are_restored_also_after_an_error(tiny):
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), overrides.threads(1):
        assert torch.get_num_threads() == 1
        raise RuntimeError
    assert torch.get_num_threads() == before


def test_a_variation_that_cannot_run_has_its_reason(tiny, monkeypatch):
    monkeypatch.setattr(overrides, "thread_count", lambda: 1)
    full = LabError("There is no room for a second copy.")
    monkeypatch.setattr(overrides, "load", lambda *_, **__: (_ for _ in ()).throw(full))
    result = repeat(tiny, PROMPT, vary=("threads", "dtype"), max_tokens=4, raw=True)
    reasons = {each.name: each.why_not for each in result.conditions}
    assert "one thread here" in reasons["threads"]
    assert "no room" in reasons["dtype"]
    assert "in two number formats: not run; temperature 0, with all threads" in result.summary
    assert "no room for a second copy" in repeats_table(result).html


def test_an_interrupt_keeps_the_runs_so_far(tiny, monkeypatch):
    calls = []

    def two_then_stop(*args, **settings):
        calls.append(settings)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return labkit.generate(*args, **settings)

    monkeypatch.setattr(repeat_module, "generate", two_then_stop)
    result = repeat(tiny, PROMPT, vary=("nothing", "batch"), times=3, max_tokens=4, raw=True)
    assert [len(each.runs) for each in result.conditions] == [2, 0]
    assert result.summary.endswith("(stopped, measured)")
    assert "stopped before its turn" in result.conditions[1].why_not


def test_an_interrupt_with_the_last_token_stops_the_rest_too(tiny, monkeypatch):
    write, written = local_model.StepWriter.write, []

    def interrupted(writer, token):
        step = write(writer, token)
        written.append(step)
        if len(written) == 8:  # the second answer's last
            raise KeyboardInterrupt
        return step

    monkeypatch.setattr(local_model.StepWriter, "write", interrupted)
    result = repeat(tiny, PROMPT, vary="nothing", times=9, max_tokens=4, raw=True)
    (only,) = result.conditions
    assert [run.reply.finish for run in only.runs] == ["length", "interrupted"]
    assert len(written) == 8 and result.stopped


def test_a_stopped_answer_is_no_proof_that_all_are_the_same():
    begun = run_of("run 2", A, finish="interrupted")
    early = Condition("nothing", (run_of("run 1", A, B), begun))
    later = Condition("nothing", (run_of("run 1", A, B), run_of("run 2", A, B), begun))
    for only, verdict in ((early, "before there was a second answer"), (later, "2 runs, all the")):
        result = Repeats("m", "p", (only,), stopped=True)
        page = repeats_table(result).html
        assert verdict in result.summary and result.summary.endswith("(stopped, measured)")
        assert "repeated · stopped, measured" in page and "run 2 (stopped)" in page
    assert "✓" not in repeats_table(Repeats("m", "p", (early,))).html
    assert early.largest_shift is None and later.differences == (None,)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"vary": ("weather",)}, "vary must be one or more of nothing, seed, .*; got .'weather'"),
        ({"vary": ()}, "vary must be one or more"),
        ({"vary": None}, "vary must be one or more .* got None"),
        ({"vary": 5}, "vary must be one or more .* got 5"),
        ({"vary": [["seed"]]}, "vary must be one or more"),
        ({"times": 1}, "times must be a whole number, 2 to 100; got 1"),
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"seed": "x"}, "seed must be a whole number"),
        ({"seed": 2**63 - 1}, "seed must be a whole number, 0 to .*,803; got 9223372036854775807"),
        ({"prompt": ""}, "prompt must have"),
    ],
)
def test_bad_input_is_refused_at_once(tiny, bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        repeat(tiny, **{"prompt": PROMPT, **bad})


def test_the_same_answer_every_time_and_a_wrong_one(smollm2):
    result = repeat(smollm2, "What is 12 x 12?", vary=("temperature 0",), times=2, max_tokens=12)
    (zero,) = result.conditions
    assert zero.earliest_difference is None
    assert "144" not in zero.runs[0].reply.text


# -- first differences ---------------------------------------------------------------------------


def run_of(label, *tokens, finish="stop"):
    """A run by hand; tokens are (id, text, logprob), the alternative always the same."""
    steps = tuple(
        Step(
            token,
            text,
            logprob,
            0.0,
            (Alternative(token, text, logprob), Alternative(99, "<i>", math.log(0.25))),
            1.0,
            0.1,
        )
        for token, text, logprob in tokens
    )
    return RepeatRun(label, Reply("m", "p", Settings(seed=0), steps, Outcome(finish, 1)))


A, B, C = ((1, "a", math.log(0.5)), (2, " b", math.log(0.3)), (3, "<b>", math.log(0.3)))


def test_a_difference_by_hand():
    close = (1, "a", math.log(0.5) + 1e-3)
    result = Condition("batch", (run_of("alone", A, B), run_of("batch", close, C)))
    (difference,) = result.differences
    assert (difference.index, difference.first, difference.other) == (1, " b", "<b>")
    assert difference.gap == pytest.approx(math.log(0.3 / 0.25))
    assert result.largest_shift == pytest.approx(1e-3)


def test_the_earliest_of_several_differences_counts():
    result = Condition("seed", (run_of("1", A, B), run_of("2", A, C), run_of("3", C, B)))
    assert [difference.index for difference in result.differences] == [1, 0]
    assert result.earliest_difference.index == 0


def test_an_answer_that_was_stopped_early_does_not_differ():
    result = Condition("seed", (run_of("1", A, B), run_of("2", A)))
    assert result.differences == (None,)


def test_tokens_that_a_server_does_not_report_are_compared_by_text():
    """As of an emoji, whose tokens come with one event, without numbers and scores."""

    def run(label, text):
        step = Step(None, text, None, None, (), None, 0.1)
        return RepeatRun(label, Reply("m", "p", Settings(seed=0), (step,), Outcome("stop", 1)))

    same = Condition("nothing", (run("run 1", "😀"), run("run 2", "😀")))
    assert same.differences == (None,) and same.largest_shift is None
    other = Condition("seed", (run("seed 0", "😀"), run("seed 1", "😁")))
    assert other.earliest_difference.gap is None
    page = repeats_table(Repeats("m", "p", (same, other))).html
    assert "differ from token 1 on: one has “😀”, another “😁”</div>" in page


# -- the table -----------------------------------------------------------------------------------


def test_the_table_has_a_row_for_each_different_answer_and_marks_the_difference():
    same = [run_of(f"run {n}", A, B) for n in range(3)]
    result = Repeats(
        "m",
        "p",
        (
            Condition("nothing", tuple(same)),
            Condition("batch", (run_of("alone", A, B), run_of("in a batch", A, C))),
        ),
    )
    html = repeats_table(result).html
    assert html.count('<th scope="row"') == 3
    assert "✓ 3 answers, all the same; the log-probabilities are the same too" in html
    assert "✗ differ from token 2 on: one has “·b”, another “&lt;b&gt;”" in html
    assert html.count("first difference from the first answer") == 2  # title and label of one bar
    assert "<i>" not in html


def test_the_table_of_real_runs(repeats):
    html = repeats_table(repeats).html
    assert "all 3" in html
    assert "temperature 0, in two number formats" in html
    assert html.index("mathjax_ignore") < html.index("the same request"), "dollar signs stay signs"
