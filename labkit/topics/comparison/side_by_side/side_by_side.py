"""One prompt, several backends, all at once: the answers, their times, and what went wrong."""

from collections.abc import Iterator
from dataclasses import dataclass

from labkit.backends.prompts import Messages
from labkit.backends.remote.addresses import is_loopback
from labkit.backends.reply import Reply

from .concurrent import Backends, Column, ConcurrentRun
from .time_split import TimePart, split_time


@dataclass(frozen=True, slots=True, repr=False)
class SideBySide:
    """The same prompt, answered by several.

    Attributes:
        prompt: what they were asked.
        names: of the columns.
        replies: one for each, in the same order; of one that failed, what came until then.
        computed_here: whether each computed on this machine, as far as can be told.
        in_turn: asked one after another; if not, those that computed here shared the machine.
        reference: the answer that was hoped for, or None.
    """

    prompt: str | Messages
    names: tuple[str, ...]
    replies: tuple[Reply, ...]
    computed_here: tuple[bool, ...]
    sequential: bool = False
    reference: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """What each wrote."""
        return tuple(reply.text for reply in self.replies)

    @property
    def errors(self) -> tuple[str | None, ...]:
        """What went wrong with each and how to mend it; None where nothing did."""
        return tuple(reply.error for reply in self.replies)

    @property
    def origins(self) -> tuple[str, ...]:
        """Where each column's numbers come from."""
        return tuple(reply.origin for reply in self.replies)

    @property
    def parts(self) -> tuple[tuple[TimePart, ...], ...]:
        """Where the time of each went; see `split_time`."""
        return tuple(map(split_time, self.replies))

    @property
    def shared(self) -> tuple[str, ...]:
        """Those that computed on this machine at the same time, and so slowed each other down."""
        here = [n for n, is_here in zip(self.names, self.computed_here, strict=True) if is_here]
        return tuple(here) if len(here) > 1 and not self.sequential else ()

    @property
    def summary(self) -> str:
        """Each one's times, in a line."""
        told = list(map(_told, self.names, self.replies))
        if self.shared:
            told.append(f"{' and '.join(self.shared)} shared this machine")
        told += dict.fromkeys(origin for origin in self.origins if ":" in origin)
        return f"{'In turn' if self.sequential else 'At once'}: {'; '.join(told)}"

    def __repr__(self) -> str:
        blocks = map(_block, self.names, self.replies)
        return "\n\n".join([*blocks, self.summary])


def _block(name: str, reply: Reply) -> str:
    failed = f"\n✗ {reply.error}" if reply.error else ""
    return f"{name} ({reply.origin})\n{reply.text}{failed}"


def _told(name: str, reply: Reply) -> str:
    failed = " and then failed" if reply.error and reply.steps else ""
    if not reply.steps:
        return f"{name} {'failed' if reply.error else 'wrote nothing'}"
    return (
        f"{name} first token after {reply.ttft_s:.2f} s, {reply.elapsed_s:.2f} s in all{failed} "
        f"({reply.origin.partition(':')[0]})"
    )


def compare(
    prompt: str | Messages,
    backends: Backends,
    *,
    reference: str | None = None,
    sequential: bool = False,
    raw: bool = False,
    **settings,
) -> SideBySide:
    """The same prompt to several backends at once; one that fails leaves the others unharmed.

    Interrupting it (the notebook's stop button, Ctrl-C) stops all of them; what they wrote until
    then is kept.

    Args:
        prompt: a text, or chat messages.
        backends: a list, or names of your own for each: ``{"here": local, "far": cloud}``.
        reference: the answer that is hoped for, for `compare_texts`.
        in_turn: one after another. At once is how it feels; in turn is how to time models that
            compute on the same machine.
        raw: go on with the text as it stands, with chat models too.
        settings: the same for all: see ``labkit.backends.settings.Settings``.
    Raises:
        ValueError: no backends, or a prompt or setting out of bounds. What only one of them does
            not take is an error of its column.
    """
    race = ConcurrentRun(prompt, backends, raw=raw, sequential=sequential, **settings)
    _run(race)
    return finish(race, reference)


def _run(race: ConcurrentRun) -> None:
    from tqdm.auto import tqdm

    with tqdm(unit="token", desc="compare", leave=False) as bar:
        updates: Iterator = race.run()
        try:
            for number in updates:
                bar.update(number is not None)
        except KeyboardInterrupt:
            pass
        finally:
            updates.close()


def finish(race: ConcurrentRun, reference: str | None = None) -> SideBySide:
    """What a race that has ended, or was stopped, has come to."""
    replies = race.replies
    return SideBySide(
        prompt=race.prompt,
        names=tuple(column.name for column in race.columns),
        replies=replies,
        computed_here=tuple(map(_computed_here, race.columns, replies)),
        sequential=race.sequential,
        reference=reference,
    )


def _computed_here(column: Column, reply: Reply) -> bool:
    """A recording computes nothing; a stand-in does, behind its link; so does a loopback server."""
    if reply.origin.startswith("recorded") or not reply.steps:
        return False
    asked = getattr(column.backend, "backend", column.backend)  # of a variant, the model itself
    address = getattr(asked, "base_url", None)
    return reply.origin.startswith("stand-in") or address is None or is_loopback(str(address))
