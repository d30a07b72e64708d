"""What several engines or files wrote to the same request, and where their texts diverge."""

from dataclasses import dataclass

from rapidfuzz.distance import Prefix

from .runner import Experiment, Point


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """The text of one engine or file (measured).

    Attributes:
        name: name of the engine or the file.
        text: text of its first run that counts.
        diverges_at: number of characters shared with the first text; None: all of them.
        versions: number of different texts in its runs; above 1 if temperature 0 is not enough.
    """

    name: str
    text: str
    diverges_at: int | None
    versions: int


class ExperimentComparison:
    """What comparisons of engines and of number formats share: an experiment and its texts.

    Attributes:
        experiment: speed, with a point for each that has a complete run.
    """

    __slots__ = ()
    experiment: Experiment

    @property
    def points(self) -> tuple[Point, ...]:
        """One measurement each."""
        return self.experiment.points

    @property
    def missing(self) -> tuple[str, ...]:
        """What could not be tried, and why."""
        return self.experiment.missing

    @property
    def texts(self) -> tuple[GeneratedText, ...]:
        """What each wrote, and where it diverges from the first."""
        written = {
            str(point.value): [run.text for run in point.measurement.counted]
            for point in self.points
        }
        first = next(iter(written.values()), [""])[0]
        return tuple(
            GeneratedText(name, texts[0], divergence_index(first, texts[0]), len(set(texts)))
            for name, texts in written.items()
        )


def divergence_index(one: str, other: str) -> int | None:
    """The number of characters that two texts share at the start; None if they are the same.

    >>> divergence_index("the sky is blue", "the sky is grey"), divergence_index("a", "a")
    (11, None)
    """
    return None if one == other else Prefix.similarity(one, other)


def describe_divergence(texts: tuple[GeneratedText, ...]) -> str:
    """Where the texts diverge, in a clause."""
    apart = [each for each in texts if each.diverges_at is not None]
    if len(texts) < 2:
        return "only one text"
    if not apart:
        return f"all {len(texts)} wrote the same text"
    if len(texts) == 2:
        return (
            f"{apart[0].name} diverges from the text of {texts[0].name} after "
            f"{apart[0].diverges_at} characters"
        )
    first = min(apart, key=lambda each: each.diverges_at)
    return (
        f"{len(apart)} of {len(texts) - 1} diverge from the text of {texts[0].name}, the first "
        f"after {first.diverges_at} characters ({first.name})"
    )
