"""Sums, differences and products of numbers of more and more digits."""

import operator
import random
from collections.abc import Sequence

from labkit.backends.capabilities import ScoringModel
from labkit.checks import check_seed, check_whole, checked_several

from .accuracy_map import AccuracyMap, MapPlan, ask_map
from .ask import Question

OPERATIONS = {"+": operator.add, "−": operator.sub, "×": operator.mul}
SIGNS = {"−": "-"}  # as most texts write it
MOST_DIGITS = 18
MOST_ITEMS = 40  # there are 45 differences of single digits
# Numbers of different length: none of them is asked.
SOLVED = (("12 + 7 =", "19"), ("31 - 8 =", "23"), ("12 × 3 =", "36"))


def arithmetic(
    model: ScoringModel,
    *,
    digits: Sequence[int] = (1, 2, 3, 4, 6),
    operations: Sequence[str] = tuple(OPERATIONS),
    items: int = 20,
    seed: int = 0,
) -> AccuracyMap:
    """How many calculations a model gets right, by operation and number of digits.

    Both numbers have that many digits; no difference is below 0. Answers are written at
    temperature 0. An interrupt keeps what came.

    Args:
        model: from ``labkit.load``.
        digits: numbers of digits, each 1 to 18.
        operations: of ``"+"``, ``"−"`` and ``"×"``; ``"-"`` and ``"*"`` mean the same.
        items: calculations in each cell, 1 to 40.
        seed: of the numbers.
    Raises:
        ValueError: an argument is out of range.
        LabError: the model does not run in this process.
    """
    bound = f"one or more of {', '.join(OPERATIONS)}"
    signs = tuple(operations) if isinstance(operations, str) else operations
    signs = checked_several("operations", signs, str, bound)
    names = [{"-": "−", "*": "×"}.get(each, each) for each in signs]
    if not set(names) <= set(OPERATIONS):
        raise ValueError(f"operations must be {bound}; got {operations!r}")
    digits = checked_several("digits", digits, int, "one or more numbers of digits, as in (1, 2)")
    for each in digits:
        check_whole("each number of digits", each, 1, MOST_DIGITS)
    check_whole("items", items, 1, MOST_ITEMS)
    check_seed(seed)
    draw = random.Random(seed)
    questions = tuple(
        question
        for name in dict.fromkeys(names)
        for count in dict.fromkeys(digits)
        for question in calculations(name, count, items, draw)
    )
    samples = tuple(
        next(each.text.split()[0] for each in questions if each.column == _digits(count))
        for count in dict.fromkeys(digits)
    )
    plan = MapPlan(
        "arithmetic",
        "arithmetic",
        ("digits of both numbers", "operation"),
        questions,
        SOLVED,
        "Calculate.",
        2 * max(digits) + 4,
        samples,
    )
    return ask_map(model, plan)


def _digits(count: int) -> str:
    return f"{count} digit{'' if count == 1 else 's'}"


def calculations(name: str, count: int, items: int, draw: random.Random) -> list[Question]:
    """Different calculations of a cell."""
    found: dict[str, Question] = {}
    while len(found) < items:
        first, second = (draw.randrange(10 ** (count - 1), 10**count) for _ in range(2))
        if name == "−":
            first, second = max(first, second), min(first, second)
        right = OPERATIONS[name](first, second)
        text = f"{first} {SIGNS.get(name, name)} {second} ="
        found[text] = Question(text, str(right), name, _digits(count), (f"{right:,}",))
    return list(found.values())
