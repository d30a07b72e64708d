"""`line_up`: the backends that can be compared now: local, on a local server, and remote."""

import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from labkit.backends.capabilities import check_backend
from labkit.backends.cloud.cloud import cloud, clouds
from labkit.backends.emulated.links import Link, find_link
from labkit.backends.emulated.stand_in import StandIn, stand_in
from labkit.backends.generate import Backend
from labkit.backends.llamacpp.model import LlamaCppModel, load_llamacpp
from labkit.backends.loaded.load import SERVER, load
from labkit.backends.prompts import check_text
from labkit.backends.recorded import Recording, recordings, replay
from labkit.backends.remote.budget import Budget
from labkit.backends.remote.connect import connect
from labkit.backends.remote.discovery import servers
from labkit.backends.remote.model import RemoteModel
from labkit.backends.served.model import ServedModel
from labkit.checks import check_type
from labkit.errors import LabError
from labkit.models.machine import has_torch

from .concurrent import name_each

LIMIT_USD = 0.10  # what a notebook may spend by default
# A notebook keeps what its cells have shown: a cell that runs again would load all once more.
_made: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Lineup(Mapping[str, Backend]):
    """Backends by name, and how each was found.

    Attributes:
        local: the model on this machine.
        remote: a provider's model; without any key, the stand-in.
        backends: all of them: those two, local servers, further providers, recordings.
        notes: a line on each, and on what is missing.
        budget: the spending limit for providers.
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
        """The local model and the remote one, by name; the name says if it is a stand-in."""
        return {name: each for name, each in self.items() if each in (self.local, self.remote)}

    @property
    def summary(self) -> str:
        """The names of all, in one line."""
        return f"{len(self)} to compare: {', '.join(self)}"

    def __repr__(self) -> str:
        return "\n".join(self.notes)

    def close(self) -> None:
        """Closes the stand-in, where there is one, for all its line-ups; other models stay open."""
        if isinstance(self.remote, StandIn):
            self.remote.close()


def line_up(
    local: Backend | None = None,
    *,
    prompt: str | None = None,
    link: str | Link = "ocean",
    budget: Budget | None = None,
) -> Lineup:
    """Finds the backends that can be compared on this machine now, for `compare`.

    The local model; every model server on the loopback, with its first model; a model of every
    provider with a known key, or else the stand-in, with the local model's own weights where
    llama.cpp has them; and the recordings that answer the prompt. Nothing is sent to a provider
    yet. Called again, it takes the models again that it loaded before and that are still in use.

    Args:
        local: a model on this machine; None: the bundled one, in llama.cpp, or on the shared
            server that ``LABKIT_SERVER`` names.
        prompt: the prompt that recordings must answer.
        link: the link to the stand-in.
        budget: the spending limit for providers; None: ten US cents.
    Raises:
        LabError: llama.cpp or the model is missing.
        ValueError: no such link, or another argument is not what it should be.
    """
    if prompt is not None:
        check_text(prompt, "prompt")
    local = _local() if local is None else local
    check_backend("local", local)
    budget = Budget(LIMIT_USD) if budget is None else budget
    check_type("budget", budget, Budget, "lab.Budget")
    found, notes = _local_servers()
    remote = _providers(budget)
    notes += [f"Provider: {each.name}, key found; {budget.summary}." for each in remote]
    if not remote:
        same = isinstance(local, LlamaCppModel | ServedModel)
        remote = [_stand_in(local if same else None, find_link(link))]
        notes.append(
            f"No provider key is known (lab.clouds()): {remote[0].name} takes its place, "
            f"{'with the same weights as the model here' if same else 'another model'}, over an "
            f"emulated link: {remote[0].link.summary}."
        )
    recorded = _recordings(prompt)
    notes += [f"Recording: {each!r}" for each in recorded]
    backends = name_each((local, *remote, *found, *recorded))
    return Lineup(local, remote[0], backends, (f"Here: {local!r}", *notes), budget)


def _local() -> Backend:
    if os.environ.get(SERVER):
        return load()
    return _again("local", load_llamacpp if has_torch() else load)


def _stand_in(local: LlamaCppModel | ServedModel | None, link: Link) -> StandIn:
    """A stand-in with the weights of a model; None: with those of the bundled one."""
    key = link, local and local.listening
    return _again(key, lambda: stand_in(local, link=link) if local else stand_in(link=link))


def _again(kind: Hashable, make: Callable[[], Any]) -> Any:
    """The model of this kind that was made before, as long as somebody has it; else a new one."""
    found = _made.get(kind)
    if found is None or not _is_open(found):
        found = _made[kind] = make()
    return found


def _is_open(model: LlamaCppModel | ServedModel | StandIn) -> bool:
    """Whether nobody has closed it."""
    engine = model.engine if isinstance(model, ServedModel) else model
    return bool(engine and engine.is_open)


def _local_servers() -> tuple[list[Backend], list[str]]:
    found, notes = [], []
    for server in servers():
        if server.models:
            found.append(connect(server, server.models[0]))
            notes.append(f"Server on this machine: {found[-1]!r}")
    if not found:
        notes.append(
            "No model server runs on the usual ports of this machine. Start Ollama, LM Studio, "
            "vLLM or llama.cpp and run this again to include it."
        )
    return found, notes


def _providers(budget: Budget) -> list[RemoteModel]:
    """A model of each provider with a key, except where the model has to be named."""
    found = []
    for each in clouds():
        with suppress(LabError):  # such as an address that has to be named
            if each.key_found and each.model:
                found.append(cloud(each.provider, budget=budget))
    return found


def _recordings(prompt: str | None) -> list[Recording]:
    """Those that hold an answer to the prompt; damaged files are skipped."""
    found = []
    for name in recordings():
        with suppress(LabError):
            found.append(replay(name))
    return [each for each in found if prompt in each.prompts]
