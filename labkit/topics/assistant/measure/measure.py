"""`measure_completions`: code is cut out of right programs, and a model puts it in again."""

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from labkit.backends.llamacpp.model import LlamaCppModel
from labkit.checks import check_one_of, check_whole
from labkit.interrupts.cell import progress
from labkit.sandbox.code_tasks import code_tasks
from labkit.sandbox.sandbox import run_code
from labkit.topics.assistant.completion.complete import complete
from labkit.topics.assistant.completion.prompts import METHODS, NEED_FIM, check_method, check_model

from .cuts import KINDS, Cut, draw_cuts
from .result import CompletionScore, MethodScore, Suggestion

TITLES = {"lab": "this lab's functions", "humaneval": "HumanEval"}


def measure_completions(
    model: LlamaCppModel,
    tasks: str = "humaneval",
    *,
    cut: str = "line",
    methods: Sequence[str] | None = None,
    items: int = 8,
    seed: int = 0,
) -> CompletionScore:
    """What a model's suggestions are worth: it fills gaps in programs whose tests are known.

    Eight cuts, each asked in four ways, take about a minute with a model of 0.5 billion
    parameters on two cores. Each prompt is read from its beginning. What is suggested is run in
    the sandbox only. An interrupt keeps what came.

    Args:
        model: from ``labkit.load_llamacpp``.
        tasks: ``"humaneval"``, or ``"lab"``: 20 functions that no model has seen in training.
        cut: ``"line"``, or ``"block"``: 2 to 6 lines, up to the end of their indentation.
        methods: as for ``lab.assistant.completion_prompt``; None: all that the model can do.
        items: number of programs with a cut; some have no block: fewer are asked then.
        seed: of the draw of programs and cuts.
    Raises:
        ValueError: an argument is out of range.
        LabError: the model does not run in llama.cpp, cannot do a method that is named, or
            HumanEval could not be downloaded.
    """
    check_model(model)
    check_one_of("cut", cut, KINDS)
    chosen, missing = _methods(model, methods)
    check_one_of("tasks", tasks, TITLES)
    pool = code_tasks(tasks)
    check_whole("items", items, 1, len(pool))
    began, interrupted = time.perf_counter(), False
    found: dict[str, list[Suggestion]] = {method: [] for method in chosen}
    with progress(total=items * len(chosen), unit="suggestion", desc=model.name) as bar:
        try:
            for each in islice(draw_cuts(pool, cut, seed), items):
                row = []
                for method in chosen:
                    row.append(_suggestion(model, each, method, cut == "block"))
                    bar.update()
                for method, suggestion in zip(chosen, row, strict=True):
                    found[method].append(suggestion)
        except KeyboardInterrupt:
            interrupted = True
    title = f"{TITLES[tasks]} with a {cut} cut out"
    scores = tuple(MethodScore(name, tuple(own)) for name, own in found.items() if own)
    elapsed_s = time.perf_counter() - began
    return CompletionScore(model.name, title, scores, items, elapsed_s, missing, interrupted)


def check_options(options: Mapping[str, Any]) -> None:
    """Raises a ValueError where the options of a verb with one method name several."""
    if "methods" in options:
        got = options["methods"]
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got methods={got!r}")


def _methods(model: LlamaCppModel, methods: Sequence[str] | None) -> tuple[tuple[str, ...], str]:
    """The methods to measure, and why others are not."""
    if methods is not None:
        methods = (methods,) if isinstance(methods, str) else methods
        methods = tuple(methods) if isinstance(methods, Iterable) else (methods,)
        for each in methods:
            check_method(model, each)
        if not methods or len(set(methods)) < len(methods):
            raise ValueError(f"methods must be one or more, each once; got {methods!r}")
        return methods, ""
    lacking = {} if model.fim_tokens else dict.fromkeys(NEED_FIM, "tokens to fill in the middle")
    lacking |= {} if model.chat else {"chat": "chat template"}
    rest = tuple(method for method in METHODS if method not in lacking)
    what = " and no ".join(dict.fromkeys(lacking.values()))
    return rest, f"{model.name} has no {what}, so that was not measured" if what else ""


def _suggestion(model: LlamaCppModel, cut: Cut, method: str, block: bool) -> Suggestion:
    done = complete(model, cut.before, cut.after, method=method, block=block, reread=True)
    if done.finish is None:  # the model's stream ends at an interrupt, and does not raise it
        raise KeyboardInterrupt
    return Suggestion(cut, done, run_code(cut.program(done.text)))
