"""The texts of notebook 05's lessons: what people paste into a chat without a second look."""

import random

from ..data import read_data
from .labelled import parse

NAMES = ("login", "customer")


def read_leak(name: str) -> str:
    """One of the texts, the random parts of its fake keys filled in; the same each time.

    Args:
        name: ``"login"``, a login function with a question about it; ``"customer"``, a record.
    Raises:
        ValueError: no such text.
        LabError: the lab's data is missing.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}; got {name!r}")
    told = read_data("leaks.json")
    return parse(told[name], random.Random(told["seed"])).text
