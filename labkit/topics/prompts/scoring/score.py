"""How many items of a task a model gets right with a prompt."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from labkit.backends.local.decoding.option_scores import SharedPrefix, option_logprobs
from labkit.backends.local.decoding.padded_answers import greedy_answers
from labkit.backends.local.model import LocalModel
from labkit.backends.local.reading_copy import reading_copy
from labkit.errors import LabError
from labkit.stats import share_interval
from labkit.topics.prompts.tasks.checkers import CHECKERS
from labkit.topics.prompts.tasks.prompt import Prompt, encoded, full_prompt, rendered
from labkit.topics.prompts.tasks.task import PRACTICE, Item, Task

CALIBRATIONS = ("content-free", "batch")
CONTENT_FREE = ("N/A", "[MASK]", "")  # Zhao et al. 2021, section 5
STOP = "\n\n"  # a written answer ends there, or at the first line end where it has one line


@dataclass(frozen=True, slots=True)
class ItemScore:
    """How a model did on one item.

    Attributes:
        item: the item.
        answer: the likeliest option, or the answer that was written.
        right: whether it is right.
        probabilities: of each option, scaled to sum to 1, after any calibration; empty where an
            answer was written.
    """

    item: Item
    answer: str
    right: bool
    probabilities: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class PromptScore:
    """How many items of a task a model gets right with a prompt (measured).

    Attributes:
        model: name of the model.
        task: the task.
        prompt: the prompt.
        items: the items that were asked, in the task's order; fewer where it was stopped.
        asked: number of items that were to be asked.
        tokens: tokens of the longest prompt.
        shared_tokens: tokens that all prompts begin with, read once; 0: read every time.
        elapsed_s: seconds for all, reading them included.
        dtype: number format in which the model read them.
        calibration: None, or one of `CALIBRATIONS`.
    """

    model: str
    task: Task
    prompt: Prompt
    items: tuple[ItemScore, ...]
    asked: int
    tokens: int
    shared_tokens: int
    elapsed_s: float
    dtype: str
    calibration: str | None = None

    @property
    def right(self) -> int:
        """Number of right answers."""
        return sum(each.right for each in self.items)

    @property
    def share(self) -> float:
        """Share of right answers, 0 to 1."""
        return self.right / len(self.items) if self.items else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share may lie, 95 %."""
        return share_interval(self.share, len(self.items))

    @property
    def items_per_s(self) -> float:
        """Speed."""
        return len(self.items) / self.elapsed_s

    @property
    def right_probability(self) -> float | None:
        """Mean probability of the right option; None where answers were written."""
        options = self.task.options
        known = [each for each in self.items if each.probabilities]
        if not known:
            return None
        return fmean(each.probabilities[options.index(each.item.answer)] for each in known)

    @property
    def picks(self) -> dict[str, int]:
        """How often each option was the answer; empty where answers were written."""
        answers = [each.answer for each in self.items]
        return {option: answers.count(option) for option in self.task.options}

    @property
    def summary(self) -> str:
        """The share of right answers, its interval, and how it was measured."""
        if not self.items:
            return f"{self.model}, {self.task.name}: stopped before the first item"
        low, high = self.interval
        calibrated = f", {self.calibration} calibration" if self.calibration else ""
        chance = f"; chance alone {self.task.chance:.0%}" if self.task.chance else ""
        stopped = f", of {self.asked}" if len(self.items) < self.asked else ""
        return (
            f"{self.model}, {self.task.name}: {self.right} of {len(self.items)} right{stopped}, "
            f"{self.share:.0%} ({low:.0%} to {high:.0%}{chance}) with {self.prompt.label}"
            f"{calibrated}; {self.items_per_s:.1f} items/s in {self.dtype} (measured)"
        )

    def __repr__(self) -> str:
        return self.summary


def score(
    model: LocalModel,
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
        LabError: the model does not run in this process, or a prompt does not fit its context.
    """
    from tqdm.auto import tqdm

    run = ScoreRun(model, task, prompt, half, items, calibration, dtype)
    with tqdm(total=run.total, unit="item", desc=task.name, leave=False) as bar:
        try:
            for _ in run.steps():
                bar.update(run.done - bar.n)
        except KeyboardInterrupt:
            pass
    return run.result()


class ScoreRun:
    """The scoring of one prompt, batch by batch; `result` can be asked for at any time.

    Attributes:
        total, done: number of items to be asked, and asked.
    """

    def __init__(
        self,
        model: LocalModel,
        task: Task,
        prompt: Prompt | None = None,
        half: str | None = PRACTICE,
        items: int | None = None,
        calibration: str | None = None,
        dtype: str | None = None,
    ):
        check_model(model)
        if calibration not in (None, *CALIBRATIONS) or (calibration and not task.options):
            known = ", ".join(CALIBRATIONS)
            raise ValueError(
                f"calibration must be None or, for a task with options, one of {known}; got "
                f"{calibration!r} for {task.name}"
            )
        self._items = first_items(task, half, items)
        self._began = time.perf_counter()
        self._model = reading_copy(model, dtype)
        self._name, self._task, self._calibration = model.name, task, calibration
        self._prompt = usable_prompt(model, full_prompt(task) if prompt is None else prompt)
        self._logprobs: dict[int, dict[int, float]] = {}
        self._answers: dict[int, str] = {}
        self._ids: list[list[int]] = []
        self._elapsed_s = 0.0
        self.total = len(self._items)

    @property
    def done(self) -> int:
        """Number of items that were asked."""
        options = len(self._task.options)
        complete = sum(len(own) == options for own in self._logprobs.values())
        blank = sum(number >= self.total for number in self._logprobs)
        return complete - blank if options else len(self._answers)

    def steps(self) -> Iterator[None]:
        """Does the work; comes back after every few items."""
        texts = [item.text for item in self._items]
        if self._calibration == "content-free":
            texts += CONTENT_FREE
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
        for number, found in option_logprobs(self._model.model, self._ids, options):
            self._logprobs.setdefault(number, {}).update(found)
            yield

    def _write(self, texts: Sequence[str]) -> Iterator[None]:
        tokenizer = self._model.tokenizer
        answers = greedy_answers(
            self._model.model,
            self._ids,
            max_tokens=self._task.max_tokens,
            end_ids=self._model.end_ids,
            is_complete=lambda ids: STOP in tokenizer.decode(ids).lstrip(),
        )
        for number, ids in answers:
            written = tokenizer.decode(ids, skip_special_tokens=True).strip()
            self._answers[number] = written.split(STOP)[0].strip()
            yield

    def result(self, calibration: str | None = "as asked") -> PromptScore:
        """What there is so far, with the calibration that was asked for, or another."""
        calibration = self._calibration if calibration == "as asked" else calibration
        if self._task.checker == "options":
            scored = self._judged_options(calibration)
        else:
            scored = list(self._judged_answers())
        shared = SharedPrefix.worth(self._model.model, self._ids) if self._ids else 0
        return PromptScore(
            self._name,
            self._task,
            self._prompt,
            tuple(scored),
            self.total,
            max(map(len, self._ids), default=0),
            shared,
            self._elapsed_s,
            self._model.plan.needs.dtype,
            calibration,
        )

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
            for number, own in self._logprobs.items()
            if len(own) == len(options)
        }
        asked = {number: each for number, each in known.items() if number < self.total}
        neutral = None
        if calibration == "batch":
            neutral = list(asked.values())
        elif calibration:
            neutral = [each for number, each in known.items() if number >= self.total]
        if neutral:
            means = [fmean(column) for column in zip(*neutral, strict=True)]
            asked = {number: calibrated(each, means) for number, each in asked.items()}
        return [
            _item_score(self._items[number], options, asked[number]) for number in sorted(asked)
        ]


def _item_score(item: Item, options: Sequence[str], probabilities: tuple[float, ...]) -> ItemScore:
    answer = options[max(range(len(options)), key=probabilities.__getitem__)]
    return ItemScore(item, answer, answer == item.answer, probabilities)


def normalized(logprobs: Sequence[float]) -> tuple[float, ...]:
    """Probabilities that sum to 1, from log-probabilities.

    >>> normalized([0.0, 0.0])
    (0.5, 0.5)
    """
    most = max(logprobs)
    weights = [math.exp(each - most) for each in logprobs]
    return tuple(weight / sum(weights) for weight in weights)


def calibrated(probabilities: Sequence[float], neutral: Sequence[float]) -> tuple[float, ...]:
    """Probabilities divided by those without information, scaled to sum to 1.

    Args:
        probabilities: of each option.
        neutral: of each option, where nothing speaks for any of them.
    Source: Zhao et al. 2021, "Calibrate Before Use", section 5: W = diag(p_cf)^-1, b = 0.

    >>> [round(each, 3) for each in calibrated((0.8, 0.2), (0.9, 0.1))]
    [0.308, 0.692]
    """
    weights = [p / max(q, 1e-12) for p, q in zip(probabilities, neutral, strict=True)]
    return tuple(weight / sum(weights) for weight in weights)


def option_ids(
    model: LocalModel, prompt: Prompt, options: Sequence[str], text: str, ids: Sequence[int]
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


def check_model(model: LocalModel) -> None:
    """Raises a LabError unless the model runs in this process, in torch."""
    if not isinstance(model, LocalModel):
        raise LabError(
            f"Prompts are scored with all probabilities; {getattr(model, 'name', model)!r} does "
            "not give them.",
            'A model that runs in this process does: labkit.load("smollm2-135m").',
        )


def usable_prompt(model: LocalModel, prompt: Prompt) -> Prompt:
    """The prompt, without its template where the model has none."""
    return prompt if model.chat else prompt.without("template")


def first_items(task: Task, half: str | None, items: int | None) -> tuple[Item, ...]:
    """The first items of a half.

    Raises:
        ValueError: there are not that many, or none.
    """
    chosen = task.half(half)
    if not chosen:
        raise ValueError(f"half {half!r} of {task.name} has no items")
    if items is None:
        return chosen
    if isinstance(items, bool) or not isinstance(items, int) or not 1 <= items <= len(chosen):
        raise ValueError(f"items must be 1 to {len(chosen)}, or None for all; got {items!r}")
    return chosen[:items]
