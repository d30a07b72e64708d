"""Experiments on a model from ``labkit.load``: what makes it slower, and what does not."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from labkit.backends.capabilities import check_backend
from labkit.backends.generate import Backend
from labkit.backends.local import overrides
from labkit.backends.local.decoding.speculative import DRAFT_TOKENS, SpeculativeMode
from labkit.backends.local.generation_modes import BatchMode, UncachedMode
from labkit.backends.prompts import Messages
from labkit.checks import check_whole, checked_several
from labkit.errors import LabError
from labkit.models.cpu.tuning import TORCH_THREADS
from labkit.models.storage import store
from labkit.topics.speed.explain.roofline import count_weights

from .runner import (
    PROMPT,
    Experiment,
    check_rounds,
    checked_counts,
    greedy_case,
    require_local,
    run_interleaved,
)

DTYPES = ("float32", "bfloat16", "float16")


def vary_output_length(
    model: Backend,
    prompt: str | Messages = PROMPT,
    *,
    lengths: Sequence[int] = (8, 16, 32, 64),
    raw: bool = False,
    **run,
) -> Experiment:
    """Answers of several lengths: the time grows with every token.

    Args:
        model: any backend.
        prompt: prompt of every run; an answer may end before its length.
        lengths: lengths in tokens.
        raw: whether the prompt is continued without the chat template.
        run: ``repeats`` and ``limit_s``, as for `runner.run_interleaved`.
    """
    check_backend("model", model)
    counts = checked_counts("lengths", lengths, "(8, 16)")
    cases = [greedy_case(length, model, prompt, length, raw=raw) for length in counts]
    return run_interleaved(
        cases,
        name="output length",
        axis="tokens written at most",
        metrics=("elapsed_s", "ttft_s", "decode_tokens_per_s"),
        **run,
    )


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
        model: a model from ``labkit.load``.
        prompt: prompt that every row answers.
        sizes: numbers of rows that run together.
        max_tokens: upper bound on the tokens of each row.
        run: ``repeats`` and ``limit_s``, as for `vary_output_length`.
    """
    require_local(model, "vary_batch_size")
    counts = checked_counts("sizes", sizes, "(1, 2, 4)")
    cases = [
        greedy_case(size, BatchMode(model, size), prompt, max_tokens, rows=size) for size in counts
    ]
    return run_interleaved(
        cases,
        name="batch size",
        axis="answers written at once",
        metrics=("throughput_tokens_per_s", "decode_tokens_per_s"),
        **run,
    )


def vary_cache(
    model: Backend, prompt: str | Messages = PROMPT, *, max_tokens: int = 24, **run
) -> Experiment:
    """With the KV cache and without it, where every token reads the whole text again.

    Args:
        model: a model from ``labkit.load``.
        prompt: prompt of every run.
        max_tokens: upper bound on the tokens of each answer.
        run: ``repeats`` and ``limit_s``, as for `vary_output_length`.
    """
    require_local(model, "vary_cache")
    backends = {"with the cache": model, "without": UncachedMode(model)}
    cases = [greedy_case(*each, prompt, max_tokens) for each in backends.items()]
    metrics = ("decode_tokens_per_s", "elapsed_s")
    return run_interleaved(cases, name="KV cache", metrics=metrics, **run)


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
        model: a model from ``labkit.load``; its own dtype is not loaded again.
        prompt: prompt of every run.
        dtypes: names out of `DTYPES`; all are in memory at the same time.
        max_tokens: upper bound on the tokens of each answer.
        run: ``repeats`` and ``limit_s``, as for `vary_output_length`.
    """
    require_local(model, "vary_dtype")
    check_rounds(**run)
    check_whole("max_tokens", max_tokens)
    dtypes = checked_several("dtypes", dtypes, str, f"one or more names, as in {DTYPES}")
    cases, missing, axis = [], [], "number format of the weights"
    with ExitStack() as loaded:
        for dtype in dtypes:
            try:
                other = model
                if dtype != model.plan.needs.dtype:
                    other = loaded.enter_context(overrides.loaded_in(model, dtype))
                around = partial(overrides.own_threads, other)
                cases.append(greedy_case(dtype, other, prompt, max_tokens, around=around))
            except LabError as error:
                missing.append(f"{dtype}: {error.problem}")
        done = run_interleaved(cases, name="dtype", axis=axis, missing=missing, **run)
        cases.clear()
        other = around = None
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
        model: a model from ``labkit.load``, on a CPU.
        prompt: prompt of every run.
        counts: numbers of threads; None: 1, 2, 4 … up to torch's own number.
        max_tokens: upper bound on the tokens of each answer.
        run: ``repeats`` and ``limit_s``, as for `vary_output_length`.
    Raises:
        LabError: the model does not run on a CPU with two threads or more.
    """
    require_local(model, "vary_threads")
    with overrides.threads(TORCH_THREADS):  # the model itself may run best with fewer
        most = overrides.require_cpu_threads(model)
    powers = [2**n for n in range(most.bit_length()) if 2**n < most]
    if counts is not None:
        counts = checked_counts("counts", counts, "(1, 2)")
    cases = [
        greedy_case(n, model, prompt, max_tokens, around=partial(overrides.threads, n))
        for n in counts or [*powers, most]
    ]
    return run_interleaved(cases, name="threads", **run)


def vary_model_size(
    models: Sequence[str | Backend] | None = None,
    prompt: str = PROMPT,
    *,
    max_tokens: int = 16,
    **run,
) -> Experiment:
    """Models of several sizes: nothing is downloaded unless you name it.

    Args:
        models: models or names for ``labkit.load``; None: those on this machine. All are in
            memory at the same time.
        prompt: prompt that every model answers.
        max_tokens: upper bound on the tokens of each answer.
        run: ``repeats`` and ``limit_s``, as for `vary_output_length`.
    """
    check_rounds(**run)
    check_whole("max_tokens", max_tokens)
    cases, missing, axis = [], [], "million parameters"
    if models is None:
        stored = store.list_models().items()
        models = [name for name, parts in stored if "safetensors" in parts]
        missing += [] if models else ["No model is on this machine."]
    else:
        several = 'one or more models or their names, as in ("smollm2-135m",)'
        models = checked_several("models", models, object, several)
    for each in models:
        try:
            model = overrides.load_beside(each) if isinstance(each, str) else each
        except LabError as error:
            missing.append(f"{each}: {error.problem}")
            continue
        require_local(model, "vary_model_size")
        millions = float(f"{count_weights(model) / 1e6:.4g}")
        around = partial(overrides.own_threads, model)
        cases.append(greedy_case(millions, model, prompt, max_tokens, around=around))
    cases.sort(key=lambda case: case.value)
    return run_interleaved(cases, name="model size", axis=axis, missing=missing, **run)


COPYING = (
    "Correct the spelling of this text, and change nothing else:\n\n"
    "The harbour lay quiet in the morning. One boat after another went out to sea, and the gulls "
    "folowed them. In the evening the boats came back with their catch, and the market opened."
)


def vary_speculation(
    model: Backend,
    prompt: str | Messages = COPYING,
    *,
    draft_model: str | Backend | None = None,
    draft_tokens: int = DRAFT_TOKENS,
    max_tokens: int = 48,
    **run,
) -> Experiment:
    """Speculative decoding: tokens are drafted cheaply, and the model only verifies them.

    Args:
        model: a model from ``labkit.load``.
        prompt: prompt of every run; by default a task in which most of the answer is copied.
        draft_model: a smaller model with the same vocabulary, or its name; None: drafts are copied
            from the text alone.
        draft_tokens: number of tokens drafted per step, 1 or more.
        max_tokens: upper bound on the tokens of each answer.
        run: ``repeats`` and ``limit_s``, as for `vary_output_length`.
    """
    require_local(model, "vary_speculation")
    check_rounds(**run)
    check_whole("draft_tokens", draft_tokens)
    check_whole("max_tokens", max_tokens)
    drafting = {"drafts from the text": SpeculativeMode(model, tokens=draft_tokens)}
    if draft_model is not None:
        by_name = isinstance(draft_model, str)
        other = overrides.load_beside(draft_model) if by_name else draft_model
        require_local(other, "vary_speculation")
        drafting[f"drafts by {other.name}"] = SpeculativeMode(model, other, draft_tokens)
    backends = {"no drafts": model, **drafting}
    cases = [greedy_case(*each, prompt, max_tokens) for each in backends.items()]
    done = run_interleaved(cases, name="speculation", axis="source of the drafts", **run)
    notes = (f"{name}: {backend.draft_stats.sentence}" for name, backend in drafting.items())
    return replace(done, notes=tuple(notes))
