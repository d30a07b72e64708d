"""Arguments that all verbs of this topic check alike."""

from collections.abc import Sized

from labkit.backends.capabilities import ScoringModel
from labkit.checks import check_type
from labkit.errors import LabError
from labkit.topics.prompts.tasks.prompt import Prompt, full_prompt
from labkit.topics.prompts.tasks.task import Item, Task


def check_model(model: ScoringModel) -> None:
    """Raises a LabError unless all the model's scores are accessible."""
    if not isinstance(model, ScoringModel):
        raise LabError(
            f"Prompts are scored with all probabilities; {getattr(model, 'name', model)!r} does "
            "not give them.",
            'A model that runs in this process does: lab.load("smollm2-135m").',
        )


def check_complete(results: Sized, what: str) -> None:
    """Raises a LabError where a verb was stopped before it had anything to return."""
    if not results:
        raise LabError(f"Stopped before one {what} was complete: nothing was measured.")


def usable_prompt(model: ScoringModel, task: Task, prompt: Prompt | None) -> Prompt:
    """The prompt, or the task's own, without its template where the model has none."""
    prompt = full_prompt(task) if prompt is None else prompt
    check_type("prompt", prompt, Prompt, "lab.prompts.full_prompt")
    return prompt if model.chat else prompt.without("template")


def first_items(task: Task, half: str | None, items: int | None) -> tuple[Item, ...]:
    """The first items of a half.

    Raises:
        ValueError: there are not that many, or none.
    """
    check_type("task", task, Task, "lab.prompts.load_task")
    chosen = task.half(half)
    if not chosen:
        raise ValueError(f"half {half!r} of {task.name} has no items")
    if items is None:
        return chosen
    if isinstance(items, bool) or not isinstance(items, int) or not 1 <= items <= len(chosen):
        raise ValueError(f"items must be 1 to {len(chosen)}, or None for all; got {items!r}")
    return chosen[:items]
