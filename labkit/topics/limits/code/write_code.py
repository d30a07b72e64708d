"""`write_code`: a model writes functions, and the sandbox runs them against their tests."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from labkit.backends.capabilities import ScoringModel
from labkit.backends.loaded.decoding import padded_answers
from labkit.checks import check_number, check_one_of, check_seed, check_whole
from labkit.formatting import in_lines, number_of
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry
from labkit.sandbox.code_tasks import END, SETS, CodeTask, code_tasks, has_passed
from labkit.sandbox.sandbox import MIB, Limits, SandboxRun, run_code
from labkit.stats import bootstrap_interval, share_interval
from labkit.topics.limits.accuracy.ask import prompt_ids
from labkit.topics.limits.arguments import check_model, how_measured

from .pass_at_k import pass_at_k

# A loop that never ends may fill all that it may have. Every solution of both sets fits.
LIMITS = Limits(memory_bytes=64 * MIB)
# Without it a chat model takes the docstring for the whole function. Three spaces: the fourth is
# part of the first word's token.
BEGIN = "\n   "
# Where the function is over, as in Chen et al. 2021; a fence ends it too.
STOPS = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint", "\n@", "\n```", "\n>>>", "\nassert ")


@dataclass(frozen=True, slots=True)
class CodeAttempt:
    """A body that a model wrote, and what became of it.

    Attributes:
        body: what was written, up to where the function is over.
        run: how the program ended.
    """

    body: str
    run: SandboxRun

    @property
    def passed(self) -> bool | None:
        """Whether it got through all tests to the end; None where nothing is run here."""
        return has_passed(self.run)


@dataclass(frozen=True, slots=True)
class TaskAttempts:
    """A task, and what a model wrote for it.

    Attributes:
        task: the task.
        attempts: the attempts.
    """

    task: CodeTask
    attempts: tuple[CodeAttempt, ...]

    @property
    def passed(self) -> int:
        """Number of attempts that passed."""
        return sum(bool(each.passed) for each in self.attempts)


@dataclass(frozen=True, slots=True, repr=False)
class CodeScore:
    """How many functions a model writes that pass their tests (measured).

    Attributes:
        model: name of the model.
        title: which tasks.
        tasks: the tasks with the attempts; fewer where it was stopped.
        asked: number of tasks that were to be asked.
        samples: attempts for each task.
        temperature: at which they were written.
        elapsed_s: seconds to write and to run them.
    """

    model: str
    title: str
    tasks: tuple[TaskAttempts, ...]
    asked: int
    samples: int
    temperature: float
    elapsed_s: float

    @property
    def refusal(self) -> str:
        """Why nothing was run; empty: it was."""
        return next((e.run.refusal for each in self.tasks for e in each.attempts), "")

    @property
    def marks(self) -> dict[str, bool]:
        """Whether the first attempt at each task passed; none where nothing was run."""
        if self.refusal:
            return {}
        return {each.task.name: bool(each.attempts[0].passed) for each in self.tasks}

    def pass_at(self, k: int) -> float:
        """Mean over the tasks of the chance that one of k attempts passes; see `pass_at_k`."""
        return fmean(pass_at_k(len(each.attempts), each.passed, k) for each in self.tasks)

    def interval(self, k: int) -> tuple[float, float]:
        """Where the true mean over such tasks may lie, 95 %.

        Of one attempt each, and where all tasks are alike, Wilson's interval; of several, by
        drawing tasks again and again.
        """
        each = [pass_at_k(len(e.attempts), e.passed, k) for e in self.tasks]
        if self.samples == 1 or len(set(each)) == 1:
            return share_interval(self.pass_at(k), len(self.tasks))
        return bootstrap_interval(each)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: pass@1."""
        if not self.tasks or self.refusal:
            return ()
        low, high = (100 * each for each in self.interval(1))
        label, value = f"pass@1, {self.title}", 100 * self.pass_at(1)
        return (BookEntry("code_passed_percent", label, value, "%", low, high, model=self.model),)

    @property
    def how(self) -> str:
        """How it came about, for a title."""
        return how_measured(len(self.tasks), self.asked)

    @property
    def summary(self) -> str:
        """The share that passes, with its interval."""
        if not self.tasks:
            return f"{self.model}, {self.title}: stopped before the first function"
        if self.refusal:
            count = number_of(len(self.tasks), "function")
            return f"{self.model}, {self.title}: {count} written, and not run: {self.refusal}"
        ks = [1] if self.samples == 1 else [1, self.samples]
        shares = [
            f"pass@{k} {self.pass_at(k):.0%} "
            f"({self.interval(k)[0]:.0%} to {self.interval(k)[1]:.0%})"
            for k in ks
        ]
        tasks, attempts = number_of(len(self.tasks), "task"), number_of(self.samples, "attempt")
        return (
            f"{self.model}, {self.title}: {', '.join(shares)}; {tasks}, {attempts} each at "
            f"temperature {self.temperature:g}, {self.elapsed_s:.0f} s ({self.how})"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def write_code(
    model: ScoringModel,
    tasks: str = "lab",
    *,
    items: int = 20,
    samples: int = 1,
    temperature: float | None = None,
    max_tokens: int = 160,
    seed: int = 0,
    run_without_isolation: bool = False,
) -> CodeScore:
    """How many functions a model writes that pass their tests.

    The model continues a program after the docstring; what it writes runs in the sandbox only. An
    interrupt keeps what came.

    Args:
        model: from ``labkit.load``.
        tasks: ``"lab"`` or ``"humaneval"``; see `code_tasks`.
        items: only the first tasks.
        samples: attempts at each task, 1 to 100.
        temperature: of the attempts; None: 0 for one, 0.8 for several.
        max_tokens: limit of an attempt, 1 to 1,000.
        seed: of the draws.
        run_without_isolation: as for ``lab.limits.run_code``.
    Raises:
        ValueError: an argument is out of range.
        LabError: the model does not run in this process, or HumanEval could not be downloaded.
    """
    check_model(model)
    check_one_of("tasks", tasks, SETS)
    chosen = code_tasks(tasks)
    check_whole("items", items, 1, len(chosen))
    check_whole("samples", samples, 1, 100)
    check_whole("max_tokens", max_tokens, 1, 1000)
    check_seed(seed)
    temperature = (0.8 if samples > 1 else 0.0) if temperature is None else temperature
    check_number("temperature", temperature, "0 to 5", lambda x: 0 <= x <= 5)
    began = time.perf_counter()
    attempts: list[list[CodeAttempt]] = [[] for _ in range(items)]
    bodies = _bodies(model, chosen[:items], samples, temperature, max_tokens, seed)
    with progress(total=items * samples, unit="function", desc=f"code: {tasks}") as bar:
        try:
            for number, body in bodies:
                program = chosen[number].program(body, END)
                run = run_code(program, limits=LIMITS, run_without_isolation=run_without_isolation)
                attempts[number].append(CodeAttempt(body, run))
                bar.update()
        except KeyboardInterrupt:
            pass
    done = tuple(
        TaskAttempts(task, tuple(own))
        for task, own in zip(chosen, attempts, strict=False)
        if len(own) == samples  # a task that was stopped among its attempts does not count
    )
    title = "this lab's functions" if tasks == "lab" else "HumanEval"
    elapsed_s = time.perf_counter() - began
    return CodeScore(model.name, title, done, items, samples, temperature, elapsed_s)


def _bodies(
    model: ScoringModel,
    tasks: tuple[CodeTask, ...],
    samples: int,
    temperature: float,
    max_tokens: int,
    seed: int,
) -> Iterator[tuple[int, str]]:
    """The task's number and a body, as they end."""
    tokenizer = model.tokenizer
    prompts = [prompt_ids(model, task.prompt.rstrip() + BEGIN) for task in tasks]

    def is_over(ids: list[int]) -> bool:
        return cut_body(text := tokenizer.decode(ids)) != text

    for number, ids in padded_answers(
        model,
        [ids for ids in prompts for _ in range(samples)],
        max_tokens=max_tokens,
        is_complete=is_over,
        temperature=temperature,
        seed=seed,
    ):
        written = tokenizer.decode(ids, skip_special_tokens=True)
        yield number // samples, cut_body(f"{BEGIN[1:]}{written}")


def cut_body(written: str) -> str:
    """What was written, up to where the function is over.

    >>> cut_body("\\n    return 1\\n\\nprint(f())")
    '\\n    return 1\\n'
    """
    ends = [index for stop in STOPS if (index := written.find(stop, 1)) >= 0]
    return written[: min(ends)] if ends else written
