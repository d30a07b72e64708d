"""The answers to a batch of prompts as a table, with a row for each prompt and backend."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from statistics import median
from typing import Any, ClassVar

from labkit.backends.prompts import Messages, checked_messages
from labkit.backends.remote.api_keys import without_keys
from labkit.backends.reply import Reply
from labkit.checks import check_one_of
from labkit.filesystem.read import parse

from .job import BatchJob

ENDED = ("stop", "length", "content_filter", "tool_calls")
ENDS = {
    "stop": "finished",
    "length": "at max_tokens",
    "content_filter": "withheld by the provider's filter",
    "tool_calls": "with a call of a tool",
    "interrupted": "stopped by you",
}
RECORD_KEYS = {"prompt_index": "place"}  # fields whose name in files differs


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One answer with its numbers; None stands for unknown.

    Attributes:
        key: the key of its `BatchJob`.
        prompt_index: number of the prompt in its batch, from 0.
        prompt: the prompt.
        backend: the backend's name.
        text: the answer, which may be partial.
        finish: as for `Reply`: ``"stop"``, ``"length"``, ``"interrupted"``, ``"failed"`` …
        error: the error with its hint, or None.
        origin: the origin of the numbers.
        asked_at: start of the request that was answered: ISO 8601, UTC.
        tries: number of requests that it took.
        waited_s: seconds of waiting before that request, because the server asked for it.
        ttft_s: seconds from that request to the first token.
        elapsed_s: seconds from that request to the last token.
        prompt_tokens: tokens read.
        output_tokens: tokens written.
        decode_tokens_per_s: tokens a second after the first.
        price_usd: price by the provider's token count and list price.
        thinking: what was thought before the answer, as far as it is shown.
        thinking_tokens: tokens of it, of those written.
        thinking_s: seconds of thinking.
        thinking_price_usd: the part of the price that it cost.
        setting: the settings in words; None: a file of an earlier version does not say.
    """

    # For the reader of files, `labkit.filesystem.read`.
    __pydantic_config__: ClassVar = {"alias_generator": lambda name: RECORD_KEYS.get(name, name)}

    key: str
    prompt_index: int
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
    thinking: str = ""
    thinking_tokens: int | None = None
    thinking_s: float | None = None
    thinking_price_usd: float | None = None
    setting: str | None = None

    @property
    def answered(self) -> bool:
        """Whether the answer is complete, so that it need not be requested again."""
        return self.finish in ENDED

    @property
    def prompt_text(self) -> str:
        """The prompt as readable text; each chat message after its role."""
        if isinstance(self.prompt, str):
            return self.prompt
        return "\n".join(f"{each['role']}: {each['content']}" for each in self.prompt)


NUMBERS = (
    *("ttft_s", "elapsed_s", "prompt_tokens", "output_tokens", "decode_tokens_per_s", "price_usd"),
    *("thinking_tokens", "thinking_s", "thinking_price_usd"),
)
ADDED = {each.name: each.default for each in fields(BatchRow) if "thinking" in each.name}
ADDED |= {"setting": None}


def make_row(
    job: BatchJob, reply: Reply, *, asked_at: str, tries: int, waited_s: float
) -> BatchRow:
    """The row of a reply."""
    return BatchRow(
        key=job.key,
        prompt_index=job.prompt_index,
        prompt=job.prompt,
        backend=job.backend,
        text=_writable(reply.text),
        thinking=_writable(reply.thinking),
        finish=reply.finish,
        error=reply.error,
        origin=reply.origin,
        asked_at=asked_at,
        tries=tries,
        waited_s=waited_s,
        setting=job.setting,
        **{name: getattr(reply, name) for name in NUMBERS},
    )


def _writable(text: str) -> str:
    """Without keys, and without the lone surrogates that a server may send and no file can hold."""
    return without_keys(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def to_record(row: BatchRow) -> dict[str, Any]:
    """A row as files hold it; of what was added since version 0.1 only what there is."""
    record = {RECORD_KEYS.get(name, name): value for name, value in asdict(row).items()}
    none = {name for name, default in ADDED.items() if record[name] == default}
    return {name: value for name, value in record.items() if name not in none}


def read_row(line: bytes) -> BatchRow:
    """A row from a line of a file.

    Raises:
        ValueError: it is not a row.
    """
    return checked_row(parse(line, BatchRow))


def checked_row(row: BatchRow) -> BatchRow:
    """Raises a ValueError for what types alone cannot say."""
    if not isinstance(row.prompt, str):
        checked_messages(row.prompt)
    return row


# The columns of a table: label, and the value in a row.
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
    "thinking_tokens": ("tokens of thinking", lambda row: row.thinking_tokens),
    "thinking_s": ("thinking, s", lambda row: row.thinking_s),
    "thinking_price_usd": ("its price, $", lambda row: row.thinking_price_usd),
    "origin": ("origin", lambda row: row.origin),
    "setting": ("settings", lambda row: row.setting or "unknown"),
}


@dataclass(frozen=True, slots=True, repr=False)
class BatchTable:
    """Answers of several backends to several prompts.

    Attributes:
        backends: the backends' names, in the given order.
        rows: one for each answer, partial where it failed or was stopped.
        missing: number of answers that failed, were stopped or never requested.
        stopped: a sentence for each backend that was given up, saying why.
    """

    backends: tuple[str, ...]
    rows: tuple[BatchRow, ...]
    missing: int = 0
    stopped: tuple[str, ...] = ()

    def of(self, backend: str) -> tuple[BatchRow, ...]:
        """The rows of one backend."""
        return tuple(row for row in self.rows if row.backend == backend)

    def check_one_setting(self, backends: Iterable[str]) -> None:
        """Raises a ValueError where a backend answered with several settings, as in one file.

        A file of an earlier version does not say with which. Its answers go with others, unless
        one of these is to the same prompt.
        """
        for name in backends:
            rows = self.of(name)
            found = dict.fromkeys(row.setting or "unknown settings" for row in rows)
            named = len(found) - (None in {row.setting for row in rows})
            if named > 1 or (len(found) > 1 and _asked_twice(rows)):
                raise ValueError(
                    f"table must hold answers with the same settings; {name} has some with each "
                    f"of these: {'; '.join(found)}. lab.comparison.run_batch with the same file "
                    "and one of them returns its answers alone"
                )

    def sorted_by(self, column: str, *, descending: bool = False) -> "BatchTable":
        """The table in another order; unknown values come last.

        Args:
            column: one of `COLUMNS`.
            descending: largest first.
        """
        check_one_of("column", column, COLUMNS)
        value = COLUMNS[column][1]
        known = [row for row in self.rows if value(row) is not None]
        unknown = [row for row in self.rows if value(row) is None]
        return replace(
            self,
            rows=(*sorted(known, key=lambda r: _sort_key(value(r)), reverse=descending), *unknown),
        )

    def filtered(self, text: str = "", *, backend: str | None = None) -> "BatchTable":
        """The rows with that text in prompt, answer or error; case is ignored.

        Args:
            text: the text to look for; empty: any row.
            backend: the only backend to keep; None: all.
        """
        pattern = text.casefold()
        rows = tuple(
            row
            for row in self.rows
            if backend in (None, row.backend)
            and pattern in f"{row.prompt_text}\n{row.text}\n{row.error or ''}".casefold()
        )
        kept = self.backends if backend is None else (backend,)
        return replace(self, backends=kept, rows=rows)

    @property
    def summary(self) -> str:
        """The answers of each backend, their median time, and how many are missing."""
        counts = "; ".join(self._count(name) for name in self.backends)
        missing = f"; {self.missing} missing" if self.missing else ""
        origins = ", ".join(dict.fromkeys(row.origin for row in self.rows)) or "no answers yet"
        prompts = len({row.prompt_index for row in self.rows})
        return f"{prompts} {'prompt' if prompts == 1 else 'prompts'}: {counts}{missing} ({origins})"

    def _count(self, name: str) -> str:
        rows = [row for row in self.of(name) if row.answered]
        times = [row.elapsed_s for row in rows if row.elapsed_s is not None]
        took = f", median {median(times):.2f} s" if times else ""
        return f"{name} {len(rows)} {'answer' if len(rows) == 1 else 'answers'}{took}"

    def __repr__(self) -> str:
        failed = [f"✗ {row.backend}: {row.error}" for row in self.rows if row.error]
        return "\n".join([self.summary, *self.stopped, *dict.fromkeys(failed)])


def _sort_key(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _asked_twice(rows: Iterable[BatchRow]) -> bool:
    numbers = [row.prompt_index for row in rows]
    return len(set(numbers)) < len(numbers)
