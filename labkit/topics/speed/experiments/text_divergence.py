"""What several engines or files wrote to the same request, and where their texts part."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from .runner import Experiment, Point


@dataclass(frozen=True, slots=True)
class EngineText:
    """What one of them wrote (measured).

    Attributes:
        name: of the engine or the file.
        text: of its first run that counts.
        parts_at: characters that it shares with the first one's text; None: all of them.
        versions: different texts in its runs; more than one where temperature 0 is not enough.
    """

    name: str
    text: str
    parts_at: int | None
    versions: int


class Compared:
    """What comparisons of engines and of number formats share: an experiment, and its texts.

    Attributes:
        experiment: speed, a point for each that has a complete run.
    """

    __slots__ = ()
    experiment: Experiment

    @property
    def points(self) -> tuple[Point, ...]:
        """The measurements."""
        return self.experiment.points

    @property
    def missing(self) -> tuple[str, ...]:
        """What could not be tried, and why."""
        return self.experiment.missing

    @property
    def writings(self) -> tuple[EngineText, ...]:
        """What each wrote, and where it parts from the first."""
        return compare_writings(self.points)


def compare_writings(points: Iterable[Point]) -> tuple[EngineText, ...]:
    """The text of each point beside the first one's."""
    points = tuple(points)
    written = [[run.text for run in point.measurement.counted] for point in points]
    return tuple(
        EngineText(str(point.value), texts[0], parting(written[0][0], texts[0]), len(set(texts)))
        for point, texts in zip(points, written, strict=True)
    )


def parting(one: str, other: str) -> int | None:
    """How many characters two texts share from their beginning; None if they are the same.

    >>> parting("the sky is blue", "the sky is grey"), parting("the", "the end"), parting("a", "a")
    (11, 3, None)
    """
    if one == other:
        return None
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def tell_partings(writings: tuple[EngineText, ...]) -> str:
    """Where the texts part, in a clause."""
    apart = [each for each in writings if each.parts_at is not None]
    if len(writings) < 2:
        return "one text alone"
    if not apart:
        return f"all {len(writings)} wrote the same text"
    if len(writings) == 2:
        return (
            f"{apart[0].name} parts from the text of {writings[0].name} after "
            f"{apart[0].parts_at} characters"
        )
    first = min(apart, key=lambda each: each.parts_at)
    return (
        f"{len(apart)} of {len(writings) - 1} part from the text of {writings[0].name}, the first "
        f"after {first.parts_at} characters ({first.name})"
    )
