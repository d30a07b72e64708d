"""`long_text`: a fact hidden at several depths of texts of several lengths: is it found?"""

import random
from collections.abc import Sequence

from labkit.backends.capabilities import ScoringModel
from labkit.checks import check_seed, check_whole
from labkit.topics.limits.accuracy.accuracy_map import AccuracyMap, MapPlan, ask_map
from labkit.topics.limits.accuracy.ask import Question
from labkit.topics.limits.arguments import check_model

from .diary import sentences

DEPTHS = 10
SHORTEST, LONGEST = 64, 800  # tokens: a few sentences, a long page
COLOURS = ("blue", "green", "red", "yellow", "white", "black", "brown", "grey", "orange", "pink")
OTHERS = 3  # doors whose codes are not asked
FACT = "The code of the {} door is {}"
QUESTION_TOKENS = 120  # of the facts, the question and the answer, at most


def long_text(
    model: ScoringModel, *, lengths: Sequence[int] | None = None, items: int = 1, seed: int = 0
) -> AccuracyMap:
    """Where in a long text a model finds a fact: at ten depths, in texts of several lengths.

    The fact is the code of a door, in a diary in which nothing happens; the codes of three other
    doors stand elsewhere in it. Answers are written at temperature 0. An interrupt keeps what came.

    Args:
        model: from ``labkit.load``.
        lengths: tokens of the texts, each 64 to as many as the model's context leaves; None: up to
            800, or what it leaves, and a half, a quarter and an eighth of that.
        items: texts in each cell, 1 to 20.
        seed: of the texts and the codes.
    Raises:
        ValueError: an argument is out of range.
        LabError: the model does not run in this process.
    """
    check_model(model)
    most = model.context - QUESTION_TOKENS
    if lengths is None:
        lengths = [max(SHORTEST, min(LONGEST, most) // part) for part in (8, 4, 2, 1)]
    if not isinstance(lengths, Sequence) or isinstance(lengths, str) or not lengths:
        raise ValueError(f"lengths must be a list of numbers of tokens; got {lengths!r:.60}")
    for each in lengths:
        check_whole("each length", each, SHORTEST, most)
    check_whole("items", items, 1, 20)
    check_seed(seed)
    draw = random.Random(seed)
    questions = tuple(
        _question(_diary(model, length, draw.getrandbits(32)), length, depth, draw)
        for length in dict.fromkeys(lengths)
        for depth in range(DEPTHS)
        for _ in range(items)
    )
    axes = ("how far into the text the fact stands", "length of the text")
    title, how = "a fact in a long text", {"stop": ".", "is_long": True}
    return ask_map(model, MapPlan("long_text", title, axes, questions, (), "", 8, **how))


def _diary(model: ScoringModel, length: int, seed: int) -> list[str]:
    """Sentences that have about that many tokens together."""
    found: list[str] = []
    count = 0
    for sentence in sentences(seed):
        count += len(model.tokenizer(f" {sentence}", add_special_tokens=False)["input_ids"])
        if count > length:
            return found
        found.append(sentence)
    return found


def _question(diary: Sequence[str], length: int, depth: int, draw: random.Random) -> Question:
    (colour, code), *others = [
        (each, str(draw.randrange(1000, 10_000))) for each in draw.sample(COLOURS, 1 + OTHERS)
    ]
    text = list(diary)
    for each in others:
        text.insert(draw.randrange(len(text) + 1), FACT.format(*each) + ".")
    text.insert(round(depth / (DEPTHS - 1) * len(text)), FACT.format(colour, code) + ".")
    asked = f"Q: What is the code of the {colour} door?\nA: {FACT.format(colour, '').rstrip()}"
    row, column = f"{length:,} tokens", f"{depth / (DEPTHS - 1):.0%}"
    return Question(f"{' '.join(text)}\n\n{asked}", code, row, column)
