"""Arguments that all verbs of this topic check alike."""

from labkit.backends.local.model import LocalModel
from labkit.errors import LabError


def check_model(model: LocalModel) -> None:
    """Raises a LabError unless the model runs in this process, in torch."""
    if not isinstance(model, LocalModel):
        raise LabError(
            f"Limits are measured with all probabilities, in batches; "
            f"{getattr(model, 'name', model)!r} does not give them.",
            'A model that runs in this process does: lab.load("smollm2-135m").',
        )
