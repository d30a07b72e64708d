"""Who is in a class, what they use, and what its model is doing."""

from dataclasses import dataclass

import psutil

from labkit.formatting import in_lines

from .hub_client import ask_hub, ask_model, read_load
from .settings import ClassSettings

MIB = 1024**2


@dataclass(frozen=True, slots=True)
class LearnerStatus:
    """One learner.

    Attributes:
        name: as they logged in.
        memory_bytes: of their server and kernels, each shared page divided among its users; None:
            their server does not run, or this system does not tell.
        kernels: how many run.
        last_activity: when they last did something, as ``2026-11-27T14:03:00Z``.
    """

    name: str
    memory_bytes: int | None
    kernels: int
    last_activity: str

    @property
    def is_here(self) -> bool:
        """Whether their server runs."""
        return self.memory_bytes is not None


@dataclass(frozen=True, slots=True, repr=False)
class ClassStatus:
    """A class at one moment (measured).

    Attributes:
        learners: all that have logged in.
        students: the most that may.
        running: answers that the model server is writing; None: unknown.
        waiting: requests that wait for one of its slots; None: unknown.
        slots: how many answers it writes at once.
    """

    learners: tuple[LearnerStatus, ...]
    students: int
    running: int | None
    waiting: int | None
    slots: int

    @property
    def summary(self) -> str:
        """One line of it."""
        here = [each for each in self.learners if each.is_here]
        memory = sum(each.memory_bytes or 0 for each in here) / MIB
        load = f"the model writes {_text(self.running)} answers, {_text(self.waiting)} wait"
        return f"{len(here)} of {self.students} learners are here, {memory:,.0f} MiB; {load}"

    def __repr__(self) -> str:
        return in_lines(self.summary, *map(_line, self.learners))


def read_status(settings: ClassSettings) -> ClassStatus:
    """The class as it is now.

    Raises:
        OSError: its hub does not answer.
    """
    learners = tuple(
        _learner(user) for user in ask_hub(settings, "/users?include_stopped_servers=1")
    )
    try:
        running, waiting = read_load(ask_model(settings, "/metrics"))
    except OSError:
        running = waiting = None
    return ClassStatus(learners, settings.students, running, waiting, settings.slots)


def _learner(user: dict) -> LearnerStatus:
    state = (user.get("servers") or {}).get("", {}).get("state") or {}
    memory, kernels = _use(state.get("pid") or 0)
    return LearnerStatus(user["name"], memory, kernels, user.get("last_activity") or "")


def _use(pid: int) -> tuple[int | None, int]:
    """Memory and kernels of a server, None if it does not run."""
    try:
        server = psutil.Process(pid) if pid else None
        processes = [server, *server.children(recursive=True)] if server else []
    except psutil.NoSuchProcess:
        processes = []
    sizes, kernels = [], 0
    for process in processes:
        try:
            info = process.memory_full_info()
            sizes.append(getattr(info, "pss", 0) or info.uss)
            kernels += "ipykernel_launcher" in process.cmdline()
        except psutil.Error:
            continue
    return (sum(sizes) if sizes else None), kernels


def _text(number: int | None) -> str:
    return "—" if number is None else str(number)


def _line(learner: LearnerStatus) -> str:
    if not learner.is_here:
        return f"{learner.name}: not here"
    kernels = "1 kernel" if learner.kernels == 1 else f"{learner.kernels} kernels"
    active = learner.last_activity[:19].replace("T", " ")
    return f"{learner.name}: {learner.memory_bytes / MIB:,.0f} MiB, {kernels}, active {active}"
