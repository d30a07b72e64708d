"""A text of any length in which nothing happens: different sentences, written for this lab."""

import random
from collections.abc import Iterator

_WHO = ("The gardener", "A neighbour", "My aunt", "The postman", "Our teacher", "The baker",
        "A tourist", "The old captain", "The librarian", "A student", "The tailor",
        "The dentist")  # fmt: skip
_DID = ("washed", "painted", "carried", "repaired", "looked for", "talked about", "sold",
        "photographed", "measured", "admired", "lost", "wrapped")  # fmt: skip
_WHAT = ("the wooden chairs", "a box of apples", "the blue bicycle", "some old maps",
         "the kitchen window", "a pair of boots", "the long table", "two heavy suitcases",
         "a kite", "the garden fence", "a basket of bread", "the radio")  # fmt: skip
_WHEN = ("in the morning", "after lunch", "before the rain", "in the evening", "near the station",
         "behind the church", "by the river", "without a word", "on the way home",
         "for the second time")  # fmt: skip


def sentences(seed: int) -> Iterator[str]:
    """Sentences without end, by chance."""
    draw = random.Random(seed)
    while True:
        yield " ".join(map(draw.choice, (_WHO, _DID, _WHAT, _WHEN))) + "."
