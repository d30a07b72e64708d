"""One thing varied at a time: what makes a model slower, and what does not."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from labkit.backends.generate import Backend
from labkit.backends.local import runtime
from labkit.backends.local.decoding.speculative import GUESS, Assisted
from labkit.backends.local.model import load
from labkit.backends.local.modes import Batched, Uncached
from labkit.backends.prompts import Messages
from labkit.checks import check_whole
from labkit.errors import LabError
from labkit.models.storage import store

from .runner import Case, Experiment, run_in_turn

PROMPT = "Tell me about the sea, the wind and the ships that sail on it."
DTYPES = ("float32", "bfloat16", "float16")


def vary_output_length(
    model: Backend,
    prompt: str | Messages = PROMPT,
    *,
    lengths: Sequence[int] = (8, 16, 32, 64),
    raw: bool = False,
    **run,
) -> Experiment:
    """Answers of several lengths: each token takes its time, one after the other.

    Args:
        model: any backend.
        prompt: what to ask; an answer that ends by itself stays shorter.
        lengths: in tokens.
        raw: go on with the text as it stands.
        run: ``repeats`` and ``limit_s``, as for `experiment.run_in_turn`.
    """
    cases = [
        Case(length, model, prompt, {"max_tokens": length, "temperature": 0.0, "raw": raw})
        for length in lengths
    ]
    return run_in_turn(
        cases, name="output length", axis="tokens written at most",
        shown=("elapsed_s", "ttft_s", "decode_tokens_per_s"), **run,
    )  # fmt: skip


def vary_batch_size(
    model: Backend,
    prompt: str | Messages = PROMPT,
    *,
    sizes: Sequence[int] = (1, 2, 4, 8, 16),
    max_tokens: int = 16,
    **run,
) -> Experiment:
    """Many answers at once: the weights are read once for all of them.

    Args:
        model: from ``labkit.load``.
        prompt: the same for every row.
        sizes: rows that run together.
        max_tokens: of each row.
        run: as for `vary_output_length`.
    """
    require_local(model, "vary_batch_size")
    settings = {"max_tokens": max_tokens, "temperature": 0.0}
    cases = [Case(size, Batched(model, size), prompt, settings, rows=size) for size in sizes]
    return run_in_turn(
        cases, name="batch size", axis="answers written at once",
        shown=("throughput_tokens_per_s", "decode_tokens_per_s"), **run,
    )  # fmt: skip


def vary_cache(
    model: Backend, prompt: str | Messages = PROMPT, *, max_tokens: int = 24, **run
) -> Experiment:
    """With the KV cache and without: then every token reads the whole text again.

    Args:
        model: from ``labkit.load``.
        prompt: what to ask.
        max_tokens: of each answer.
        run: as for `vary_output_length`.
    """
    require_local(model, "vary_cache")
    settings = {"max_tokens": max_tokens, "temperature": 0.0}
    ways = (("with the cache", model), ("without", Uncached(model)))
    cases = [Case(value, backend, prompt, settings) for value, backend in ways]
    return run_in_turn(
        cases, name="KV cache", axis="KV cache", shown=("decode_tokens_per_s", "elapsed_s"), **run
    )


def vary_dtype(
    model: Backend,
    prompt: str | Messages = PROMPT,
    *,
    dtypes: Sequence[str] = DTYPES,
    max_tokens: int = 16,
    **run,
) -> Experiment:
    """The same weights in other number formats: half the bytes, but not always half the time.

    Args:
        model: from ``labkit.load``; in its own dtype it is not loaded again.
        prompt: what to ask.
        dtypes: names of `DTYPES`; all are in memory at once.
        max_tokens: of each answer.
        run: as for `vary_output_length`.
    """
    require_local(model, "vary_dtype")
    settings, cases, missing = {"max_tokens": max_tokens, "temperature": 0.0}, [], []
    with ExitStack() as loaded:
        for dtype in dtypes:
            try:
                other = model
                if dtype != model.plan.needs.dtype:
                    other = loaded.enter_context(runtime.loaded_in(model, dtype))
                cases.append(Case(dtype, other, prompt, settings))
            except LabError as error:
                missing.append(f"{dtype}: {error.problem}")
        done = run_in_turn(
            cases, name="dtype", axis="number format of the weights", missing=missing,
            shown=("decode_tokens_per_s", "ttft_s"), **run,
        )  # fmt: skip
        cases.clear()
        other = None
    return done


def vary_threads(
    model: Backend,
    prompt: str | Messages = PROMPT,
    *,
    counts: Sequence[int] | None = None,
    max_tokens: int = 16,
    **run,
) -> Experiment:
    """More threads on a CPU: good for arithmetic, less so for reading memory.

    Args:
        model: from ``labkit.load``, on a CPU.
        prompt: what to ask.
        counts: of threads; by itself 1, 2, 4 … up to torch's own number.
        max_tokens: of each answer.
        run: as for `vary_output_length`.
    Raises:
        LabError: where the model does not run on a CPU of two threads or more.
    """
    require_local(model, "vary_threads")
    most = runtime.require_cpu_threads(model)
    powers = [2**n for n in range(most.bit_length()) if 2**n < most]
    settings = {"max_tokens": max_tokens, "temperature": 0.0}
    cases = [
        Case(count, model, prompt, settings, around=partial(runtime.threads, count))
        for count in counts or [*powers, most]
    ]
    return run_in_turn(
        cases, name="threads", axis="threads", shown=("decode_tokens_per_s", "ttft_s"), **run
    )


def vary_model_size(
    models: Sequence[str | Backend] | None = None,
    prompt: str = PROMPT,
    *,
    max_tokens: int = 16,
    **run,
) -> Experiment:
    """Models of several sizes: nothing is downloaded unless you name it.

    Args:
        models: names for ``labkit.load``, or models; None: those that are on this machine. All
            are in memory at once.
        prompt: the same for all.
        max_tokens: of each answer.
        run: as for `vary_output_length`.
    """
    cases, missing, settings = [], [], {"max_tokens": max_tokens, "temperature": 0.0}
    for each in models if models is not None else models_here():
        try:
            model = load(each) if isinstance(each, str) else each
        except LabError as error:
            missing.append(f"{each}: {error.problem}")
            continue
        require_local(model, "vary_model_size")
        millions = sum(weight.numel() for weight in model.model.parameters()) / 1e6
        cases.append(Case(round(millions, 3), model, prompt, settings))
    cases.sort(key=lambda case: case.value)
    return run_in_turn(
        cases, name="model size", axis="million parameters", missing=missing,
        shown=("decode_tokens_per_s", "ttft_s"), **run,
    )  # fmt: skip


COPYING = (
    "Correct the spelling of this text, and change nothing else:\n\n"
    "The harbour lay quiet in the morning. One boat after another went out to sea, and the gulls "
    "folowed them. In the evening the boats came back with their catch, and the market opened."
)


def vary_speculation(
    model: Backend,
    prompt: str | Messages = COPYING,
    *,
    assistant: str | Backend | None = None,
    guessed: int = GUESS,
    max_tokens: int = 48,
    **run,
) -> Experiment:
    """Tokens guessed first and only checked by the model: quicker where the guesses are right.

    Args:
        model: from ``labkit.load``.
        prompt: what to ask; by itself a task in which most of the answer is copied.
        assistant: a smaller model with the same vocabulary, or its name; None: guesses come from
            the text alone.
        guessed: tokens at once, 1 or more.
        max_tokens: of each answer.
        run: as for `vary_output_length`.
    """
    require_local(model, "vary_assistance")
    check_whole("guessed", guessed)
    ways = {"alone": model, "guesses from the text": Assisted(model, tokens=guessed)}
    if assistant is not None:
        other = load(assistant) if isinstance(assistant, str) else assistant
        require_local(other, "vary_assistance")
        ways[f"guesses by {other.name}"] = Assisted(model, other, guessed)
    settings = {"max_tokens": max_tokens, "temperature": 0.0}
    done = run_in_turn(
        [Case(name, way, prompt, settings) for name, way in ways.items()],
        name="assistance", axis="who guesses", shown=("decode_tokens_per_s", "ttft_s"), **run,
    )  # fmt: skip
    helped = [(name, way) for name, way in ways.items() if way is not model]
    return replace(done, notes=tuple(f"{name}: {way.guesses.sentence}" for name, way in helped))


def models_here() -> list[str]:
    """Names of the models whose weights are on this machine."""
    return [name for name, parts in store.kept().items() if "safetensors" in parts]


def require_local(model: Backend, verb: str) -> None:
    """Raises a LabError for what is no model from ``labkit.load``."""
    if not hasattr(model, "stream_rows"):
        raise LabError(
            f"{verb} cannot vary {getattr(model, 'name', model)!r}, which runs elsewhere.",
            "Take a model from labkit.load.",
        )
