"""Letters in a word, and words in order: what a model sees as tokens only."""

import random
from collections.abc import Callable

from labkit.backends.capabilities import ScoringModel
from labkit.checks import check_seed, check_whole

from .accuracy_map import AccuracyMap, MapPlan, ask_map
from .ask import Question

_WORDS = """
milk tree door blue fish rain moon gold salt wind book lamp ring snow cake bird hand road king ship
window garden yellow mirror banana hammer silver summer letter rabbit orange bridge castle doctor
    forest pencil planet school winter turtle
mountain elephant umbrella sandwich hospital keyboard dinosaur kangaroo triangle calendar
    chocolate butterfly crocodile lightning newspaper orchestra pineapple telephone wonderful
    yesterday
strawberry revolution parliament chimpanzee accountant blackberry watermelon basketball cheesecake
    friendship generation helicopter laboratory microscope motorcycle restaurant tournament
    university vocabulary toothbrush
"""
LENGTHS = ("4 letters", "6 letters", "8 or 9 letters", "10 letters")
# Common ones, so that the word itself is no difficulty; twenty of each length.
WORDS = tuple(
    tuple(word for word in _WORDS.split() if str(len(word)) in name.split()) for name in LENGTHS
)
FRUITS = ("apple", "banana", "cherry", "grape", "lemon", "mango", "orange", "peach", "plum")


def letters(model: ScoringModel, *, items: int = 16, seed: int = 0) -> AccuracyMap:
    """How many questions about letters and order a model gets right, by length of the word.

    Answers are written at temperature 0. An interrupt keeps what came.

    Args:
        model: from ``labkit.load``.
        items: questions in each cell, 1 to 20.
        seed: of the words.
    Raises:
        ValueError: an argument is out of range.
        LabError: the model does not run in this process.
    """
    check_whole("items", items, 1, 20)
    check_seed(seed)
    draw, again = random.Random(seed), random.Random(seed)
    questions = tuple(
        Question(*asked, row, LENGTHS[length])
        for row in TASKS
        for length in range(len(WORDS))
        for asked in _different(row, length, items, draw, again).items()
    )
    plan = MapPlan(
        "letters",
        "letters and order",
        ("length of the word; of lists: 2 to 5 words", "task"),
        questions,
        SOLVED,
        "Answer in a word or a number.",
        24,
        tuple(words[0] for words in WORDS),
    )
    return ask_map(model, plan)


def _different(
    row: str, length: int, items: int, draw: random.Random, again: random.Random
) -> dict[str, str]:
    """Different questions of a cell, with their answers; `again` replaces what was asked before."""
    found: dict[str, str] = {}
    for word in draw.sample(WORDS[length], items):
        question, answer = TASKS[row](word, draw, length)
        while question in found:
            question, answer = TASKS[row](word, again, length)
        found[question] = answer
    return found


def _first(word: str, draw: random.Random, _: int) -> tuple[str, str]:
    return f'What is the first letter of "{word}"?', word[0]


def _count(word: str, draw: random.Random, _: int) -> tuple[str, str]:
    letter = draw.choice(word)
    return f'How many times does "{letter}" occur in "{word}"?', str(word.count(letter))


def _length(word: str, draw: random.Random, _: int) -> tuple[str, str]:
    return f'How many letters has "{word}"?', str(len(word))


def _reverse(word: str, draw: random.Random, _: int) -> tuple[str, str]:
    return f'Write "{word}" backwards.', word[::-1]


def _sort(word: str, draw: random.Random, length: int) -> tuple[str, str]:
    words = draw.sample(FRUITS, length + 2)
    return f"Sort by alphabet: {', '.join(words)}", ", ".join(sorted(words))


TASKS: dict[str, Callable[[str, random.Random, int], tuple[str, str]]] = {
    "first letter": _first,
    "count a letter": _count,
    "count all letters": _length,
    "write backwards": _reverse,
    "sort words": _sort,
}
SOLVED = (
    ('What is the first letter of "green"?', "g"),
    ('How many times does "e" occur in "green"?', "2"),
    ('How many letters has "green"?', "5"),
    ('Write "green" backwards.', "neerg"),
    ("Sort by alphabet: sea, hill, lake", "hill, lake, sea"),
)
