"""The same request over several ways: what the network alone adds to an answer."""

from collections.abc import Sequence
from contextlib import ExitStack

from labkit.backends.emulated.links import Link, find_link
from labkit.backends.emulated.stand_in import StandIn
from labkit.backends.llamacpp.model import LlamaCppModel
from labkit.backends.prompts import Messages
from labkit.backends.remote.connect import connect

from .side_by_side import SideBySide, compare

HERE, LOOPBACK = "in this process", "loopback"


class _Borrowed:
    """A model that somebody else closes."""

    def __init__(self, model: LlamaCppModel):
        self.name, self.listening = model.name, model.listening

    def close(self) -> None:
        """Leaves it as it is."""


def compare_links(
    model: LlamaCppModel,
    prompt: str | Messages,
    *,
    links: Sequence[str | Link] = ("fibre", "ocean", "satellite"),
    raw: bool = False,
    **settings,
) -> SideBySide:
    """The same request to the same model: in this process, over the loopback, and over links.

    They are asked in turn, at temperature 0 unless told otherwise: the model does the same work
    each time, so what differs is the way to it. The links are emulated (`labkit.stand_in`).

    Args:
        model: from ``labkit.load_llamacpp``.
        prompt: a text, or chat messages.
        links: names of ``labkit.backends.emulated.links.LINKS``, or links of your own.
        raw: go on with the text as it stands.
        settings: see ``labkit.backends.settings.Settings``.
    Returns:
        A column for each way; a link's name tells how long it takes there and back.
    Raises:
        ValueError: no such link, another kind of model, or a prompt or setting out of bounds.
    """
    if not isinstance(model, LlamaCppModel):
        raise ValueError(f"model must be one of labkit.load_llamacpp; got {model!r}")
    found = [(_label(link), find_link(link)) for link in links]
    address, key = model.listening
    served = connect(address, model.name, api_key=key, kind="llama.cpp")
    settings = {"temperature": 0, **settings}
    with ExitStack() as opened:
        ways = {
            label: opened.enter_context(StandIn(_Borrowed(model), link, seed=0))
            for label, link in found
        }
        backends = {HERE: model, LOOPBACK: served, **ways}
        compare(prompt, {HERE: model}, raw=raw, **{**settings, "max_tokens": 1})  # awake
        return compare(prompt, backends, sequential=True, raw=raw, **settings)


def _label(link: str | Link) -> str:
    name = link if isinstance(link, str) else "your link"
    return f"{name}: {1000 * find_link(link).round_trip_s:g} ms"
