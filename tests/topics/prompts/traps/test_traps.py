"""Traps: orders of examples, the winner's curse, power; expected values against simulations."""

import random

import pytest

import labkit
from labkit.topics.prompts.traps.winners_curse import expected_best

from ....ui.marks import faint_marks


@pytest.mark.parametrize(("share", "items", "wordings"), [(0.7, 40, 12), (0.5, 10, 3)])
def test_the_expected_best_is_that_of_a_simulation(share, items, wordings):
    chance = random.Random(0)
    best = [
        max(sum(chance.random() < share for _ in range(items)) for _ in range(wordings)) / items
        for _ in range(2000)
    ]
    assert expected_best(share, items, wordings) == pytest.approx(sum(best) / 2000, abs=0.01)


def test_more_wordings_never_lower_the_expected_best():
    values = [expected_best(0.6, 30, n) for n in range(1, 20)]
    assert values[0] == pytest.approx(0.6) and values == sorted(values)
    assert expected_best(1, 5, 3) == 1 and expected_best(0, 5, 3) == 0


def test_examples_are_reordered_and_unbalanced(smollm2, sentiment, plain):
    traps = labkit.prompts.vary_examples(smollm2, sentiment, plain, items=6)
    assert [each.name for each in traps.orders] == [
        "as given",
        "“positive” last",
        "“negative” last",
        "only “positive”",
        "only “negative”",
    ]
    assert [each.label for each in traps.orders[1:]] == ["positive", "negative"] * 2
    for each in traps.orders:
        assert each.copied_share == each.score.picks[each.label] / 6
    figure = labkit.plot(traps)
    assert list(figure.data[0].y) == [each.score.share for each in traps.orders]
    assert faint_marks(figure) == []
    shares = [100 * each.score.share for each in traps.orders]
    assert [each.value for each in traps.book_entries] == [min(shares), max(shares)]
    with pytest.raises(ValueError, match="two labels or more"):
        labkit.prompts.vary_examples(smollm2, sentiment, plain.without("examples"))


@pytest.mark.slow
def test_a_wording_is_chosen_on_one_half_and_judged_on_the_other(smollm2, sentiment, plain):
    wordings = ["Positive or negative?", "Sentiment?", "Good or bad?"]
    prompt = plain.without("examples")
    curse = labkit.prompts.pick_wording(smollm2, sentiment, prompt, wordings=wordings, items=4)
    assert [each.text for each in curse.wordings] == wordings
    chosen = curse.chosen
    assert chosen.practice.share == max(each.practice.share for each in curse.wordings)
    assert {each.item.half for each in chosen.fresh.items} == {"held out"}
    assert curse.fall == chosen.practice.share - chosen.fresh.share
    assert len(labkit.plot(curse).data) == 3 and faint_marks(labkit.plot(curse)) == []
    with pytest.raises(ValueError, match="two or more"):
        labkit.prompts.pick_wording(smollm2, sentiment, wordings=["one"])
    with pytest.raises(ValueError, match="items must be"):
        labkit.prompts.pick_wording(smollm2, sentiment, items=51)


def test_the_plan_follows_the_disagreement(scored):
    plan = labkit.prompts.plan_items(discordant=0.3)
    assert dict(plan.curve)[0.1] == 234 and "234" in plan.summary
    counts = [count for _, count in plan.curve]
    assert counts == sorted(counts, reverse=True)
    same = labkit.prompts.compare_scores(scored, scored)
    assert labkit.prompts.plan_items(same).discordant == 1 / 12
    assert len(labkit.plot(plan).data[0].x) == len(plan.curve)
    assert faint_marks(labkit.plot(plan)) == []
    assert {50, 100, 200, 500} <= set(labkit.plot(plan).layout.yaxis.tickvals)
    for bad in (0, 2, float("nan"), 1e300):
        with pytest.raises(ValueError, match="discordant"):
            labkit.prompts.plan_items(discordant=bad)
