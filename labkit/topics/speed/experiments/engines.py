"""One prompt in every engine found here: speed, memory and text."""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass

from labkit.backends.generate import Backend
from labkit.backends.llamacpp.on_demand_model import OnDemandModel
from labkit.backends.prompts import Messages
from labkit.backends.remote.connect import connect
from labkit.backends.remote.discovery import Server, servers
from labkit.errors import LabError
from labkit.formatting import MIB, digits, in_lines

from .process_memory import Footprint, measure_footprints
from .runner import (
    PROMPT,
    Experiment,
    ExperimentCase,
    Point,
    check_rounds,
    greedy_case,
    require_local,
    run_interleaved,
    was_stopped,
)
from .text_divergence import ExperimentComparison, describe_divergence

LIMIT_S = 35.0  # for warm-up and rounds; loading and memory take extra time
CONTEXT = 1024  # of llama.cpp in this process, which allocates it at once


@dataclass(frozen=True, slots=True, repr=False)
class EngineComparison(ExperimentComparison):
    """One prompt in several engines.

    Only the engines in this process are known to have the same weights; a server reports just its
    model's name, which is in `Measurement.model`.

    Attributes:
        experiment: speed, with a point for each engine.
        footprints: memory of each engine, or None if it cannot be known.
    """

    experiment: Experiment
    footprints: tuple[Footprint | None, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each, with the number format of its weights if known."""
        setups = [dict(point.measurement.setup.software) for point in self.points]
        formats = [f", {setup['dtype']}" if setup.get("dtype") else "" for setup in setups]
        return tuple(
            f"{point.value}{each}" for point, each in zip(self.points, formats, strict=True)
        )

    @property
    def summary(self) -> str:
        """Each engine's speed and memory, and where the texts diverge."""
        pairs = zip(self.points, self.footprints, strict=True)
        line = "; ".join(describe_engine(*pair) for pair in pairs) or "no engine answered"
        texts = f"; {describe_divergence(self.texts)}" if self.points else ""
        return self.experiment.with_warning(f"{line}{texts} ({self.experiment.origin})")

    def __repr__(self) -> str:
        return in_lines(self.summary, *self.missing)


def describe_engine(point: Point, footprint: Footprint | None) -> str:
    """One engine in a clause."""
    measured = point.measurement
    parts = [f"{point.value}: first token after {digits(measured.ttft_s.median)} s"]
    if speed := measured.decode_tokens_per_s:
        parts.append(f"then {digits(speed.median)} tokens/s")
    if footprint:
        parts.append(f"{footprint.total_bytes / MIB:,.0f} MiB")
    return ", ".join(parts)


def vary_engine(
    engines: Mapping[str, Backend] | Backend | str = "smollm2-135m",
    prompt: str | Messages = PROMPT,
    *,
    max_tokens: int = 16,
    raw: bool = False,
    limit_s: float = LIMIT_S,
    **run,
) -> EngineComparison:
    """One prompt in every engine found here, with the same weights: speed, memory and text.

    The engines are transformers, llama.cpp in this process, and each server of `labkit.servers`
    that has a model of that name. A Stop keeps what was measured.

    Args:
        engines: a model from ``labkit.load`` or its name; or backends by a name for each.
        prompt: prompt that every engine answers.
        max_tokens: upper bound on the tokens of each answer.
        raw: whether the prompt is continued without the chat template.
        limit_s: seconds for warm-up and all rounds.
        run: ``repeats``, as for `runner.run_interleaved`.
    Raises:
        LabError: no engine answers.
    """
    check_rounds(limit_s=limit_s, **run)
    missing: list[str] = []
    if not isinstance(engines, Mapping):
        engines = find_engines(engines, missing)
    cases = [
        greedy_case(
            *each, prompt, max_tokens, raw=raw, around=getattr(each[1], "opened", nullcontext)
        )
        for each in engines.items()
    ]
    cases = [case for case in cases if _answers(case, missing)]
    if not cases:
        raise LabError(f"No engine answers: {' '.join(missing) or 'none was given.'}")
    done = run_interleaved(
        cases,
        name="engine",
        metrics=("ttft_s", "decode_tokens_per_s"),
        missing=missing,
        limit_s=limit_s,
        **run,
    )
    backends = {case.value: case.backend for case in cases}
    complete = not was_stopped(done, len(cases))
    footprints = measure_footprints(
        [backends[point.value] for point in done.points] if complete else []
    )
    unknown = (None,) * (len(done.points) - len(footprints))
    return EngineComparison(done, (*footprints, *unknown))


def find_engines(model: Backend | str, missing: list[str]) -> dict[str, Backend]:
    """Every engine here that has these weights, by name.

    Args:
        model: a model from ``labkit.load``, or its name.
        missing: list that receives a sentence for each engine that cannot be used.
    """
    if isinstance(model, str):
        from labkit.backends.local.model import load

        model = load(model)
    require_local(model, "vary_engine")
    found: dict[str, Backend] = {"transformers": model}
    if model.gguf_file is None:
        missing.append(f"llama.cpp in process: {model.name} has no GGUF file.")
    else:
        found["llama.cpp in process"] = OnDemandModel(model.gguf_file, CONTEXT)
    for server in servers():
        backend = _of_server(server, model, missing)
        if backend:
            kind = "llama.cpp's server" if server.kind == "llama.cpp" else server.kind
            port = server.address.rpartition(":")[2]
            found[f"{kind} on port {port}" if kind in found else kind] = backend
    return found


def _of_server(server: Server, model: Backend, missing: list[str]) -> Backend | None:
    fitting = [name for name in server.models if is_like(str(model.name), name)]
    if not fitting and server.kind == "transformers serve":
        fitting = [str(model.folder)]  # it opens any folder on request
    if fitting:
        return connect(server, fitting[0])
    has = ", ".join(server.models) or "none that it reports"
    missing.append(
        f"{server.kind} at {server.address}: no model named like {model.name}; it has {has}. "
        "To use another: vary_engine({'any name': lab.connect(server, '…'), …})."
    )
    return None


def is_like(name: str, other: str) -> bool:
    """Whether a server's name of a model contains the lab's, ignoring punctuation.

    >>> is_like("smollm2-135m", "smollm2:135m"), is_like("smollm2-135m", "smollm2:latest")
    (True, False)
    >>> is_like("smollm2-135m", "SmolLM2-135M-Instruct.Q4_1.gguf")
    True
    """
    last = name.rpartition("/")[2].removesuffix(".gguf")
    wanted, found = (re.sub("[^a-z0-9]", "", text.lower()) for text in (last, other))
    return bool(wanted) and wanted in found


def _answers(case: ExperimentCase, missing: list[str]) -> bool:
    """Whether it answers with one token; a failure must not end the experiment for the others.

    A server may load its model only now.
    """
    try:
        run = case.run(max_tokens=1)
    except LabError as error:  # it cannot be opened
        missing.append(f"{case.value}: {error.problem}")
        return False
    if run.finish == "interrupted":
        raise KeyboardInterrupt
    if run.error:
        missing.append(f"{case.value}: {run.error}")
    return not run.error
