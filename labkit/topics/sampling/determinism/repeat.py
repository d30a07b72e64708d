"""The same request, repeated with one thing varied at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from labkit.backends.capabilities import HasPlan
from labkit.backends.generate import collect_rows, generate
from labkit.backends.prompts import Messages
from labkit.backends.reply import Reply
from labkit.backends.settings import Settings
from labkit.checks import check_whole, checked_several
from labkit.errors import LabError
from labkit.interrupts.cell import progress
from labkit.topics.sampling.next_token.prediction import require_scores

from .results import BATCH, VARIATIONS, Condition, RepeatRun, Repeats


def repeat(
    model,
    prompt: str | Messages,
    *,
    vary: str | Sequence[str] = tuple(VARIATIONS),
    times: int = 5,
    temperature: float = 0.7,
    max_tokens: int = 40,
    seed: int | None = 0,
    raw: bool = False,
) -> Repeats:
    """Repeats a request with one thing varied at a time.

    Interrupting it keeps the answers so far.

    Args:
        model: from ``labkit.load``.
        prompt: a text, or chat messages.
        vary: one name of `VARIATIONS`, or several.
        times: number of runs with the same seed, with other seeds, and at temperature 0.
        temperature: temperature of the runs in which the seed matters.
        max_tokens: limit of each answer.
        seed: first seed; None: a fresh one.
        raw: whether to continue the text without the chat template.
    Raises:
        ValueError: the prompt or a setting is out of range.
        LabError: the model does not give its scores.
    """
    require_scores(model, "repeat")
    bound = f"one or more of {', '.join(VARIATIONS)}"
    vary = (vary,) if isinstance(vary, str) else checked_several("vary", vary, str, bound)
    if not set(vary) <= set(VARIATIONS):
        raise ValueError(f"vary must be {bound}; got {vary!r}")
    check_whole("times", times, 2, 100)
    seed = Settings(temperature=temperature, max_tokens=max_tokens, seed=seed).seeded().seed
    check_whole("seed", seed, 0, 2**63 - times)  # the last run's is times - 1 more
    run = partial(generate, model, prompt, raw=raw, max_tokens=max_tokens)
    plan = [*_repeated(run, vary, times, temperature, seed)]
    plan += _varied(model, vary, prompt=prompt, raw=raw, max_tokens=max_tokens, seed=seed)
    references = {
        "batch": "alone",
        "dtype": f"in {_dtype(model)}",
        "threads": f"with {_threads(model)} threads",
    }
    runs, reasons, stopped = _execute(plan)
    conditions = _conditions(vary, references, runs, reasons)
    return Repeats(model.name, prompt, conditions, stopped)


# What a run varies, its label, and the call.
_PlannedRun = tuple[str, str, Callable[[], Reply]]


def _repeated(run, vary, times, temperature, seed) -> Iterator[_PlannedRun]:
    """The runs that differ in their seeds, or in nothing."""
    for n in range(times if "nothing" in vary else 0):
        yield "nothing", f"run {n + 1}", partial(run, temperature=temperature, seed=seed)
    for n in range(times if "seed" in vary else 0):
        yield "seed", f"seed {seed + n}", partial(run, temperature=temperature, seed=seed + n)
    once = int(not {"batch", "dtype", "threads"}.isdisjoint(vary))  # what is compared with it
    for n in range(times if "temperature 0" in vary else once):
        yield "temperature 0", f"run {n + 1}", partial(run, temperature=0, seed=seed + n)


def _varied(model, vary, **request) -> Iterator[_PlannedRun]:
    """The runs at temperature 0 that are each compared with the plain one."""
    request = {**request, "temperature": 0}
    for name, label, run in (
        ("batch", f"in a batch of {BATCH}", _in_a_batch),
        ("dtype", f"in {_other_dtype(model)}", _in_other_dtype),
        ("threads", "with one thread", _with_one_thread),
    ):
        if name in vary:
            yield name, label, partial(run, model, **request)


def _dtype(model) -> str:
    return model.plan.needs.dtype if isinstance(model, HasPlan) else "its own number format"


def _other_dtype(model) -> str:
    return "float32" if _dtype(model) == "bfloat16" else "bfloat16"


def _threads(model) -> str:
    if not isinstance(model, HasPlan):
        return "all"
    from labkit.backends.local.overrides import thread_count

    return str(thread_count())


def _in_a_batch(model, prompt, *, raw, **request) -> Reply:
    same = [Settings(**request).seeded()] * BATCH
    rows = model.stream_rows(prompt, same, raw=raw, batch_size=BATCH)
    if replies := collect_rows(model.name, prompt, rows, lambda: None):
        return replies[0]
    raise KeyboardInterrupt


def _in_other_dtype(model, prompt, **request) -> Reply:
    _require_here(model, "number format")
    from labkit.backends.local import overrides

    with overrides.loaded_in(model, _other_dtype(model)) as other:
        return generate(other, prompt, **request)


def _with_one_thread(model, prompt, **request) -> Reply:
    _require_here(model, "number of threads")
    from labkit.backends.local import overrides

    overrides.require_cpu_threads(model)
    with overrides.threads(1):
        return generate(model, prompt, **request)


def _require_here(model, what: str) -> None:
    """Raises a LabError for what is decided where the model runs, if that is on a server."""
    if not isinstance(model, HasPlan):
        raise LabError(f"{model.name} is served: its {what} is chosen where its server starts.")


def _execute(plan: list[_PlannedRun]) -> tuple[dict[str, list[RepeatRun]], dict[str, str], bool]:
    """Runs by what they vary, reasons of those that could not run, and whether it was stopped."""
    runs: dict[str, list[RepeatRun]] = {}
    reasons: dict[str, str] = {}
    stopped = True
    with progress(plan, unit="run", desc="repeat") as bar, suppress(KeyboardInterrupt):
        for name, label, run in bar:
            bar.set_postfix_str(f"{name}: {label}")
            try:
                reply = run()
            except LabError as error:
                reasons[name] = error.problem
                continue
            if reply.steps:
                runs.setdefault(name, []).append(RepeatRun(label, reply))
            if reply.finish == "interrupted":
                break
        else:
            stopped = False
    return runs, reasons, stopped


def _conditions(
    vary: Sequence[str],
    references: dict[str, str],
    runs: dict[str, list[RepeatRun]],
    reasons: dict[str, str],
) -> tuple[Condition, ...]:
    """The runs by what they vary; `references` has the label of the reference in each."""
    conditions = []
    for name in (name for name in VARIATIONS if name in vary):
        own = runs.get(name, [])
        if own and name in references:
            own = [RepeatRun(references[name], runs["temperature 0"][0].reply), *own]
        why_not = None if own else reasons.get(name, "It was stopped before its turn.")
        conditions.append(Condition(name, tuple(own), why_not))
    return tuple(conditions)
