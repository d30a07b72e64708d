"""Asks the same thing again and again, with one thing varied at a time."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from labkit.backends.generate import generate
from labkit.backends.local import runtime
from labkit.backends.local.modes import Batched
from labkit.backends.prompts import Messages
from labkit.backends.reply import Reply
from labkit.backends.settings import Settings
from labkit.checks import check_whole
from labkit.errors import LabError
from labkit.topics.sampling.next_token.prediction import require_scores

from .repeats import BATCH, VARIATIONS, Condition, Repeats, Run

_AGAINST_ALONE = ("batch", "dtype", "threads")


def repeat(
    model,
    prompt: str | Messages,
    *,
    vary: str | Sequence[str] = tuple(VARIATIONS),
    times: int = 5,
    temperature: float = 0.7,
    max_tokens: int = 40,
    seed: int = 0,
    raw: bool = False,
) -> Repeats:
    """The same request again and again, with one thing varied at a time.

    Interrupting it keeps what came.

    Args:
        model: from ``labkit.load``.
        prompt: a text, or chat messages.
        vary: one name of `VARIATIONS`, or several.
        times: how often to ask with the same seed, with other seeds and at temperature 0.
        temperature: where the seed matters.
        max_tokens: at most so many in each answer.
        seed: the first one.
        raw: go on with the text as it stands, with a chat model too.
    Raises:
        ValueError: for a prompt or a setting out of bounds.
        LabError: for a model that does not show its scores.
    """
    require_scores(model, "repeat")
    vary = (vary,) if isinstance(vary, str) else tuple(vary)
    unknown = [name for name in vary if name not in VARIATIONS]
    if unknown or not vary:
        raise ValueError(f"vary must name some of {', '.join(VARIATIONS)}; got {vary!r}")
    check_whole("times", times, 2, 100)
    Settings(temperature=temperature, max_tokens=max_tokens, seed=seed)
    ask = partial(generate, model, prompt, raw=raw, max_tokens=max_tokens)
    plan = [*_repeated(ask, vary, times, temperature, seed)]
    plan += _varied(model, vary, prompt=prompt, raw=raw, max_tokens=max_tokens, seed=seed)
    alone = {
        "batch": "alone",
        "dtype": f"in {model.plan.needs.dtype}",
        "threads": f"with {runtime.thread_count()} threads",
    }
    return Repeats(model.name, prompt, _conditions(vary, alone, *_carry_out(plan)))


# A run that is to be: what it varies, its label, and what carries it out.
_Planned = tuple[str, str, Callable[[], Reply]]


def _repeated(ask, vary, times, temperature, seed) -> Iterator[_Planned]:
    """The runs that differ in their seeds, or in nothing."""
    for n in range(times if "nothing" in vary else 0):
        yield "nothing", f"run {n + 1}", partial(ask, temperature=temperature, seed=seed)
    for n in range(times if "seed" in vary else 0):
        yield "seed", f"seed {seed + n}", partial(ask, temperature=temperature, seed=seed + n)
    once = int(any(name in vary for name in _AGAINST_ALONE))
    for n in range(times if "temperature 0" in vary else once):
        yield "temperature 0", f"run {n + 1}", partial(ask, temperature=0, seed=seed + n)


def _varied(model, vary, **request) -> Iterator[_Planned]:
    """The runs at temperature 0 of which each is held against the first one that ran alone."""
    request = {**request, "temperature": 0}
    for name, label, carry_out in (
        ("batch", f"in a batch of {BATCH}", _in_a_batch),
        ("dtype", f"in {_other_dtype(model)}", _in_other_dtype),
        ("threads", "with one thread", _with_one_thread),
    ):
        if name in vary:
            yield name, label, partial(carry_out, model, **request)


def _other_dtype(model) -> str:
    return "float32" if model.plan.needs.dtype == "bfloat16" else "bfloat16"


def _in_a_batch(model, prompt, **request) -> Reply:
    return generate(Batched(model, BATCH), prompt, **request)


def _in_other_dtype(model, prompt, **request) -> Reply:
    with runtime.loaded_in(model, _other_dtype(model)) as other:
        return generate(other, prompt, **request)


def _with_one_thread(model, prompt, **request) -> Reply:
    runtime.require_cpu_threads(model)
    with runtime.threads(1):
        return generate(model, prompt, **request)


def _carry_out(plan: list[_Planned]) -> tuple[dict[str, list[Run]], dict[str, str]]:
    """Runs by what they vary, and reasons of those that could not be; an interrupt ends it."""
    from tqdm.auto import tqdm

    runs: dict[str, list[Run]] = {}
    reasons: dict[str, str] = {}
    with tqdm(plan, unit="run", desc="repeat", leave=False) as bar:
        try:
            for name, label, carry_out in bar:
                bar.set_postfix_str(f"{name}: {label}")
                try:
                    reply = carry_out()
                except LabError as error:
                    reasons[name] = error.problem
                    continue
                if reply.steps:
                    runs.setdefault(name, []).append(Run(label, reply))
                if reply.finish == "interrupted":
                    break
        except KeyboardInterrupt:
            pass
    return runs, reasons


def _conditions(
    vary: Sequence[str],
    alone: dict[str, str],
    runs: dict[str, list[Run]],
    reasons: dict[str, str],
) -> tuple[Condition, ...]:
    """The runs by what they vary; `alone` says what the reference is called in each."""
    made = []
    for name in (name for name in VARIATIONS if name in vary):
        found = runs.get(name, [])
        if not found:
            made.append(Condition(name, (), reasons.get(name, "It was stopped before its turn.")))
            continue
        if name in alone:
            found = [Run(alone[name], runs["temperature 0"][0].reply), *found]
        made.append(Condition(name, tuple(found)))
    return tuple(made)
