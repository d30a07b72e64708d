"""How much memory an engine takes: in a process that does nothing else, or in its server's own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from labkit.backends.capabilities import HasAddress, HasGgufFile, HasPlan
from labkit.backends.generate import Backend

_FRESH = """
import json, sys
import labkit, psutil
from labkit.speed import memory
verb, told, prompt = json.loads(sys.argv[1])
model = getattr(labkit, verb)(**told)
labkit.generate(model, prompt, temperature=0, max_tokens=2)
on_gpu = getattr(model, "gpu_peak_bytes", lambda: None)()
print(json.dumps([psutil.Process().memory_info().rss, memory.peak_bytes(), on_gpu]))
"""
# The process that listens must be known by its name, or a Python's by its command; it may also be
# one that passes a container's port on. LM Studio's is none of those that its models run in.
KNOWN = {
    "Ollama": "ollama", "vLLM": "vllm", "llama.cpp": "llama", "transformers serve": "transformers",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory of an engine that has answered (measured).

    Attributes:
        resident_bytes: in memory at that moment; of several processes, added up.
        peak_bytes: the most until then, or None where that was not asked or is not told.
        processes: that were added up.
        own: whether it was a process of its own, with Python and nothing else; else the server as
            it runs, with all that it holds.
        gpu_bytes: the most that torch held on a GPU besides, or None; of a server it is not known.
    """

    resident_bytes: int
    peak_bytes: int | None
    processes: int
    own: bool
    gpu_bytes: int | None = None

    @property
    def held_bytes(self) -> int:
        """In memory and on the GPU together, as far as it is known."""
        return self.resident_bytes + (self.gpu_bytes or 0)


def measure_footprint(backend: Backend, prompt: str = "Hello") -> Footprint | None:
    """What an engine takes, or None where that cannot be known.

    A model of this process is loaded once more, in a fresh process, for what this one holds besides
    cannot be told apart from it. A server is found by the port that it listens on.

    Args:
        backend: a model of this process, or of a server on the loopback.
        prompt: a short one, of which two tokens of an answer are written in the fresh process.
    """
    if isinstance(backend, HasAddress):
        return _of_server(backend)
    recipe = _recipe(backend)
    return _of_fresh(*recipe, prompt) if recipe else None


def measure_footprints(backends: Iterable[Backend]) -> tuple[Footprint | None, ...]:
    """What each takes, under a bar; a Stop keeps those that came."""
    from tqdm.auto import tqdm

    found = []
    try:
        for backend in tqdm(backends, unit="engine", desc="memory", leave=False):
            found.append(measure_footprint(backend))
    except KeyboardInterrupt:
        pass
    return tuple(found)


def _recipe(backend: Backend) -> tuple[str, dict] | None:
    """The verb that loads it again, and its arguments."""
    if isinstance(backend, HasPlan):
        chosen = {"device": backend.plan.device, "dtype": backend.plan.needs.dtype}
        return "load", {"name": str(backend.name), **chosen}
    if isinstance(backend, HasGgufFile):
        chosen = {"threads": backend.threads, "context": backend.context}
        return "load_llamacpp", {"name": str(backend.gguf_file), **chosen}
    return None


def _of_fresh(verb: str, arguments: dict, prompt: str) -> Footprint | None:
    told = subprocess.run(
        [sys.executable, "-c", _FRESH, json.dumps([verb, arguments, prompt])],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    if told.returncode:
        return None
    resident, peak, on_gpu = json.loads(told.stdout.strip().splitlines()[-1])
    return Footprint(resident, peak, processes=1, own=True, gpu_bytes=on_gpu)


def _of_server(backend: Backend) -> Footprint | None:
    """The server's process with those that it started."""
    import psutil

    parts = urlsplit(backend.base_url)
    if not _on_this_machine(parts.hostname):
        return None
    kind = getattr(backend, "kind", "")
    found = [each for each in _listeners(parts.port or 80) if _is_known(each, kind)]
    if len(found) != 1:
        return None
    try:
        family = [found[0], *found[0].children(recursive=True)]
        resident = sum(process.memory_info().rss for process in family)
    except psutil.Error:
        return None
    return Footprint(resident, None, processes=len(family), own=False)


def _on_this_machine(host: str | None) -> bool:
    from labkit.backends.remote.addresses import is_loopback

    return is_loopback(f"http://{host}")


def _listeners(port: int) -> Iterable:
    """Processes that listen on a port, as far as this user may see."""
    import psutil

    for process in psutil.process_iter():
        try:
            told = process.net_connections("tcp")
        except (psutil.Error, OSError):
            continue
        if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in told):
            yield process


def _is_known(process, kind: str) -> bool:
    """Whether it is that server, and not what passes its port on, nor this process."""
    import psutil

    if kind not in KNOWN or process.pid == os.getpid():
        return False
    try:
        name, command = process.name().lower(), " ".join(process.cmdline()).lower()
    except psutil.Error:
        return False
    return KNOWN[kind] in name or (name.startswith("python") and KNOWN[kind] in command)
