"""The same request again and again, one thing varied at a time: where do the answers part?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ..backends import variations
from ..backends.base import Alternative, Messages, Reply, Settings, generate
from ..errors import LabError
from .analysis import require_scores
from .trace import token_text

BATCH = 8
# What is varied, and what stays: the last three are held against temperature 0, run alone.
VARIATIONS = {
    "nothing": "the same seed every time",
    "seed": "another seed every time",
    "temperature 0": "temperature 0 every time",
    "batch": f"temperature 0, alone and as a row in a batch of {BATCH}",
    "dtype": "temperature 0, in two dtypes",
    "threads": "temperature 0, with all threads and with one",
}
_AGAINST_ALONE = ("batch", "dtype", "threads")


@dataclass(frozen=True, slots=True)
class Run:
    """One of the answers.

    Attributes:
        label: how it was run, in words.
        reply: what came.
    """

    label: str
    reply: Reply

    @property
    def ids(self) -> tuple[int, ...]:
        """The tokens that were written."""
        return tuple(step.token_id for step in self.reply.steps)


@dataclass(frozen=True, slots=True)
class Parting:
    """Where an answer parts from the first one.

    Attributes:
        at: how many tokens both begin with.
        first: the token that the first answer goes on with.
        other: the token that the other goes on with.
        leading: the two likeliest tokens there, by the first answer's scores.
    """

    at: int
    first: str
    other: str
    leading: tuple[Alternative, Alternative]

    @property
    def gap(self) -> float:
        """By how much the two leading log-probabilities differ: 0 where both are as likely."""
        return self.leading[0].logprob - self.leading[1].logprob


@dataclass(frozen=True, slots=True)
class Condition:
    """What one thing, varied, did to the answers.

    Attributes:
        name: one of `VARIATIONS`.
        runs: the answers; all are held against the first.
        why_not: why it could not be varied, or None.
    """

    name: str
    runs: tuple[Run, ...]
    why_not: str | None = None

    @property
    def what(self) -> str:
        """What was varied, in words."""
        return VARIATIONS[self.name]

    @property
    def partings(self) -> tuple[Parting | None, ...]:
        """For each answer after the first: where it parts from it; None where it does not."""
        return tuple(_parting(self.runs[0], run) for run in self.runs[1:])

    @property
    def first_parting(self) -> Parting | None:
        """The earliest of them; None where all answers are the same."""
        found = [parting for parting in self.partings if parting]
        return min(found, key=lambda parting: parting.at, default=None)

    @property
    def largest_shift(self) -> float | None:
        """By how much the log-probability of a token differs at most, before answers part.

        0: the scores were the same to the last digit. None without a second answer, or where no
        token is shared.
        """
        shifts = [shift for run in self.runs[1:] for shift in _shifts(self.runs[0], run)]
        return max(shifts, default=None)


def _common(first: Run, other: Run) -> int:
    pairs = zip(first.ids, other.ids, strict=False)
    same = min(len(first.ids), len(other.ids))
    return next((at for at, (one, two) in enumerate(pairs) if one != two), same)


def _parting(first: Run, other: Run) -> Parting | None:
    at = _common(first, other)
    if at == min(len(first.ids), len(other.ids)):  # one that was stopped early does not part
        return None
    here = first.reply.steps[at]
    texts = token_text(here), token_text(other.reply.steps[at])
    return Parting(at, *texts, here.alternatives[:2])


def _shifts(first: Run, other: Run) -> Iterator[float]:
    both = zip(first.reply.steps, other.reply.steps[: _common(first, other)], strict=False)
    return (abs(one.logprob - two.logprob) for one, two in both)


@dataclass(frozen=True, slots=True, repr=False)
class Repeats:
    """The same request, run again and again (measured).

    Attributes:
        model: name of the model.
        prompt: what it was asked.
        conditions: one for each thing that was varied.
    """

    model: str
    prompt: str | Messages
    conditions: tuple[Condition, ...]

    @property
    def summary(self) -> str:
        """Which of the things that were varied changed the answer."""
        return f"{self.model}: {'; '.join(map(_told, self.conditions))} (measured)"

    def __repr__(self) -> str:
        return self.summary


def _told(condition: Condition) -> str:
    if condition.why_not:
        return f"{condition.name}: not varied"
    texts = len({run.ids for run in condition.runs})
    if condition.first_parting is None:
        return f"{condition.name}: {len(condition.runs)} runs, all the same"
    at = condition.first_parting.at + 1
    return f"{condition.name}: {len(condition.runs)} runs, {texts} answers, apart from token {at}"


def repeat(
    model,
    prompt: str | Messages,
    *,
    vary: Sequence[str] = tuple(VARIATIONS),
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
        vary: names of `VARIATIONS`, in their order.
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
    unknown = [name for name in vary if name not in VARIATIONS]
    if unknown or not vary:
        raise ValueError(f"vary must name some of {', '.join(VARIATIONS)}; got {vary!r}")
    if not isinstance(times, int) or not 2 <= times <= 100:
        raise ValueError(f"times must be a whole number, 2 to 100; got {times!r}")
    Settings(temperature=temperature, max_tokens=max_tokens, seed=seed)
    ask = partial(generate, model, prompt, raw=raw, max_tokens=max_tokens)
    plan = [*_repeated(ask, vary, times, temperature, seed)]
    plan += _varied(model, vary, prompt=prompt, raw=raw, max_tokens=max_tokens, seed=seed)
    alone = {
        "batch": "alone",
        "dtype": f"in {model.plan.needs.dtype}",
        "threads": f"with {variations.thread_count()} threads",
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
    return variations.in_a_batch(model, prompt, BATCH, **request)


def _in_other_dtype(model, prompt, **request) -> Reply:
    with variations.loaded_in(model, _other_dtype(model)) as other:
        return generate(other, prompt, **request)


def _with_one_thread(model, prompt, **request) -> Reply:
    variations.require_cpu_threads(model)
    with variations.threads(1):
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
