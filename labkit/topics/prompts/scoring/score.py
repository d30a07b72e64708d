"""How many items of a task a model gets right with a prompt."""

import time
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from labkit.backends.capabilities import ScoringModel
from labkit.backends.loaded.decoding import (
    number_format,
    option_logprobs,
    padded_answers,
    read_once,
    reading_copy,
)
from labkit.errors import LabError
from labkit.interrupts.cell import progress
from labkit.topics.prompts.tasks.checkers import CHECKERS
from labkit.topics.prompts.tasks.prompt import Prompt, encoded, rendered
from labkit.topics.prompts.tasks.task import PRACTICE, Item, Task

from .arguments import check_complete, check_model, first_items, usable_prompt
from .calibration import CALIBRATIONS, CONTENT_FREE, calibrated, normalized
from .result import ItemScore, PromptScore

BLANKS = frozenset(range(-len(CONTENT_FREE), 0))  # numbers of the texts before the first item
STOP = "\n\n"  # a written answer ends there, or at the first line end where it has one line


def score(
    model: ScoringModel,
    task: Task,
    prompt: Prompt | None = None,
    *,
    half: str | None = PRACTICE,
    items: int | None = None,
    calibration: str | None = None,
    dtype: str | None = None,
) -> PromptScore:
    """How many items of a task a model gets right with a prompt.

    Where the task has options, the answer is the one that the model finds likeliest, by the sum of
    its tokens' log-probabilities; nothing is written. Otherwise the model writes an answer at
    temperature 0, and the task's checker judges it. What all prompts begin with is read once.

    An interrupt stops it and keeps what came.

    Args:
        model: from ``labkit.load``.
        task: from `load_task`.
        prompt: the prompt; None: `full_prompt` of the task.
        half: ``"practice"``, ``"held out"``, or None for both.
        items: only the first of them; None: all.
        calibration: None; ``"content-free"``: each option's probability is divided by what it has
            without any item (Zhao et al. 2021); ``"batch"``: by its mean over all items (Zhou et
            al. 2023). Needs options.
        dtype: number format to read in; None: the faster of float32 and bfloat16 on this machine,
            as measured when the model was loaded.
    Raises:
        ValueError: an argument is out of range.
        LabError: the model does not run in this process, a prompt does not fit its context, or it
            was stopped before the first item.
    """
    run = ScoreRun(model, task, prompt, half, items, calibration, dtype)
    with progress(total=run.total, unit="item", desc=task.name) as bar:
        try:
            for _ in run.steps():
                bar.update(run.done - bar.n)
        except KeyboardInterrupt:
            pass
    result = run.result()
    check_complete(result.items, "item")
    return result


class ScoreRun:
    """The scoring of one prompt, batch by batch; `result` can be asked for at any time.

    Attributes:
        total, done: number of items to be asked, and asked.
    """

    def __init__(
        self,
        model: ScoringModel,
        task: Task,
        prompt: Prompt | None = None,
        half: str | None = PRACTICE,
        items: int | None = None,
        calibration: str | None = None,
        dtype: str | None = None,
    ):
        check_model(model)
        self._items = first_items(task, half, items)
        if calibration not in (None, *CALIBRATIONS) or (calibration and not task.options):
            known = ", ".join(CALIBRATIONS)
            raise ValueError(
                f"calibration must be None or, for a task with options, one of {known}; got "
                f"{calibration!r} for {task.name}"
            )
        self._began = time.perf_counter()
        self._model = reading_copy(model, dtype)
        self._name, self._task, self._calibration = model.name, task, calibration
        self._prompt = usable_prompt(model, task, prompt)
        self._logprobs: dict[int, dict[int, float]] = {}
        self._answers: dict[int, str] = {}
        self._ids: list[list[int]] = []
        self._elapsed_s = 0.0
        self.total = len(self._items)

    @property
    def done(self) -> int:
        """Number of items that were asked."""
        return len(self._complete().keys() - BLANKS) if self._task.options else len(self._answers)

    def steps(self) -> Iterator[None]:
        """Does the work; comes back after every few items."""
        blanks = CONTENT_FREE if self._calibration == "content-free" else ()
        texts = [*blanks, *(item.text for item in self._items)]  # a Stop keeps the calibration
        rendered_texts = [rendered(self._model, self._prompt, self._task, text) for text in texts]
        self._ids = [encoded(self._model, self._prompt, text) for text in rendered_texts]
        work = self._read_options if self._task.checker == "options" else self._write
        try:
            for _ in work(rendered_texts):
                self._elapsed_s = time.perf_counter() - self._began
                yield
        finally:
            self._elapsed_s = time.perf_counter() - self._began

    def _read_options(self, texts: Sequence[str]) -> Iterator[None]:
        options = [
            option_ids(self._model, self._prompt, self._task.options, text, ids)
            for text, ids in zip(texts, self._ids, strict=True)
        ]
        first = self.total - len(texts)
        for number, found in option_logprobs(self._model, self._ids, options):
            self._logprobs.setdefault(first + number, {}).update(found)
            yield

    def _write(self, texts: Sequence[str]) -> Iterator[None]:
        tokenizer = self._model.tokenizer
        answers = padded_answers(
            self._model,
            self._ids,
            max_tokens=self._task.max_tokens,
            is_complete=lambda ids: STOP in tokenizer.decode(ids).lstrip(),
        )
        for number, ids in answers:
            written = tokenizer.decode(ids, skip_special_tokens=True).strip()
            self._answers[number] = written.split(STOP)[0].strip()
            yield

    def result(self, calibration: str | None = "as asked") -> PromptScore:
        """What there is so far, with the calibration that was asked for, or another."""
        calibration = self._calibration if calibration == "as asked" else calibration
        if calibration == "content-free" and BLANKS - self._complete().keys():
            calibration = None  # stopped before the blanks were read
        if self._task.checker == "options":
            scored = self._judged_options(calibration)
        else:
            scored = list(self._judged_answers())
        shared = read_once(self._model, self._ids) if self._ids else 0
        return PromptScore(
            self._name,
            self._task,
            self._prompt,
            tuple(scored),
            self.total,
            max(map(len, self._ids), default=0),
            shared,
            self._elapsed_s,
            number_format(self._model),
            calibration,
        )

    def _complete(self) -> dict[int, dict[int, float]]:
        """The log-probabilities of each text of which all options were read."""
        options = len(self._task.options)
        return {number: own for number, own in self._logprobs.items() if len(own) == options}

    def _judged_answers(self) -> Iterator[ItemScore]:
        is_right: Callable[[str, str, str], bool] = CHECKERS.get(
            self._task.checker, CHECKERS["exact"]
        )
        for number, answer in sorted(self._answers.items()):
            item = self._items[number]
            yield ItemScore(item, answer, is_right(answer, item.answer, item.pattern))

    def _judged_options(self, calibration: str | None) -> list[ItemScore]:
        options = self._task.options
        known = {
            number: normalized([own[n] for n in range(len(options))])
            for number, own in self._complete().items()
        }
        asked = {number: each for number, each in known.items() if number not in BLANKS}
        neutral = None
        if calibration == "batch":
            neutral = list(asked.values())
        elif calibration:
            neutral = [known[number] for number in BLANKS]
        if neutral:
            means = [fmean(column) for column in zip(*neutral, strict=True)]
            asked = {number: calibrated(each, means) for number, each in asked.items()}
        return [
            _item_score(self._items[number], options, asked[number]) for number in sorted(asked)
        ]


def _item_score(item: Item, options: Sequence[str], probabilities: tuple[float, ...]) -> ItemScore:
    answer = options[max(range(len(options)), key=probabilities.__getitem__)]
    return ItemScore(item, answer, answer == item.answer, probabilities)


def option_ids(
    model: ScoringModel, prompt: Prompt, options: Sequence[str], text: str, ids: Sequence[int]
) -> list[list[int]]:
    """The tokens of each option after a text, as they are when both are read together."""
    space = "" if prompt.template else " "
    special = not prompt.template
    found = [
        model.tokenizer(text + space + option, add_special_tokens=special, verbose=False)[
            "input_ids"
        ][len(ids) :]
        for option in options
    ]
    if not all(found):
        raise LabError(
            f"An option has no token of its own after the prompt: {', '.join(options)}.",
            "Take other words for the options.",
        )
    return found
