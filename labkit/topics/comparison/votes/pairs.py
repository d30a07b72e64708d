"""The pairs of answers that are voted on: in a shuffled order, and on shuffled sides."""

import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labkit.checks import check_type
from labkit.topics.comparison.batch.table import BatchTable

NEITHER = ("tie", "both bad")  # what a vote may be other than for a side


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt, as the voter sees them.

    Attributes:
        prompt: the prompt as text.
        a: the name of the backend behind A.
        b: the name of the backend behind B.
        text_a: the answer shown as A.
        text_b: the answer shown as B.
    """

    prompt: str
    a: str
    b: str
    text_a: str
    text_b: str

    @property
    def same(self) -> bool:
        """Whether both texts are the same: a tie that needs no vote."""
        return self.text_a.strip() == self.text_b.strip()

    @property
    def digest(self) -> str:
        """Tells two pairs of answers apart without their texts."""
        texts = json.dumps([self.text_a, self.text_b])
        return hashlib.sha256(texts.encode()).hexdigest()[:12]


def make_pairs(
    table: BatchTable, names: Iterable[str] | None = None, *, seed: int = 0
) -> tuple[Pair, ...]:
    """The answers of two backends, prompt by prompt, in a shuffled order and on shuffled sides.

    Each is A for a random half of the prompts (one more or less if their number is odd), so that a
    habit of choosing the left one favours neither.

    Args:
        table: from ``labkit.comparison.run_batch``.
        names: the names of the two backends; None: the only two.
        seed: the random seed; a class that should see the same order uses the same seed.
    Raises:
        ValueError: there are not two backends, no prompt that both answered, or one of them
            answered with several settings.
    """
    one, other = two_names(table, names)
    table.check_one_setting((one, other))
    both = list(_answered_by_both(table, one, other))
    if not both:
        raise ValueError(f"table must hold a prompt that {one} and {other} both answered; got none")
    rng = random.Random(seed)
    rng.shuffle(both)
    swapped = [index % 2 == 1 for index in range(len(both))]
    if len(both) % 2:
        swapped[-1] = rng.random() < 0.5  # with an odd number, one of them is A once more
    rng.shuffle(swapped)
    return tuple(
        Pair(prompt, other, one, second, first) if swap else Pair(prompt, one, other, first, second)
        for (prompt, first, second), swap in zip(both, swapped, strict=True)
    )


def _answered_by_both(table: BatchTable, one: str, other: str) -> Iterator[tuple[str, str, str]]:
    """Prompt and both answers, in the table's order."""
    answers = {(r.prompt_index, r.prompt_text): r.text for r in table.of(other) if r.answered}
    for row in table.of(one):
        if row.answered and (asked := (row.prompt_index, row.prompt_text)) in answers:
            yield row.prompt_text, row.text, answers[asked]


def two_names(table: BatchTable, names: Iterable[str] | None) -> tuple[str, str]:
    """The names of the two backends to vote on; None: the table's only two.

    Raises:
        ValueError: they are not two of the table's, or one is called like a vote for neither.
    """
    check_type("table", table, BatchTable, "lab.comparison.run_batch")
    if names is None:
        chosen = table.backends
    elif isinstance(names, Iterable) and not isinstance(names, str):
        chosen = tuple(names)
    else:
        chosen = (names,)
    if len(chosen) != 2 or chosen[0] == chosen[1] or not all(n in table.backends for n in chosen):
        known = ", ".join(table.backends)
        raise ValueError(f"names must be two of the table's backends ({known}); got {chosen!r}")
    if taken := set(chosen) & set(NEITHER):
        raise ValueError(f"names must not be {' or '.join(NEITHER)}: these are votes; got {taken}")
    return chosen
