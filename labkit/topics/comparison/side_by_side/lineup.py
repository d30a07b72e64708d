"""Who can be compared on this machine now: here, on a server here, and far away."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from labkit.backends.cloud.budget import Budget
from labkit.backends.cloud.cloud import cloud, clouds
from labkit.backends.cloud.model import CloudModel
from labkit.backends.emulated.links import Link
from labkit.backends.emulated.stand_in import StandIn, stand_in
from labkit.backends.generate import Backend
from labkit.backends.llamacpp.model import load_llamacpp
from labkit.backends.recorded import Recording, recordings, replay
from labkit.backends.remote.discovery import servers
from labkit.errors import LabError

from .concurrent import name_each

LIMIT_USD = 0.10  # what a notebook may spend unless it is told otherwise


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Lineup(Mapping[str, Backend]):
    """Backends by their names, and why these.

    Attributes:
        near: the model of this machine.
        far: the model of a provider; where there is no key, the stand-in.
        backends: all of them: those two, servers that run here, further providers, recordings.
        notes: a line on each, and on what is missing.
        budget: what may be spent at providers.
    """

    local: Backend
    remote: Backend
    backends: dict[str, Backend]
    notes: tuple[str, ...]
    budget: Budget

    def __getitem__(self, name: str) -> Backend:
        return self.backends[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.backends)

    def __len__(self) -> int:
        return len(self.backends)

    @property
    def pair(self) -> dict[str, Backend]:
        """The near model and the far one, by names that tell which is a stand-in."""
        return {name: each for name, each in self.items() if each in (self.local, self.remote)}

    @property
    def summary(self) -> str:
        """Who takes part, in a line."""
        return f"{len(self)} to compare: {', '.join(self)}"

    def __repr__(self) -> str:
        return "\n".join(self.notes)

    def close(self) -> None:
        """Ends the stand-in, where there is one; other models are left as they are."""
        if isinstance(self.remote, StandIn):
            self.remote.close()


def line_up(
    local: Backend | None = None,
    *,
    prompt: str | None = None,
    link: str | Link = "ocean",
    budget: Budget | None = None,
) -> Lineup:
    """Finds whom this machine can put side by side now, for `compare`.

    The near model; every model server that runs on the loopback, with its first model; a model of
    every provider whose key is known; where there is none, the stand-in; and the recordings that
    answer the prompt. Nothing is sent to a provider yet.

    Args:
        near: a model of this machine; None: the bundled one, in llama.cpp.
        prompt: which recordings are wanted.
        link: over which the stand-in is reached.
        budget: what may be spent at providers; None: ten US cents.
    Raises:
        LabError: llama.cpp or the model is missing.
        ValueError: no such link.
    """
    local = local or load_llamacpp()
    budget = budget or Budget(LIMIT_USD)
    found, notes = _local_servers()
    remote = _providers(budget)
    notes += [f"Provider: {each.name}, key found; {budget.summary}." for each in remote]
    if not remote:
        remote = [stand_in(link=link)]
        notes.append(
            f"No key of a provider is known (labkit.clouds()): {remote[0].name} takes its place, the "
            f"same small model behind a link: {remote[0].link.summary}."
        )
    recorded = _recordings(prompt)
    notes += [f"Recording: {each!r}" for each in recorded]
    backends = name_each((local, *remote, *found, *recorded))
    return Lineup(local, remote[0], backends, (f"Here: {local!r}", *notes), budget)


def _local_servers() -> tuple[list[Backend], list[str]]:
    found, notes = [], []
    for server in servers():
        if server.models:
            found.append(server.model(server.models[0]))
            notes.append(f"Server on this machine: {found[-1]!r}")
    if not found:
        notes.append(
            "No model server runs on the usual ports of this machine. Start Ollama, LM Studio, "
            "vLLM or llama.cpp, run this again, and it takes part."
        )
    return found, notes


def _providers(budget: Budget) -> list[CloudModel]:
    """A model of each provider with a key; left out is one whose model has to be named."""
    with_key = [each for each in clouds() if each.key_found and each.model]
    found = []
    for each in with_key:
        with suppress(LabError):  # such as an address that has to be named
            found.append(cloud(each.provider, budget=budget))
    return found


def _recordings(prompt: str | None) -> list[Recording]:
    """Those that hold an answer to the prompt; a damaged file is none."""
    found = []
    for name in recordings():
        with suppress(LabError):
            found.append(replay(name))
    return [each for each in found if prompt in each.prompts]
