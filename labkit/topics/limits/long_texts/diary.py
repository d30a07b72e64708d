"""A text of any length in which nothing happens: different sentences, written for this lab."""

import random
from collections.abc import Iterator

# Who, did, what, and when: a line each.
_PARTS = """
The gardener/A neighbour/My aunt/The postman/Our teacher/The baker/A tourist/The captain
washed/painted/carried/repaired/looked for/talked about/sold/photographed/measured/admired/lost
the wooden chairs/a box of apples/the blue bicycle/some old maps/the kitchen window/a pair of boots
in the morning/after lunch/before the rain/in the evening/near the station/by the river/on the way
"""


def sentences(seed: int) -> Iterator[str]:
    """Sentences without end, by chance."""
    draw = random.Random(seed)
    parts = [line.split("/") for line in _PARTS.strip().splitlines()]
    while True:
        yield " ".join(map(draw.choice, parts)) + "."
