"""`compare_links`: the same request over several links, to see what the network alone adds."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from labkit.backends.capabilities import runs_here
from labkit.backends.emulated.links import Link, find_link
from labkit.backends.emulated.stand_in import BorrowedEngine, StandIn
from labkit.backends.llamacpp.model import LlamaCppModel
from labkit.backends.prompts import Messages
from labkit.backends.remote.connect import connect
from labkit.backends.served.model import ServedModel
from labkit.checks import check_type, check_whole
from labkit.interrupts.delayed import delayed_interrupts
from labkit.stats import Spread
from labkit.topics.speed.measure.machine_noise import MachineNoise, NoiseMonitor

from .compare import SideBySide, compare
from .concurrent import free_name

HERE, SHARED, LOOPBACK = "in this process", "shared server", "loopback"


def compare_links(
    model: LlamaCppModel | ServedModel,
    prompt: str | Messages,
    *,
    links: str | Link | Iterable[str | Link] = ("fibre", "ocean", "satellite"),
    repeats: int = 3,
    raw: bool = False,
    **settings,
) -> SideBySide:
    """The same request to the same model: in this process, over the loopback, and over links.

    They run in turn, by default at temperature 0: the model does the same work each time, so that
    only the route to it differs. All routes are taken once in every round, and of each the answer
    with the middle time to the first token counts, as a single one may have met a busy moment.
    The links are emulated (`labkit.stand_in`).

    Args:
        model: from ``labkit.load_llamacpp``, or of a server of llama.cpp or vLLM on this machine.
        prompt: a text, or chat messages.
        links: names of ``labkit.backends.emulated.links.LINKS``, or your own links.
        repeats: number of rounds; a Stop ends them early, and the whole rounds before it count.
        raw: continue the text without the chat template.
        settings: see ``labkit.backends.settings.Settings``.
    Returns:
        A column for each route; a link's column is named with its round-trip time, and numbered
        where another one has that name.
    Raises:
        ValueError: no such link, another kind of model, or a prompt or setting out of range.
        KeyboardInterrupt: a Stop before the first whole round.
    """
    check_whole("repeats", repeats)
    check_type("model", model, (LlamaCppModel, ServedModel), "lab.load_llamacpp")
    if not (server := BorrowedEngine.of(model)):
        raise ValueError(f"model must come from lab.load_llamacpp; got {model!r}")
    found: dict[str, Link] = {}
    for link in _several(links):
        found[free_name(_label(link), found)] = find_link(link)
    settings = {"raw": raw, "temperature": 0, **settings}
    (warm_up,) = compare(prompt, {HERE: model}, **{**settings, "max_tokens": 1}).replies
    if warm_up.finish == "interrupted":
        raise KeyboardInterrupt
    monitor, rounds = NoiseMonitor(own_work=runs_here(model)), []
    for seed in range(repeats):  # each round loses other packets
        try:
            rounds.append(_round(model, server, prompt, found, settings, seed))
        except KeyboardInterrupt:  # while it opened its links
            if not rounds:
                raise
            break
        if any(reply.finish == "interrupted" for reply in rounds[-1].replies):
            rounds = rounds[:-1] or rounds  # a Stop: the rounds before it count
            break
    return _middle(rounds, monitor.end())


def _round(
    model: LlamaCppModel | ServedModel,
    server: BorrowedEngine,
    prompt: str | Messages,
    links: Mapping[str, Link],
    settings: dict,
    seed: int,
) -> SideBySide:
    """Each route once, over connections of its own: one that stands already would look quick."""
    address, key = server.listening
    served = connect(address, server.model, api_key=key, kind=server.kind)
    served.policy = None  # it is on this machine
    with ExitStack() as opened:
        with delayed_interrupts():  # threads that nobody could end
            distant = {
                label: opened.enter_context(StandIn(server, link, seed=seed))
                for label, link in links.items()
            }
        backends = {HERE if runs_here(model) else SHARED: model, LOOPBACK: served, **distant}
        return compare(prompt, backends, sequential=True, **settings)


def _middle(rounds: Sequence[SideBySide], noise: MachineNoise) -> SideBySide:
    """Of each column the reply with the middle time to the first token, and all of these times."""
    columns = list(zip(*(each.replies for each in rounds), strict=True))
    if any(reply.ttft_s is None or reply.error for column in columns for reply in column):
        return replace(rounds[-1], noise=noise)  # with its error, or stopped
    columns = [sorted(column, key=lambda reply: reply.ttft_s) for column in columns]
    return replace(
        rounds[-1],
        replies=tuple(column[(len(column) - 1) // 2] for column in columns),
        first_s=tuple(Spread(tuple(reply.ttft_s for reply in column)) for column in columns),
        noise=noise,
    )


def _several(links: str | Link | Iterable[str | Link]) -> tuple[str | Link, ...]:
    """One link, which is no row of letters, or several; that each is one, `find_link` checks."""
    if isinstance(links, str | Link):
        return (links,)
    if not isinstance(links, Iterable):
        raise ValueError(f"links must be one or more, such as ('ocean', 'LTE'); got {links!r}")
    return tuple(links)


def _label(link: str | Link) -> str:
    name = link if isinstance(link, str) else "your link"
    return f"{name}: {1000 * find_link(link).round_trip_s:g} ms"
