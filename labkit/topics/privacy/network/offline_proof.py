"""`prove_offline`: the same connections with and without a network, and a model that answers.

The target is a listener on this machine's loopback, opened for this purpose. It can be reached
from outside the namespace, which shows that the attempts are real, and not from inside. So the
proof sends nothing over a network.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from socket import create_server
from typing import Any

from labkit.backends.loaded.load import SERVER
from labkit.errors import LabError
from labkit.lab_book.entry import BookEntry
from labkit.models.machine import has_torch

from . import try_connections
from .offline import ROOT, OfflineRun, run_offline

# A documentation address (RFC 5737), never assigned; tried only inside the namespace.
NOWHERE = "192.0.2.1", 443
_GENERATE = """
import json, sys
import labkit as lab
load, name, prompt = sys.argv[1:]
small = {"context": 512} if load == "load_llamacpp" else {}
with lab.watch_network() as watch:
    reply = lab.generate(getattr(lab, load)(name, **small), prompt, temperature=0, max_tokens=24)
print(json.dumps({"text": reply.text, "attempts": len(watch.log.leaving)}))
"""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One method of connecting, tried with and without a network.

    Attributes:
        method: the method of connecting.
        online: the result with the network on: ``"connected"``, or the system's error message.
        offline: the result for the same target, in the namespace.
        external: the result for an address off this machine, in the namespace.
    """

    method: str
    online: str
    offline: str
    external: str

    @property
    def cut_off(self) -> bool:
        """Whether it connected with a network, and reached nothing without one."""
        return (
            self.online == try_connections.CONNECTED != self.offline
            and self.external != try_connections.CONNECTED
        )


@dataclass(frozen=True, slots=True, repr=False)
class OfflineProof:
    """What could be reached without a network, and what a model wrote there (measured).

    Attributes:
        probes: the result of each method of connecting.
        model: the name of the model in the namespace, or None for the connections only.
        prompt: the model's prompt.
        text: the model's answer.
        attempts: number of connections to other machines that the model's process attempted.
        elapsed_s: seconds of starting, loading and writing, or None.
        why_not: the reason why the proof is not possible here, or None.
    """

    probes: tuple[ProbeResult, ...]
    model: str | None
    prompt: str
    text: str | None = None
    attempts: int | None = None
    elapsed_s: float | None = None
    why_not: str | None = None

    @property
    def holds(self) -> bool:
        """Whether no method reached anything, and the model, if there is one, answered."""
        cut_off = bool(self.probes) and all(probe.cut_off for probe in self.probes)
        return cut_off and (self.model is None or bool(self.text))

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """How many ways to connect are cut off."""
        if self.why_not:
            return ()
        cut, label = sum(probe.cut_off for probe in self.probes), "ways out that are cut off"
        return (BookEntry("cut_off", label, cut, f"of {len(self.probes)}"),)

    @property
    def summary(self) -> str:
        """The result, in one line."""
        if self.why_not:
            return f"without a network: not tried, {self.why_not}"
        cut = sum(probe.cut_off for probe in self.probes)
        result = f"without a network {cut} of {len(self.probes)} methods to connect are cut off"
        if self.model:
            answer = "answers" if self.text else "does not answer"
            result += f", and {self.model} {answer}"
        return f"{result} (measured, in a network namespace)"

    def __repr__(self) -> str:
        rows = [f"  {each.method}: {each.online}; without: {each.offline}" for each in self.probes]
        return "\n".join([self.summary, *rows])


def prove_offline(
    model: str | None = "smollm2-135m", prompt: str = "Why is the sky blue?"
) -> OfflineProof:
    """Starts a process without a network, shows that nothing gets out, and runs a model there.

    Args:
        model: the name of a model on this machine; None: only the connections.
        prompt: the model's prompt.
    Returns:
        The proof; where namespaces are not available, it says why and does not hold.
    Raises:
        LabError: the model did not run there.
    """
    try:
        run_offline(["python", "-V"])
    except LabError as error:
        return OfflineProof((), model, prompt, why_not=str(error))
    with create_server(("127.0.0.1", 0)) as listener:
        here = ("127.0.0.1", listener.getsockname()[1])
        command = [sys.executable, *_command(here)[1:]]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        online = _last_line(ran.stdout)
        offline = _last_line(_checked(run_offline(_command(here, NOWHERE))).output)
    probes = tuple(
        ProbeResult(method, online[method][0], *offline[method])
        for method in try_connections.METHODS
    )
    if model is None:
        return OfflineProof(probes, None, prompt)
    # A shared server is out of reach there.
    load = "load_llamacpp" if os.environ.get(SERVER) or not has_torch() else "load"
    ran = _checked(run_offline(["python", "-c", _GENERATE, load, model, prompt]))
    answer = _last_line(ran.output)
    return OfflineProof(probes, model, prompt, answer["text"], answer["attempts"], ran.elapsed_s)


def _command(*targets: tuple[str, int]) -> list[str]:
    flat = [str(part) for target in targets for part in target]
    return ["python", "-m", "labkit.topics.privacy.network.try_connections", *flat]


def _last_line(output: str) -> dict[str, Any]:
    return json.loads(output.strip().splitlines()[-1])


def _checked(ran: OfflineRun) -> OfflineRun:
    if ran.status:
        lines = [each for each in ran.output.splitlines() if not each.startswith("  →")]
        raise LabError(
            f"The process without a network failed: {(lines or ['?'])[-1]}",
            "Download the model first, with a network: lab.load(…).",
        )
    return ran
