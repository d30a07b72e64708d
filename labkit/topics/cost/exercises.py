"""Checks of notebook 06's exercises: any right answer passes, a wrong one gets the reason."""

from typing import Any

from labkit.checks import is_number
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.formatting import usd

from .amortization.break_even import BreakEven, list_estimates
from .cloud_bill import Week, week
from .past_prices import ARTICLE_USD
from .team import mean_wait_s

CHEAP_USD, SOON_WEEKS, RARE = 20.0, 15.0, 0.1
SETTINGS = ("hours_on", "yearly_price_fall", "hourly_rate_usd", "cloud_s")


def check_return(mine: Week | None) -> ExerciseResult:
    """Exercise 1: a cheap model's week that costs as much as the article says, nothing more asked.

    Args:
        mine: the learner's week.
    """
    if not isinstance(mine, Week):
        return not_yet("Replace None with a week from lab.cost.week(…).")
    plain = week(model=mine.model)
    if plain.total_usd >= CHEAP_USD:
        return not_yet(
            f"{mine.model} costs {usd(plain.total_usd)} without any switch. Take one that costs "
            f"less than {usd(CHEAP_USD)}."
        )
    if mine.questions > 800 or mine.tokens_in > 500 or mine.tokens_out > 1000:
        return not_yet(
            f"You ask {mine.questions:,.0f} questions of {mine.tokens_in:,} tokens, with answers "
            f"of {mine.tokens_out:,}. Take no more than the article's 800, 500 and 1,000."
        )
    low, high = ARTICLE_USD
    if not low <= mine.total_usd <= high:
        size = "too little" if mine.total_usd < low else "too much"
        return not_yet(f"{usd(mine.total_usd)} is {size}. Which tokens are billed besides those?")
    dearest = max(mine.steps[2:], key=lambda step: step.usd)
    return solved(
        f"{usd(mine.total_usd)} in place of {usd(plain.total_usd)}, most of it for "
        f"{dearest.name}: no more questions, no longer answers to read."
    )


def check_single_change(before: BreakEven, mine: BreakEven | None) -> ExerciseResult:
    """Exercise 2: one change that makes "weeks to break even" true again.

    Args:
        before: the break-even to start from.
        mine: the learner's, with one argument of it changed.
    """
    if not isinstance(mine, BreakEven):
        return not_yet("Replace None with lab.cost.break_even(…), with one change.")
    changes = find_changes(before, mine)
    if not changes:
        return not_yet("Nothing is changed yet.")
    if len(changes) > 1:
        return not_yet(f"That is more than one change: {', '.join(changes)}.")
    if mine.median_weeks is None or mine.median_weeks > SOON_WEEKS or mine.never_share > RARE:
        return not_yet(
            f"{changes[0]}, and it is {mine.headline}. Half of the draws must break even within "
            f"{SOON_WEEKS:.0f} weeks, and at most {RARE:.0%} never."
        )
    return solved(f"{changes[0]}, and it is {mine.headline}. Is that change one you can make?")


def find_changes(before: BreakEven, mine: BreakEven) -> list[str]:
    """What a learner has changed, in words; what follows from a change does not count again."""
    if before.cloud_name != before.week.model or mine.cloud_name != mine.week.model:
        prices = {each.estimates["question_usd"].likely for each in (before, mine)}
        week_changes = [] if len(prices) == 1 else ["the cloud's bill"]
        if mine.week != week(model="gpt-4"):  # which stands behind a bill that was given
            week_changes += _differences(before.week, mine.week)
    else:
        week_changes = _differences(before.week, mine.week)
    settings = [name for name in SETTINGS if getattr(before, name) != getattr(mine, name)]
    if "cloud_s" in settings and before.week.model != mine.week.model:
        settings.remove("cloud_s")  # each model has its own
    same = before.hardware.name == mine.hardware.name
    if not same:
        settings.append("the hardware")
    elif any(getattr(before.hardware, n) != getattr(mine.hardware, n) for n in _SPEEDS):
        settings.append("the speed of the hardware")
    then = list_estimates(before.week, before.hardware, before.week.total_usd)
    now = list_estimates(mine.week, before.hardware if same else mine.hardware, mine.week.total_usd)
    # What the week or the hardware says, where they say something else now; and what is a change
    # of its own already.
    expected = before.estimates | {name: now[name] for name in now if now[name] != then[name]}
    if "the cloud's bill" in week_changes:
        expected["question_usd"] = mine.estimates["question_usd"]
    if "the speed of the hardware" in settings:
        expected["seconds"] = mine.estimates["seconds"]
    estimates = [name for name, each in mine.estimates.items() if each != expected[name]]
    return [*week_changes, *estimates, *settings]


_SPEEDS = ("decode_tokens_per_s", "prefill_tokens_per_s")
_WEEK = (
    "model", "questions_per_hour", "hours", "people", "tokens_in", "tokens_out",
    "thinking_tokens", "turns", "cached_share", "batch",
)  # fmt: skip


def _differences(one: Week, other: Week) -> list[str]:
    return [name for name in _WEEK if getattr(one, name) != getattr(other, name)]


def check_team(
    people: Any, *, seconds: float, questions_per_hour: float, most_wait_s: float
) -> ExerciseResult:
    """Exercise 3: the largest team that waits no longer than a limit, on average.

    Args:
        people: the learner's number.
        seconds: of an answer.
        questions_per_hour: of one person.
        most_wait_s: the limit of the mean wait.
    """
    if not is_number(people) or people != int(people) or people < 1:
        return not_yet("Replace None with a whole number of people.")

    def wait(number: int) -> float:
        return mean_wait_s(number * questions_per_hour * seconds / 3600, seconds)

    people = int(people)
    mine, next_one = wait(people), wait(people + 1)
    if mine > most_wait_s:
        end = f"{mine:.1f} s" if mine < float("inf") else "without end"
        return not_yet(f"With {people}, the mean wait is {end}.")
    if next_one <= most_wait_s:
        return not_yet(f"With {people}, the mean wait is {mine:.1f} s: there is room for more.")
    after = f"{next_one:.1f} s" if next_one < float("inf") else "without end"
    return solved(f"With {people}, they wait {mine:.1f} s on average; one more, and it is {after}.")
