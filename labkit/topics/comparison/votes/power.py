"""Statistical power of blind votes: their effective number, and how many settle a preference."""

import functools
import itertools
import math
from collections.abc import Hashable, Iterator, Sequence
from statistics import NormalDist

from labkit.checks import check_number
from labkit.stats import ALPHA, LEVEL, z_of

POWER = 0.8
FEWEST_PROMPTS = math.ceil(math.log2(2 / ALPHA))  # fewer can all agree by chance: 2 / 2 ** 5 > 0.05
MOST_EXACT = 1_000  # votes whose power is added up; that of more is a normal distribution's


def effective_sample_size(
    wins: Sequence[bool], prompts: Sequence[Hashable], *groupings: Sequence[Hashable]
) -> float:
    """The number of independent votes that carry as much information as these clustered ones.

    Thirty votes on one prompt say much about that prompt and little about others. The number of
    votes is divided by the design effect: how much more the share varies from group to group than
    with independent votes. Of several groupings, the one with the largest effect counts.

    Where all votes agree, they do not show how much groups differ. Then they count as one for each
    prompt, as the next prompt may be another matter. The number of voters is no such limit: what
    is settled is what these voters prefer. Votes that agree less are worth no more than that: the
    interval's end nearer to one half is at best where it would be if all agreed.

    Args:
        wins: for each vote, whether the first backend was preferred.
        prompts: for each vote, its prompt.
        groupings: more groupings, with the group of each vote: its voter.
    Returns:
        At most the number of votes; where all agree, the number of prompts.
    Source: Kish 1965, "Survey Sampling" (design effect); Miller 2024, "Adding Error Bars to
        Evals", section 2.2, for questions as clusters; Wilson's interval with the effective
        number: Korn and Graubard 1998. The limit by prompts is this lab's own.

    >>> effective_sample_size([True, True, False, False], ["x", "x", "y", "y"])
    1.0
    >>> round(effective_sample_size([True, True, True, True], ["x", "x", "y", "y"]), 9)
    2.0
    """
    most = _most_worth(sum(wins) / len(wins), len(set(prompts)))
    return min(most, clustered_sample_size(wins, prompts, *groupings))


def _most_worth(share: float, prompts: int) -> float:
    """The number with which Wilson's interval of a share ends where that of full agreement does.

    If all agree, it ends at n / (n + z²), n being the number of prompts; at that end, the share is
    z standard deviations off.
    """
    z2 = z_of(LEVEL) ** 2
    beyond = max(share, 1 - share) * (prompts + z2) - prompts
    return max(1.0, (z2 / beyond) ** 2) * prompts if beyond > 0 else math.inf


def clustered_sample_size(wins: Sequence[bool], *groupings: Sequence[Hashable]) -> float:
    """The number of votes divided by the largest design effect, as far as they show one.

    Args:
        wins: for each vote, whether the first backend was preferred.
        groupings: for each vote, its group: its prompt; its voter. A grouping with a single group
            says nothing about how groups differ, and is ignored.
    """
    return min(float(len(wins)), *(_effective_n(wins, groups) for groups in groupings))


def _effective_n(wins: Sequence[bool], groups: Sequence[Hashable]) -> float:
    sums: dict[Hashable, list[int]] = {}
    for win, group in zip(wins, groups, strict=True):
        won_of = sums.setdefault(group, [0, 0])
        won_of[0] += win
        won_of[1] += 1
    votes, clusters = len(wins), len(sums)
    if clusters in (1, votes):
        return float(votes)
    share = sum(wins) / votes
    spread = sum((won - share * size) ** 2 for won, size in sums.values())
    variance = clusters / (clusters - 1) * spread / votes**2
    return max(1.0, min(votes, share * (1 - share) / variance if variance else votes))


def votes_needed(
    share: float, *, undecided: float = 0.0, power: float = POWER, level: float = LEVEL
) -> int:
    """The number of votes that would settle which of two is preferred, at a given true share.

    Settled means that the interval lies entirely on one side of one half, and that the exact test
    agrees. With this number of votes that happens in 80 of 100 such elections (`power`).

    Args:
        share: the true share of the decided votes, 0 to 1 but not one half: no number of votes
            settles a draw.
        undecided: the share of ties and "both bad" among all votes, 0 to below 1.
        power: the probability of settling it, 0 to 1.
        level: the confidence level of the interval; the test has what is left to 1.
    Returns:
        The number of all votes, undecided ones included.
    Source: the exact power of the sign test, which rejects nothing that Wilson's interval holds;
        beyond `MOST_EXACT` the sample size of a test of one proportion, Fleiss, Levin and Paik
        2003, "Statistical Methods for Rates and Proportions", section 2.5, with continuity
        correction.

    >>> votes_needed(0.6), votes_needed(0.9)
    (199, 12)
    """
    check_number("share", share, "0 to 1 and not 0.5", lambda x: 0 <= x <= 1 and x != 0.5)
    check_number("power", power, "above 0 and below 1", lambda x: 0 < x < 1)
    check_number("level", level, "above 0 and below 1", lambda x: 0 < x < 1)
    check_number("undecided", undecided, "at least 0 and below 1", lambda x: 0 <= x < 1)
    return math.ceil(_decided_needed(max(share, 1 - share), power, level) / (1 - undecided))


@functools.cache
def _decided_needed(share: float, power: float, level: float) -> int:
    root = z_of(level) / 2 + NormalDist().inv_cdf(power) * math.sqrt(share * (1 - share))
    ahead = 2 * share - 1
    rough = ((root + math.sqrt(root**2 + ahead)) / ahead) ** 2
    exact = _powers(share, 1 - level) if rough <= MOST_EXACT else ()
    # A power of nearly 1 may be out of reach of the sum's rounding.
    reached = itertools.islice(exact, 2 * MOST_EXACT)
    enough = (n for n, each in enumerate(reached) if each >= power)
    return next(enough, math.ceil(rough))


def _powers(share: float, alpha: float) -> Iterator[float]:
    """The chance that 0 votes, 1, 2 and so on settle it for the preferred one, by the exact test.

    Args:
        share: the true share of the preferred one.
        alpha: the significance level, of both sides together.
    """
    least, by_chance, power = 1, 0.0, 0.0  # wins that settle it; the chance of that many or more
    for votes in itertools.count():
        yield power
        by_chance += 0.5 * _chance(least - 1, votes, 0.5)
        power += share * _chance(least - 1, votes, share)
        if 2 * by_chance > alpha:  # then one more
            by_chance -= _chance(least, votes + 1, 0.5)
            power -= _chance(least, votes + 1, share)
            least += 1


def _chance(wins: int, votes: int, share: float) -> float:
    """The chance of exactly that many wins in these votes."""
    if share == 1:
        return float(wins == votes)
    log_count = math.lgamma(votes + 1) - math.lgamma(wins + 1) - math.lgamma(votes - wins + 1)
    return math.exp(log_count + wins * math.log(share) + (votes - wins) * math.log1p(-share))
