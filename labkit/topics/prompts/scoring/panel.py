"""`score_panel`: write a prompt, run it on a task's items, and see what it gained."""

from collections.abc import Iterator
from itertools import pairwise

import ipywidgets as widgets

from labkit.backends.capabilities import ScoringModel
from labkit.topics.prompts.tasks.prompt import Prompt
from labkit.topics.prompts.tasks.task import PRACTICE, Task
from labkit.ui import html
from labkit.ui.panel import RunPanel, check_typed, column, labelled, row, text_box
from labkit.ui.runner import Progress, Runner

from .arguments import check_model, first_items, usable_prompt
from .difference import compare_scores
from .result import PromptScore
from .score import ScoreRun

LABEL = "110px"


def score_panel(
    model: ScoringModel,
    task: Task,
    prompt: Prompt | None = None,
    *,
    half: str | None = PRACTICE,
    items: int | None = None,
    calibration: str | None = None,
) -> "ScorePanel":
    """A panel in which a prompt is changed and scored; each run is compared with the one before.

    Args:
        model: from ``labkit.load``.
        task: from `load_task`.
        prompt: the prompt at first; None: `full_prompt` of the task.
        half: as for `score`.
        items: as for `score`.
        calibration: as for `score`.
    Raises:
        ValueError: an argument is out of range.
        LabError: the model does not run in this process.
    """
    check_model(model)
    first_items(task, half, items)
    ScoreRun(model, task, prompt, half, items, calibration)
    start = usable_prompt(model, task, prompt)
    return ScorePanel(model, task, start, (half, items, calibration))


class ScorePanel(RunPanel):
    """A prompt, Run, Stop, and the scores so far.

    Attributes:
        system, instruction, format_hint, examples, template: the controls.
        scores: score of each run, the newest last.
    """

    no_result = "your prompts: not run"

    def __init__(self, model: ScoringModel, task: Task, prompt: Prompt, how: tuple):
        self._model, self._task, self._how = model, task, how
        self._pool = prompt.examples or task.examples
        self.scores: list[PromptScore] = []
        self.system = text_box("system", prompt.system, rows=1, label_width=LABEL)
        self.instruction = text_box("instruction", prompt.instruction, rows=3, label_width=LABEL)
        self.format_hint = text_box("format hint", prompt.format_hint, rows=1, label_width=LABEL)
        look = labelled("examples", "380px", LABEL)
        self.examples = widgets.IntSlider(len(prompt.examples), min=0, max=len(self._pool), **look)
        self.template = widgets.Checkbox(
            prompt.template,
            description="chat template",
            indent=False,
            layout={"width": "150px"},
            disabled=not model.chat,
        )
        self.table = widgets.HTML()
        self.runner = Runner(self._work, self._draw, "Score this prompt on the task's items")
        self.widget = column(
            self.system,
            self.instruction,
            self.format_hint,
            row(self.examples, self.template),
            self.runner.widget,
            self.table,
        )

    @property
    def result(self) -> PromptScore | None:
        """The newest score."""
        return self.scores[-1] if self.scores else None

    @property
    def prompt(self) -> Prompt:
        """The prompt as it stands in the controls."""
        for box in (self.system, self.instruction, self.format_hint):
            check_typed(box.value, box.description)
        return Prompt(
            self.system.value.strip(),
            self.instruction.value.strip(),
            self._pool[: self.examples.value],
            self.format_hint.value.strip(),
            self.template.value,
        )

    def _work(self) -> Iterator[Progress]:
        run = ScoreRun(self._model, self._task, self.prompt, *self._how)
        yield Progress(0, run.total, "reading what all prompts share")
        try:
            for _ in run.steps():
                yield Progress(run.done, run.total, f"{run.done} of {run.total} items")
        finally:
            done = run.result()
            if done.items:
                self.scores.append(done)

    def _draw(self) -> None:
        newest = self.scores[-4:]
        shown = [html.note(each.summary) for each in newest]
        for number, (before, after) in enumerate(pairwise(newest), 1):
            change = compare_scores(before, after)
            tone = ("good" if change.difference > 0 else "bad") if change.is_settled else "plain"
            shown[number] += html.note(f"compared with the run before: {change.summary}", tone)
        self.table.value = "".join(shown)

    def static_form(self) -> list:
        """The scores so far."""
        return [self.table.value or html.note(self.summary)]
