"""One prompt, every engine that is found here: how fast, how much memory, and what each wrote."""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass

from labkit.backends.generate import Backend
from labkit.backends.llamacpp.on_demand import OnDemandModel
from labkit.backends.local.model import load
from labkit.backends.prompts import Messages
from labkit.backends.remote.discovery import Server, servers
from labkit.errors import LabError
from labkit.formatting import MIB, in_lines
from labkit.topics.speed.measure.machine_noise import tell_disturbed

from .process_memory import Footprint, measure_footprints
from .runner import Case, Experiment, Point, run_in_turn, was_stopped
from .text_divergence import Compared, tell_partings
from .vary import PROMPT, require_local

LIMIT_S = 35.0  # for warming up and the rounds; loading and memory take their time besides
CONTEXT = 1024  # of llama.cpp in this process, which takes its memory at once


@dataclass(frozen=True, slots=True, repr=False)
class EngineComparison(Compared):
    """One prompt in several engines (measured).

    Whether their weights are the same is known of those of this process alone; a server tells no
    more than its model's name, which `Measurement.model` has.

    Attributes:
        experiment: speed, a point for each engine.
        footprints: memory of each, or None where it cannot be known.
    """

    experiment: Experiment
    footprints: tuple[Footprint | None, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What each is called, with the number format of its weights where it tells."""
        return tuple(map(_name, self.points))

    @property
    def summary(self) -> str:
        """Each engine's speed and memory, and where the texts part."""
        told = [tell_engine(*pair) for pair in zip(self.points, self.footprints, strict=True)]
        line = "; ".join(told) or "no engine answered"
        texts = f"; {tell_partings(self.writings)}" if self.points else ""
        disturbed = tell_disturbed(self.experiment.disturbances)
        return f"{line}{texts} (measured){'. ' if disturbed else ''}{disturbed}"

    def __repr__(self) -> str:
        return in_lines(self.summary, *self.missing)


def _name(point: Point) -> str:
    told = dict(point.measurement.setup.software).get("dtype")
    return f"{point.value}, {told}" if told else str(point.value)


def tell_engine(point: Point, footprint: Footprint | None) -> str:
    """One engine in a clause."""
    measured = point.measurement
    told = [f"{point.value}: first token after {measured.ttft_s.median:.2g} s"]
    if speed := measured.decode_tokens_per_s:
        told.append(f"then {speed.median:.3g} tokens/s")
    if footprint:
        told.append(f"{footprint.held_bytes / MIB:,.0f} MiB")
    return ", ".join(told)


def vary_engine(
    engines: Mapping[str, Backend] | Backend | str = "smollm2-135m",
    prompt: str | Messages = PROMPT,
    *,
    max_tokens: int = 16,
    raw: bool = False,
    limit_s: float = LIMIT_S,
    **run,
) -> EngineComparison:
    """One prompt, every engine found here, the same weights: speed, memory, and the text.

    Found are transformers, llama.cpp in this process, and each server of `labkit.servers` that has
    a model of that name. A Stop keeps what was measured.

    Args:
        engines: a model from ``labkit.load`` or its name; or what to call each, and the backend.
        prompt: the same for all.
        max_tokens: of each answer.
        raw: go on with the text as it stands.
        limit_s: seconds for warming up and all rounds.
        run: ``repeats``, as for `experiment.run_in_turn`.
    Raises:
        LabError: if no engine answers.
    """
    missing: list[str] = []
    if not isinstance(engines, Mapping):
        engines = find_engines(engines, missing)
    asked = {"max_tokens": max_tokens, "temperature": 0.0, "raw": raw}
    cases = [
        Case(name, backend, prompt, asked, around=getattr(backend, "opened", nullcontext))
        for name, backend in engines.items()
    ]
    cases = [case for case in cases if _answers(case, missing)]
    if not cases:
        raise LabError(f"No engine answers: {' '.join(missing)}")
    done = run_in_turn(
        cases, name="engine", axis="engine", shown=("ttft_s", "decode_tokens_per_s"),
        missing=missing, limit_s=limit_s, **run,
    )  # fmt: skip
    backends = {case.value: case.backend for case in cases}
    asked = [] if was_stopped(done, len(cases)) else [backends[p.value] for p in done.points]
    footprints = measure_footprints(asked)
    unknown = (None,) * (len(done.points) - len(footprints))
    return EngineComparison(done, (*footprints, *unknown))


def find_engines(model: Backend | str, missing: list[str]) -> dict[str, Backend]:
    """Every engine here that has these weights, by a name for people.

    Args:
        model: from ``labkit.load``, or its name.
        missing: is told what cannot be asked, and why.
    """
    model = load(model) if isinstance(model, str) else model
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
        fitting = [str(model.folder)]  # it opens whatever folder it is asked for
    if fitting:
        return server.model(fitting[0])
    has = ", ".join(server.models) or "none that it tells of"
    missing.append(
        f"{server.kind} at {server.address}: no model named like {model.name}; it has {has}. "
        "To ask another: vary_engine({'any name': server.model('…'), …})."
    )
    return None


def is_like(name: str, other: str) -> bool:
    """Whether a server's name of a model has the lab's in it, however it is punctuated.

    >>> is_like("smollm2-135m", "smollm2:135m"), is_like("smollm2-135m", "smollm2:latest")
    (True, False)
    >>> is_like("smollm2-135m", "SmolLM2-135M-Instruct.Q4_1.gguf")
    True
    """
    last = name.rpartition("/")[2].removesuffix(".gguf")
    wanted, told = (re.sub("[^a-z0-9]", "", text.lower()) for text in (last, other))
    return bool(wanted) and wanted in told


def _answers(case: Case, missing: list[str]) -> bool:
    """Whether it answers a token, so that one that fails does not end it for the others.

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
