"""`compare`: one prompt, several backends, and their answers with times and errors."""

from contextlib import closing, suppress
from dataclasses import dataclass

from labkit.backends.capabilities import model_of
from labkit.backends.prompts import Messages, check_text
from labkit.backends.remote.discovery import is_loopback
from labkit.backends.reply import Reply
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry
from labkit.stats import Spread
from labkit.topics.speed.measure.machine_noise import MachineNoise, with_warning

from .concurrent import Backends, Column, ConcurrentRun
from .time_split import TimePart, split_time


@dataclass(frozen=True, slots=True, repr=False)
class SideBySide:
    """The same prompt, answered by several backends.

    Attributes:
        prompt: the prompt that every backend answered.
        names: the names of the columns.
        replies: one for each column; where a backend failed, its partial reply.
        computed_here: whether each computed on this machine, as far as can be determined.
        sequential: whether they ran one after another; if not, the local ones shared the machine.
        reference: the expected answer, or None.
        first_s: of a comparison that was repeated, the seconds to the first token of every round,
            for each column; its reply is that of the middle round.
        noise: what else the machine did meanwhile, where it was recorded.
    """

    prompt: str | Messages
    names: tuple[str, ...]
    replies: tuple[Reply, ...]
    computed_here: tuple[bool, ...]
    sequential: bool = False
    reference: str | None = None
    first_s: tuple[Spread, ...] = ()
    noise: MachineNoise | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each."""
        return tuple(reply.text for reply in self.replies)

    @property
    def errors(self) -> tuple[str | None, ...]:
        """The error of each, with a hint; None where there was none."""
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
        """Backends that computed on this machine at the same time and slowed each other down."""
        here = [n for n, is_here in zip(self.names, self.computed_here, strict=True) if is_here]
        return tuple(here) if len(here) > 1 and not self.sequential else ()

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The seconds of each answer."""
        return tuple(
            BookEntry(
                *("elapsed_s", f"{name}, in all", reply.elapsed_s, "s"),
                origin=reply.origin.partition(":")[0],
                model=reply.model,
            )
            for name, reply in zip(self.names, self.replies, strict=True)
            if reply.steps and reply.finish not in ("failed", "interrupted")
        )

    @property
    def summary(self) -> str:
        """The times of each, in one line."""
        parts = list(map(_times, self.names, self.replies))
        if self.shared:
            parts.append(f"{' and '.join(self.shared)} shared this machine")
        parts += dict.fromkeys(origin for origin in self.origins if ":" in origin)
        if self.first_s:
            parts.append(f"each is the middle one of {len(self.first_s[0].values)} rounds")
        line = f"{'In turn' if self.sequential else 'At once'}: {'; '.join(parts)}"
        return with_warning(line, (self.noise,))

    def __repr__(self) -> str:
        blocks = [
            "\n".join(
                [
                    f"{name} ({reply.origin})",
                    *([f"({reply.thinking_summary})"] if reply.thinking_summary else []),
                    reply.text,
                    *([f"✗ {reply.error}"] if reply.error else []),
                ]
            )
            for name, reply in zip(self.names, self.replies, strict=True)
        ]
        return "\n\n".join([*blocks, self.summary])


def _times(name: str, reply: Reply) -> str:
    thought = f", {reply.thinking_summary}" if reply.thinking_summary else ""
    failed = " and then failed" if reply.error and reply.steps else ""
    if reply.finish == "interrupted":
        failed = " until it was stopped"
    if not reply.steps:
        return f"{name} {'failed' if reply.error else 'wrote nothing'}"
    return (
        f"{name} first token after {reply.ttft_s:.2f} s, {reply.elapsed_s:.2f} s in all"
        f"{thought}{failed} ({reply.origin.partition(':')[0]})"
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
    """Sends the same prompt to several backends at once; if one fails, the others continue.

    Interrupting it (the notebook's stop button, Ctrl-C) stops all of them and keeps what they
    wrote until then.

    Args:
        prompt: a text, or chat messages.
        backends: a list, or a dict with your own names: ``{"local": local, "cloud": cloud}``.
        reference: the expected answer, for `compare_texts`.
        sequential: one after another. At once is how it feels; in turn is how to time models that
            compute on the same machine.
        raw: continue the text without the chat template, with chat models too.
        settings: the same for all: see ``labkit.backends.settings.Settings``.
    Raises:
        ValueError: no backends, or a prompt or setting that is out of range. A setting that only
            one backend rejects is an error of its column.
    """
    if reference is not None:
        check_text(reference, "reference")
    run = ConcurrentRun(prompt, backends, raw=raw, sequential=sequential, **settings)
    with (
        progress(unit="token", desc="compare") as bar,
        suppress(KeyboardInterrupt),
        closing(run.updates()) as updates,
    ):
        for number in updates:
            bar.update(number is not None)
    return collect_answers(run, reference)


def collect_answers(run: ConcurrentRun, reference: str | None = None) -> SideBySide:
    """The answers of a run so far, whether it is still running, has ended or was stopped."""
    replies = run.replies
    return SideBySide(
        prompt=run.prompt,
        names=tuple(column.name for column in run.columns),
        replies=replies,
        computed_here=tuple(map(_computed_here, run.columns, replies)),
        sequential=run.sequential,
        reference=reference,
    )


def _computed_here(column: Column, reply: Reply) -> bool:
    """A recording computes nothing; a stand-in does, behind its link; so does a loopback server."""
    if reply.origin.startswith("recorded") or not reply.steps:
        return False
    address = getattr(model_of(column.backend), "base_url", None)
    return reply.origin.startswith("stand-in") or address is None or is_loopback(str(address))
