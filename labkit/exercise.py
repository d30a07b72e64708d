"""What the check of an exercise says, in every notebook."""

from dataclasses import dataclass

SOLVED, TRIED = "✓ Right.", "✗ Not yet."  # how a result begins; a class's wall reads it


@dataclass(frozen=True, slots=True, repr=False)
class ExerciseResult:
    """Whether an exercise is solved, and why.

    Attributes:
        right: whether it is.
        why: the reason, for the learner.
    """

    right: bool
    why: str

    def __repr__(self) -> str:
        return f"{SOLVED if self.right else TRIED} {self.why}"


def solved(why: str) -> ExerciseResult:
    """A right answer, and why it is."""
    return ExerciseResult(True, why)


def not_yet(why: str) -> ExerciseResult:
    """A wrong answer, and what is wrong with it."""
    return ExerciseResult(False, why)
