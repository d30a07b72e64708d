"""The answers to a batch of prompts as a table: a row for each prompt and backend."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from statistics import median
from typing import Any

from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.remote.api_keys import without_keys
from labkit.backends.reply import Reply

ENDED = ("stop", "length")
ENDS = {"stop": "by itself", "length": "at max_tokens", "interrupted": "stopped by you"}


@dataclass(frozen=True, slots=True)
class BatchJob:
    """One question to one backend.

    Attributes:
        place: number of the prompt, from 0.
        prompt: what is asked.
        backend: the name of who is asked.
        settings: how tokens are chosen, and whether it goes on with the raw text.
        repeat: how often the same prompt came before in the batch.
    """

    place: int
    prompt: str | Messages
    backend: str
    settings: Mapping[str, Any]
    repeat: int = 0

    @property
    def key(self) -> str:
        """By which its row is known again in a file: the same question to the same backend."""
        told = [self.prompt, self.backend, dict(self.settings), self.repeat]
        text = json.dumps(told, ensure_ascii=True, sort_keys=True, default=list)
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def make_jobs(
    prompts: Sequence[str | Messages], names: Sequence[str], settings: Mapping[str, Any]
) -> list[BatchJob]:
    """Every prompt to every backend, in that order.

    Args:
        prompts: texts, or chat messages.
        names: of the backends.
        settings: of all, ``raw`` among them.
    Raises:
        ValueError: no prompts, or bad ones.
    """
    if isinstance(prompts, str) or not isinstance(prompts, Sequence) or not prompts:
        raise ValueError(f"prompts must be a list of one prompt or more; got {prompts!r}")
    jobs, seen = [], Counter()
    for place, prompt in enumerate(prompts):
        checked_prompt(prompt, raw=settings["raw"])
        kept = prompt if isinstance(prompt, str) else [dict(each) for each in prompt]
        known = str(kept)
        jobs += [BatchJob(place, kept, name, settings, seen[known]) for name in names]
        seen[known] += 1
    return jobs


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One answer with its numbers. What is unknown is None.

    Attributes:
        key: see `BatchJob.key`.
        place: number of the prompt in its batch, from 0.
        prompt: what was asked.
        backend: the name of who was asked.
        text: the answer, or what there was of it.
        finish: as for `Reply`: ``"stop"``, ``"length"``, ``"interrupted"`` or ``"failed"``.
        error: what went wrong and how to mend it, or None.
        origin: how the numbers came about.
        asked_at: when the request that answered began: ISO 8601, UTC.
        tries: requests that were made for it.
        waited_s: seconds that were waited before, because the server asked for it.
        ttft_s: seconds from that last request to the first token.
        elapsed_s: seconds from that last request to the last token.
        prompt_tokens: tokens read.
        output_tokens: tokens written.
        decode_tokens_per_s: tokens a second after the first.
        price_usd: by the provider's usage and list price.
    """

    key: str
    place: int
    prompt: str | Messages
    backend: str
    text: str
    finish: str
    error: str | None = None
    origin: str = "measured"
    asked_at: str = ""
    tries: int = 1
    waited_s: float = 0.0
    ttft_s: float | None = None
    elapsed_s: float | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    decode_tokens_per_s: float | None = None
    price_usd: float | None = None

    @property
    def answered(self) -> bool:
        """Whether it ended as an answer should, so that it need not be asked again."""
        return self.finish in ENDED

    @property
    def prompt_text(self) -> str:
        """The prompt as people read it; of chat messages, each after its role."""
        if isinstance(self.prompt, str):
            return self.prompt
        return "\n".join(f"{each['role']}: {each['content']}" for each in self.prompt)


NUMBERS = ("ttft_s", "elapsed_s", "prompt_tokens", "output_tokens", "decode_tokens_per_s",
           "price_usd")  # fmt: skip


TEXTS = ("key", "backend", "text", "finish", "origin", "asked_at")


def make_row(job: BatchJob, reply: Reply, *, asked_at: str, tries: int, waited_s: float) -> BatchRow:
    """The row of a reply."""
    return BatchRow(
        key=job.key, place=job.place, prompt=job.prompt, backend=job.backend,
        text=without_keys(_sound(reply.text)), finish=reply.finish, error=reply.error,
        origin=reply.origin, asked_at=asked_at, tries=tries, waited_s=waited_s,
        **{name: getattr(reply, name) for name in NUMBERS},
    )  # fmt: skip


def _sound(text: str) -> str:
    """A text that can be written to a file: a server may send halves of characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_row(told: Mapping[str, Any]) -> BatchRow:
    """A row as it was written to a file.

    Raises:
        ValueError: it is none.
    """
    names = {field.name for field in fields(BatchRow)}
    if not isinstance(told, dict) or told.keys() != names:
        raise ValueError("no row of a batch")
    kinds = {**dict.fromkeys(TEXTS, str), **dict.fromkeys(NUMBERS, int | float | None)}
    kinds |= {"place": int, "tries": int, "waited_s": int | float, "error": str | None}
    if not all(isinstance(told[name], kind) for name, kind in kinds.items()):
        raise ValueError("no row of a batch")
    if not _is_prompt(told["prompt"]):
        raise ValueError("no row of a batch")
    return BatchRow(**told)


def _is_prompt(told: Any) -> bool:
    if not isinstance(told, list):
        return isinstance(told, str)
    return all(isinstance(each, dict) and {"role", "content"} <= each.keys() for each in told)


# What a table sorts by: its name in the table, and the value of a row.
COLUMNS: dict[str, tuple[str, Callable[[BatchRow], Any]]] = {
    "prompt": ("prompt", lambda row: row.prompt_text),
    "backend": ("backend", lambda row: row.backend),
    "text": ("answer", lambda row: row.text),
    "finish": ("ended", lambda row: ENDS.get(row.finish, row.finish)),
    "ttft_s": ("first token, s", lambda row: row.ttft_s),
    "elapsed_s": ("whole, s", lambda row: row.elapsed_s),
    "waited_s": ("waited, s", lambda row: row.waited_s),
    "prompt_tokens": ("tokens in", lambda row: row.prompt_tokens),
    "output_tokens": ("tokens out", lambda row: row.output_tokens),
    "decode_tokens_per_s": ("tokens/s", lambda row: row.decode_tokens_per_s),
    "price_usd": ("price, $", lambda row: row.price_usd),
    "origin": ("origin", lambda row: row.origin),
}


@dataclass(frozen=True, slots=True, repr=False)
class BatchTable:
    """Answers of several backends to several prompts.

    Attributes:
        backends: their names, in the order in which they were given.
        rows: one for each answer; of one that failed or was stopped, what there is.
        missing: answers that are not there: failed, stopped, or never asked for.
        stopped: why a backend was not asked any further, in a sentence each.
    """

    backends: tuple[str, ...]
    rows: tuple[BatchRow, ...]
    missing: int = 0
    stopped: tuple[str, ...] = ()

    def of(self, backend: str) -> tuple[BatchRow, ...]:
        """The rows of one backend."""
        return tuple(row for row in self.rows if row.backend == backend)

    def sorted_by(self, column: str, *, descending: bool = False) -> "BatchTable":
        """The same, in another order; what is unknown comes last.

        Args:
            column: one of `COLUMNS`.
            descending: largest first.
        """
        if column not in COLUMNS:
            raise ValueError(f"column must be one of {', '.join(COLUMNS)}; got {column!r}")
        value = COLUMNS[column][1]
        known = [row for row in self.rows if value(row) is not None]
        unknown = [row for row in self.rows if value(row) is None]
        return replace(
            self,
            rows=(*sorted(known, key=lambda r: _order(value(r)), reverse=descending), *unknown),
        )

    def filtered(self, text: str = "", *, backend: str | None = None) -> "BatchTable":
        """Only the rows with that text in prompt, answer or error; capitals do not matter.

        Args:
            text: what to look for; empty: any row.
            backend: of this one alone; None: of all.
        """
        looked_for = text.casefold()
        kept = [
            row
            for row in self.rows
            if backend in (None, row.backend)
            and looked_for in f"{row.prompt_text}\n{row.text}\n{row.error or ''}".casefold()
        ]
        return replace(self, rows=tuple(kept))

    @property
    def summary(self) -> str:
        """How many answers of whom, how long each took, and what is not there."""
        told = "; ".join(self._told(name) for name in self.backends)
        lacking = f"; {self.missing} not there" if self.missing else ""
        origins = ", ".join(dict.fromkeys(row.origin for row in self.rows)) or "nothing asked"
        prompts = len({row.place for row in self.rows})
        return f"{prompts} {'prompt' if prompts == 1 else 'prompts'}: {told}{lacking} ({origins})"

    def _told(self, name: str) -> str:
        rows = [row for row in self.of(name) if row.answered]
        times = [row.elapsed_s for row in rows if row.elapsed_s is not None]
        took = f", median {median(times):.2f} s" if times else ""
        return f"{name} {len(rows)} {'answer' if len(rows) == 1 else 'answers'}{took}"

    def __repr__(self) -> str:
        failed = [f"✗ {row.backend}: {row.error}" for row in self.rows if row.error]
        return "\n".join([self.summary, *self.stopped, *dict.fromkeys(failed)])


def _order(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def to_records(rows: Iterable[BatchRow]) -> list[dict[str, Any]]:
    """Rows as JSON takes them."""
    return [asdict(row) for row in rows]
