"""`prove_offline`: the same connections tried with and without a network, and a model that answers.

The target is a listener on this machine's loopback, opened for the purpose: it can be reached from
outside the namespace, which shows that the tries are real, and not from inside. So nothing is sent
over a network to prove that there is none.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from socket import create_server

from labkit.errors import LabError

from . import connection_probe
from .offline import ROOT, OfflineRun, run_offline

# A documentation address (RFC 5737), never assigned; tried inside the namespace alone.
NOWHERE = "192.0.2.1", 443
_GENERATE = """
import json, sys, labkit
name, prompt = sys.argv[1:]
with labkit.watch_network() as watch:
    reply = labkit.generate(labkit.load(name), prompt, temperature=0, max_tokens=24)
print(json.dumps({"text": reply.text, "tried": len(watch.log.attempts)}))
"""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One way of connecting, tried with and without a network.

    Attributes:
        name: how it connects.
        outside: what came of it with the network on: ``"connected"``, or the system's own words.
        inside: the same target, in the namespace.
        away: an address off this machine, in the namespace.
    """

    name: str
    outside: str
    inside: str
    away: str

    @property
    def cut_off(self) -> bool:
        """Whether it connected with a network, and with none reached nothing."""
        return (
            self.outside == connection_probe.CONNECTED != self.inside
            and self.away != connection_probe.CONNECTED
        )


@dataclass(frozen=True, slots=True, repr=False)
class OfflineProof:
    """What could be reached without a network, and what a model wrote there (measured).

    Attributes:
        ways: the ways of connecting.
        model: name of the model that answered in the namespace, or None if none was asked.
        prompt: what it was asked.
        text: what it wrote.
        tried: how many connections the model's process tried.
        elapsed_s: seconds of starting, loading and writing, or None.
        why_not: why it could not be tried here, or None.
    """

    probes: tuple[ProbeResult, ...]
    model: str | None
    prompt: str
    text: str | None = None
    tried: int | None = None
    elapsed_s: float | None = None
    why_not: str | None = None

    @property
    def holds(self) -> bool:
        """Whether no way reached anything, and the model answered if it was asked."""
        cut_off = bool(self.probes) and all(probe.cut_off for probe in self.probes)
        return cut_off and (self.model is None or bool(self.text))

    @property
    def summary(self) -> str:
        """What it shows, in a line."""
        if self.why_not:
            return f"without a network: not tried, {self.why_not}"
        cut = sum(probe.cut_off for probe in self.probes)
        told = f"without a network {cut} of {len(self.probes)} ways to connect are cut off"
        if self.model:
            answer = "answers" if self.text else "does not answer"
            told += f", and {self.model} {answer}"
        return f"{told} (measured, in a network namespace)"

    def __repr__(self) -> str:
        rows = [f"  {probe.name}: {probe.outside}; without: {probe.inside}" for probe in self.probes]
        return "\n".join([self.summary, *rows])


def prove_offline(
    model: str | None = "smollm2-135m", prompt: str = "Why is the sky blue?"
) -> OfflineProof:
    """Pulls the plug on a process, shows that nothing gets out, and asks a model there.

    Args:
        model: a model that is on this machine, by its name; None: only the connections.
        prompt: what to ask it.
    Returns:
        The proof; where no namespace can be had it says why not, and holds nothing.
    Raises:
        LabError: the model did not run there.
    """
    try:
        run_offline(["python", "-V"])
    except LabError as error:
        return OfflineProof((), model, prompt, why_not=str(error))
    with create_server(("127.0.0.1", 0)) as listener:
        here = ("127.0.0.1", listener.getsockname()[1])
        outside = _told(_tries_outside(here))
        inside = _told(_checked(run_offline(_command(here, NOWHERE))).output)
    probes = tuple(ProbeResult(name, outside[name][0], *inside[name]) for name in connection_probe.METHODS)
    if model is None:
        return OfflineProof(probes, None, prompt)
    ran = _checked(run_offline(["python", "-c", _GENERATE, model, prompt]))
    told = json.loads(ran.output.strip().splitlines()[-1])
    return OfflineProof(probes, model, prompt, told["text"], told["tried"], ran.elapsed_s)


def _command(*targets: tuple[str, int]) -> list[str]:
    flat = [str(part) for target in targets for part in target]
    return ["python", "-m", "labkit.topics.privacy.network.connection_probe", *flat]


def _tries_outside(*targets: tuple[str, int]) -> str:
    command = [sys.executable, *_command(*targets)[1:]]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _told(output: str) -> dict[str, list[str]]:
    return json.loads(output.strip().splitlines()[-1])


def _checked(ran: OfflineRun) -> OfflineRun:
    if ran.status:
        raise LabError(
            f"What ran without a network failed: {(ran.output.strip().splitlines() or ['?'])[-1]}",
            "Fetch the model first, with a network: labkit.load(…).",
        )
    return ran
