"""What all verbs of this topic check alike, and say alike of their results."""

from labkit.backends.capabilities import ScoringModel
from labkit.errors import LabError


def check_model(model: ScoringModel) -> None:
    """Raises a LabError unless all the model's scores are accessible."""
    if not isinstance(model, ScoringModel):
        raise LabError(
            f"Limits are measured with all probabilities, in batches; "
            f"{getattr(model, 'name', model)!r} does not give them.",
            'A model that runs in this process does: lab.load("smollm2-135m").',
        )


def how_measured(came: int, asked: int) -> str:
    """How a result came about, for a title: whether it has all that were to be asked.

    >>> how_measured(6, 6), how_measured(1, 6)
    ('measured', 'measured, stopped; 6 were to be asked')
    """
    return "measured" if came == asked else f"measured, stopped; {asked} were to be asked"
