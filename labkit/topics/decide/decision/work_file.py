"""What was typed into the decision's panel, as texts, in a file that the same cell opens again."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from labkit.filesystem.read import read_shared, wrong_content
from labkit.filesystem.write import write_json

from .core import NOTHING, SENSITIVITIES, WorkKind
from .quality import TESTS
from .recommend import MOST_KINDS

MAY_LEAVE = (NOTHING, *SENSITIVITIES)
WHAT, HINT = "kinds of work", "Name a file that lab.decide.decision_panel wrote."


@dataclass(frozen=True, slots=True)
class TypedKind:
    """A kind of work as it stands in the panel: texts, which may not be numbers yet."""

    name: str = ""
    like: str = "general"
    sensitivity: str = "internal"
    per_week: str = "100"
    tokens_in: str = "500"
    tokens_out: str = "200"
    least_right: str = ""
    most_s: str = ""


@dataclass(frozen=True, slots=True)
class TypedWork:
    """All that stands in the panel: the kinds of work, and the limits."""

    labkit_work: Literal[1]
    kinds: tuple[TypedKind, ...]
    may_leave: str = "internal"
    offline: bool = False
    budget_usd: str = ""


def typed(kinds: Sequence[WorkKind]) -> TypedWork:
    """Kinds of work as one would type them."""
    return TypedWork(1, tuple(map(_typed_kind, kinds)))


def _typed_kind(kind: WorkKind) -> TypedKind:
    numbers = (kind.per_week, kind.tokens_in, kind.tokens_out)
    share = f"{100 * kind.least_right:.10g}" if kind.least_right else ""
    seconds = f"{kind.most_s:,.10g}" if math.isfinite(kind.most_s) else ""
    return TypedKind(
        *(kind.name, kind.like, kind.sensitivity),
        *(f"{each:,.10g}" for each in numbers),
        *(share, seconds),
    )


def read_work(path: str | Path) -> TypedWork:
    """What a file holds.

    Raises:
        LabError: there is no such file, or it holds something else.
    """
    found = read_shared(path, TypedWork, WHAT, hint=HINT)
    if len(found.kinds) > MOST_KINDS:
        raise wrong_content(path, WHAT, f"it has more than {MOST_KINDS}", HINT)
    if found.may_leave not in MAY_LEAVE or not all(
        each.like in TESTS and each.sensitivity in SENSITIVITIES for each in found.kinds
    ):
        raise wrong_content(path, WHAT, "a choice is unknown", HINT)
    return found


def save_work(work: TypedWork, path: str | Path) -> Path:
    """Writes it as JSON; an existing file is replaced atomically."""
    return write_json(path, asdict(work))
