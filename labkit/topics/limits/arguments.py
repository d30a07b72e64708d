"""Arguments that all verbs of this topic check alike."""

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
