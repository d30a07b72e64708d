"""Traps: orders of examples, the winner's curse, power; expected values against simulations."""

import numpy as np
import pytest

import labkit
from labkit.topics.prompts.scoring import score as scoring
from labkit.topics.prompts.tasks.task import SolvedExample
from labkit.topics.prompts.traps.winners_curse import expected_best

from ....ui.marks import faint_marks


def drawn(rng, chances, wordings=12):
    """Equally good wordings: whether each gets each item right, by the item's own chance."""
    return rng.random((wordings, len(chances))) < chances


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_the_expected_best_is_that_of_equal_wordings(spread):
    """Of easy and hard items too, on which they mostly agree."""
    rng = np.random.default_rng(1)
    chances = np.repeat([0.65 - spread, 0.65 + spread], 20)
    samples = [drawn(rng, chances) for _ in range(60)]
    best = np.mean([drawn(rng, chances).mean(axis=1).max() for _ in range(2000)])
    assert np.mean([expected_best(each) for each in samples]) == pytest.approx(best, abs=0.012)


def test_where_wordings_agree_nothing_is_left_to_chance():
    same = np.tile([True, True, False, True], (12, 1))
    assert expected_best(same) == 0.75
    rng = np.random.default_rng(2)
    alike = drawn(rng, np.repeat([0.05, 0.95], 20))
    unlike = drawn(rng, np.full(40, 0.5))
    lead = [expected_best(each) - each.mean() for each in (alike, unlike)]
    assert 0 < lead[0] < lead[1]


def test_examples_are_reordered_and_unbalanced(untrained, sentiment, plain):
    traps = labkit.prompts.vary_examples(untrained, sentiment, plain, items=6)
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
        labkit.prompts.vary_examples(untrained, sentiment, plain.without("examples"))
    own = (SolvedExample("Fine.", "Positive"), SolvedExample("Bad.", "negative"))
    with pytest.raises(ValueError, match="each an option of the task; got Positive, negative"):
        labkit.prompts.vary_examples(untrained, sentiment, plain.changed(examples=own))


def test_a_stop_keeps_the_wordings_with_both_scores(untrained, sentiment, plain, monkeypatch):
    """Practice and fresh items of a wording come one after the other, so half the work is kept."""
    real, begun = scoring.option_logprobs, []

    def stopping(*args):
        begun.append(1)
        if len(begun) == 4:  # the fresh items of the second wording
            raise KeyboardInterrupt
        yield from real(*args)

    monkeypatch.setattr(scoring, "option_logprobs", stopping)
    base, wordings = plain.without("examples"), (each for each in ("Good?", "Bad?", "Good?", "So?"))
    curse = labkit.prompts.pick_wording(untrained, sentiment, base, wordings=wordings, items=2)
    assert [each.text for each in curse.wordings] == ["Good?"]
    assert len(curse.chosen.practice.items) == 2


def test_a_wording_is_chosen_on_one_half_and_judged_on_the_other(untrained, sentiment, plain):
    wordings = ["Positive or negative?", "Sentiment?", "Good or bad?"]
    prompt = plain.without("examples")
    curse = labkit.prompts.pick_wording(untrained, sentiment, prompt, wordings=wordings, items=4)
    assert [each.text for each in curse.wordings] == wordings
    chosen = curse.chosen
    assert chosen.practice.share == max(each.practice.share for each in curse.wordings)
    assert {each.item.half for each in chosen.fresh.items} == {"held out"}
    assert curse.fall == chosen.practice.share - chosen.fresh.share
    assert len(labkit.plot(curse).data) == 3 and faint_marks(labkit.plot(curse)) == []
    with pytest.raises(ValueError, match="two or more"):
        labkit.prompts.pick_wording(untrained, sentiment, wordings=["one"])
    with pytest.raises(ValueError, match="items must be"):
        labkit.prompts.pick_wording(untrained, sentiment, items=51)


def test_the_plan_follows_the_disagreement(scored):
    plan = labkit.prompts.plan_items(discordant=0.3)
    assert dict(plan.curve)[0.1] == 234 and "234" in plan.summary
    counts = [count for _, count in plan.curve]
    assert counts == sorted(counts, reverse=True)
    same = labkit.prompts.compare_scores(scored, scored)
    none = labkit.prompts.plan_items(same)
    assert none.discordant == 0 and none.curve == () and "differ on 0% of the items" in repr(none)
    assert "too few to say" in labkit.plot(none).html
    one = labkit.prompts.plan_items(discordant=0.02)
    assert len(one.curve) == 1 and labkit.plot(one).data[0].mode == "lines+markers"
    with pytest.raises(ValueError, match=r"difference must come from lab\.prompts\.compare_scores"):
        labkit.prompts.plan_items("x")
    assert len(labkit.plot(plan).data[0].x) == len(plan.curve)
    assert faint_marks(labkit.plot(plan)) == []
    assert {50, 100, 200, 500} <= set(labkit.plot(plan).layout.yaxis.tickvals)
    for bad in (0, 2, float("nan"), 1e300):
        with pytest.raises(ValueError, match="discordant"):
            labkit.prompts.plan_items(discordant=bad)
