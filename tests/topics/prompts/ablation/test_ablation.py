"""Ablation: each part on and off, in pairs of the same items, with tokens, time and price."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

import labkit
from labkit.stats import Spread
from labkit.topics.prompts.ablation import ablation, figures
from labkit.topics.prompts.ablation.ablation import (
    PRICED,
    ROUNDS,
    Ablation,
    PartEffect,
    _added_s,
    _checked,
    _combined,
)
from labkit.topics.prompts.scoring.difference import compare_scores
from labkit.topics.prompts.tasks.prompt import PARTS

from ....ui.marks import faint_marks


def test_one_part_at_a_time(untrained, sentiment, plain):
    done = labkit.prompts.ablate(untrained, sentiment, plain, items=6)
    assert [each.part for each in done.effects] == [
        "system",
        "instruction",
        "examples",
        "format hint",
        "template",
    ]
    by_prompt = {each.prompt: each for each in done.others}
    without = by_prompt[plain.without("examples")]
    effect = done.effects[2]
    change = compare_scores(without, done.base)
    assert (effect.difference, effect.interval, effect.p) == (
        change.difference,
        change.interval,
        change.p,
    )
    assert effect.tokens == done.base.tokens - without.tokens > 0
    added = by_prompt[plain.changed(template=True)]
    assert done.effects[4].difference == compare_scores(done.base, added).difference
    usd = effect.tokens * done.price.input_usd_per_million / 1e6 * 1000
    assert done.usd_per_1000(effect) == pytest.approx(usd)
    assert done.price.model == PRICED and len(effect.prefill_s.values) == ROUNDS
    figure = labkit.plot(done)
    assert [trace.x[0] for trace in figure.data] == [100 * e.difference for e in done.effects]
    assert "earns" in repr(figure.layout) or "not settled" in repr(figure.layout)
    assert faint_marks(figure) == [] and figure.layout.margin.r < 220  # room for the plot
    assert all(trace.marker.line.width == 2 for trace in figure.data), "hair lines are not seen"
    assert "(measured)" in done.summary
    assert [each.value for each in done.book_entries] == [100 * e.difference for e in done.effects]
    assert done.book_entries[2].name == "examples_gain_points" and done.book_entries[2].note


@pytest.mark.parametrize(
    ("tokens", "money"), [(50, "+125 ct"), (-500, "-1,250 ct"), (0, "+0 ct"), (0.02, "+0.05 ct")]
)
def test_money_has_no_powers_of_ten(tokens, money):
    price = SimpleNamespace(input_usd_per_million=25.0)
    effect = PartEffect("x", 0.25, (0.1, 0.4), 0.03, tokens, None)
    ablation = Ablation("one", None, (), (), price)
    assert figures._cells(ablation, effect)[2] == money


@pytest.mark.parametrize(
    ("rounds", "cell"),
    [((0.1, 0.2, 0.3), "+200 ms"), ((-0.1, 0.2, 0.3), "? +200 ms"), ((-0.2,), "-200 ms")],
)
def test_rounds_of_timing_that_differ_in_sign_say_so(rounds, cell):
    effect = PartEffect("x", 0.25, (0.1, 0.4), 0.03, 1, Spread(rounds))
    assert figures._prefill(effect) == cell
    assert f"{cell.removeprefix('? ')}, {1000 * rounds[0]:+.0f} to " in figures._rounds(effect)
    assert figures._prefill(replace(effect, prefill_s=None)) == "unknown"


def test_what_a_part_adds_is_taken_round_by_round():
    """The machine slows down from round to round; the differences stay."""
    timed = [[1.0, 2.0, 3.0], [1.5, 2.5, 3.5], [2.0, 3.0]]  # the last round was interrupted
    assert _added_s(timed, [(0, 1)]).values == (0.5, 0.5)
    assert _added_s(timed, [(0, 1), (1, 2)]).values == (0.5, 0.5)
    assert _added_s([[], []], [(0, 1)]) is None


@pytest.mark.parametrize(
    ("interval", "p", "verdict"),
    [
        ((0.01, 0.4), 0.0625, "not settled, p 0.062"),
        ((0.01, 0.4), 0.03, "earns its tokens"),
        ((0.01, 0.4), None, "earns its tokens"),
        ((-0.1, 0.4), 0.03, "not settled"),
    ],
)
def test_a_part_is_settled_by_its_interval_and_its_p(interval, p, verdict):
    effect = PartEffect("x", 0.25, interval, p, 1, None)
    assert effect.is_settled == ("not" not in verdict) and effect.verdict == verdict
    assert effect.judgement == verdict.partition(",")[0]
    assert f"{verdict}  " in figures._name(effect)


def test_all_combinations(untrained, sentiment, plain):
    parts = ("instruction", "examples")
    options = {"how": "all combinations", "parts": parts, "items": 4}
    done = labkit.prompts.ablate(untrained, sentiment, plain, **options)
    assert len({done.base.prompt, *(each.prompt for each in done.others)}) == 4
    assert [each.part for each in done.effects] == list(parts)
    scores = {each.prompt: each for each in (done.base, *done.others)}
    other = plain.without("examples")
    pairs = [
        compare_scores(scores[plain.without("instruction")], scores[plain]),
        compare_scores(scores[other.without("instruction")], scores[other]),
    ]
    mean = sum(each.difference for each in pairs) / 2
    assert done.effects[0].difference == pytest.approx(mean)
    assert len(labkit.plot(done, kind="prompts").data[0].x) == 4


def test_a_part_that_the_task_lacks_makes_no_prompt_twice(tmp_path):
    """A task from a CSV has no system message and no examples: three parts, eight prompts."""
    path = tmp_path / "mine.csv"
    path.write_text("text,answer\n" + "".join(f"mail {n},{'ab'[n % 2]}\n" for n in range(8)))
    prompt = labkit.prompts.full_prompt(labkit.prompts.load_task(path))
    prompts = [prompt, *_combined(prompt, prompt, PARTS)]
    assert len(prompts) == len(set(prompts)) == 8


def test_parts_are_read_once_and_each_is_tried_once():
    parts = _checked(each for each in ("system", "examples", "system"))
    assert parts == ("system", "examples")


def test_a_stop_after_the_scores_begins_no_timing(monkeypatch):
    def stopped():
        raise KeyboardInterrupt

    monkeypatch.setattr(ablation, "begin_work", stopped)
    monkeypatch.setattr(ablation, "encoded", lambda *_: [1])
    monkeypatch.setattr(ablation, "rendered", lambda *_: "")
    task = SimpleNamespace(items=[SimpleNamespace(text="a")])
    assert ablation._time(None, task, [None, None]) == [[], []]


def test_bad_arguments_are_named(untrained, sentiment):
    bad_parts = ({"parts": each} for each in (("colour",), (), "system", 5, iter(())))
    for arguments in ({"how": "half"}, *bad_parts):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            labkit.prompts.ablate(untrained, sentiment, **arguments)
    with pytest.raises(labkit.LabError, match="no model 'nothing'"):
        labkit.prompts.ablate(untrained, sentiment, price_model="nothing")
