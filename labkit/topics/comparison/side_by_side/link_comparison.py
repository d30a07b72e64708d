"""`compare_links`: the same request over several links, to see what the network alone adds."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import SimpleNamespace

from labkit.backends.emulated.links import Link, find_link
from labkit.backends.emulated.stand_in import StandIn
from labkit.backends.llamacpp.model import LlamaCppModel
from labkit.backends.prompts import Messages
from labkit.backends.remote.connect import connect

from .compare import SideBySide, compare

HERE, LOOPBACK = "in this process", "loopback"


def compare_links(
    model: LlamaCppModel,
    prompt: str | Messages,
    *,
    links: Sequence[str | Link] = ("fibre", "ocean", "satellite"),
    raw: bool = False,
    **settings,
) -> SideBySide:
    """The same request to the same model: in this process, over the loopback, and over links.

    They run in turn, by default at temperature 0: the model does the same work each time, so that
    only the route to it differs. The links are emulated (`labkit.stand_in`).

    Args:
        model: from ``labkit.load_llamacpp``.
        prompt: a text, or chat messages.
        links: names of ``labkit.backends.emulated.links.LINKS``, or your own links.
        raw: continue the text without the chat template.
        settings: see ``labkit.backends.settings.Settings``.
    Returns:
        A column for each route; a link's column is named with its round-trip time.
    Raises:
        ValueError: no such link, another kind of model, or a prompt or setting out of range.
    """
    if not isinstance(model, LlamaCppModel):
        raise ValueError(f"model must come from lab.load_llamacpp; got {model!r}")
    found = [(_label(link), find_link(link)) for link in links]
    address, key = model.listening
    served = connect(address, model.name, api_key=key, kind="llama.cpp")
    settings = {"temperature": 0, **settings}
    # Its owner closes the model.
    borrowed = SimpleNamespace(name=model.name, listening=model.listening, close=lambda: None)
    with ExitStack() as opened:
        distant = {
            label: opened.enter_context(StandIn(borrowed, link, seed=0)) for label, link in found
        }
        backends = {HERE: model, LOOPBACK: served, **distant}
        compare(prompt, {HERE: model}, raw=raw, **{**settings, "max_tokens": 1})  # warm-up
        return compare(prompt, backends, sequential=True, raw=raw, **settings)


def _label(link: str | Link) -> str:
    name = link if isinstance(link, str) else "your link"
    return f"{name}: {1000 * find_link(link).round_trip_s:g} ms"
