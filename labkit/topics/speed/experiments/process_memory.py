"""How much memory an engine takes: in a process that does nothing else, or in its server."""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from labkit.backends.capabilities import HasAddress, HasGgufFile, HasPlan
from labkit.backends.generate import Backend
from labkit.backends.remote.discovery import is_loopback
from labkit.interrupts.cell import progress
from labkit.topics.speed.measure.load_time import run_script

_MEASURE_SCRIPT = """
import json, sys
import labkit as lab, psutil
from labkit.topics.speed.measure import peak_memory
verb, arguments, prompt = json.loads(sys.argv[1])
model = getattr(lab, verb)(**arguments)
lab.generate(model, prompt, temperature=0, max_tokens=2)
on_gpu = getattr(model, "gpu_peak_bytes", lambda: None)()
print(json.dumps([psutil.Process().memory_info().rss, peak_memory.peak_bytes(), on_gpu]))
"""
# The listening process is recognised by its name, or a Python by its command; others may only
# forward a container's port. LM Studio is missing: its models do not run in the one that listens.
KNOWN = {
    "Ollama": "ollama",
    "vLLM": "vllm",
    "llama.cpp": "llama",
    "transformers serve": "transformers",
}


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory of an engine that has answered (measured).

    Attributes:
        resident_bytes: resident memory at that moment, summed over the processes.
        peak_bytes: peak resident memory until then, or None if unknown.
        processes: number of processes summed.
        own: whether it was a process of its own, with Python and nothing else; otherwise it is the
            server as it runs, with everything that it has loaded.
        gpu_bytes: peak memory of torch on a GPU, or None; unknown for a server.
    """

    resident_bytes: int
    peak_bytes: int | None
    processes: int
    own: bool
    gpu_bytes: int | None = None

    @property
    def total_bytes(self) -> int:
        """Resident memory and GPU memory together, as far as known."""
        return self.resident_bytes + (self.gpu_bytes or 0)


def measure_footprint(backend: Backend, prompt: str = "Hello") -> Footprint | None:
    """The memory of an engine, or None if it cannot be known.

    A model of this process is loaded again in a new process, because its memory cannot be separated
    from what else this process holds. A server is found by the port that it listens on.
    """
    if isinstance(backend, HasAddress):
        return _of_server(backend)
    recipe = _recipe(backend)
    return _of_new_process(*recipe, prompt) if recipe else None


def measure_footprints(backends: Iterable[Backend]) -> tuple[Footprint | None, ...]:
    """The memory of each, under a progress bar; a Stop keeps those that are complete."""
    found = []
    with suppress(KeyboardInterrupt):
        for backend in progress(backends, unit="engine", desc="memory"):
            found.append(measure_footprint(backend))
    return tuple(found)


def _recipe(backend: Backend) -> tuple[str, dict] | None:
    """The verb that loads it again, and its arguments."""
    if isinstance(backend, HasPlan):
        chosen = {"device": backend.plan.device, "dtype": backend.plan.needs.dtype}
        return "load", {"name": backend.source, **chosen}
    if isinstance(backend, HasGgufFile):
        chosen = {"threads": backend.threads, "context": backend.context}
        return "load_llamacpp", {"name": str(backend.gguf_file), **chosen}
    return None


def _of_new_process(verb: str, arguments: dict, prompt: str) -> Footprint | None:
    proc = run_script(_MEASURE_SCRIPT, json.dumps([verb, arguments, prompt]))
    if proc.returncode:
        return None
    resident, peak, on_gpu = json.loads(proc.stdout.strip().splitlines()[-1])
    return Footprint(resident, peak, processes=1, own=True, gpu_bytes=on_gpu)


def _of_server(backend: Backend) -> Footprint | None:
    """The server's process and those that it started."""
    if not is_loopback(backend.base_url):
        return None
    kind = getattr(backend, "kind", "")
    found = [
        each for each in _listeners(urlsplit(backend.base_url).port or 80) if _is_known(each, kind)
    ]
    if len(found) != 1:
        return None
    try:
        family = [found[0], *found[0].children(recursive=True)]
        resident = sum(process.memory_info().rss for process in family)
    except psutil.Error:
        return None
    return Footprint(resident, None, processes=len(family), own=False)


def _listeners(port: int) -> Iterable:
    """Processes that listen on a port, as far as this user may see them."""
    for process in psutil.process_iter():
        try:
            connections = process.net_connections("tcp")
        except (psutil.Error, OSError):
            continue
        if any(
            each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections
        ):
            yield process


def _is_known(process, kind: str) -> bool:
    """Whether it is that kind of server, not a port forwarder or this process."""
    if kind not in KNOWN or process.pid == os.getpid():
        return False
    try:
        name, command = process.name().lower(), " ".join(process.cmdline()).lower()
    except psutil.Error:
        return False
    return KNOWN[kind] in name or (name.startswith("python") and KNOWN[kind] in command)
