"""A table of answers in files: JSON, which is read back without loss, and CSV for spreadsheets."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from labkit.filesystem.read import parse, read_file, wrong_content

from .journal import HEAD, LARGEST_JOURNAL, is_journal, newest_rows
from .table import BatchRow, BatchTable, checked_row, to_record

UNSEEN = r"\s\x00-\x20\x7f\xad\u200b-\u200f\u2060\ufeff"  # what a spreadsheet may leave out
FORMULA = re.compile(rf"[\t\r\n]|[{UNSEEN}]*[=+\-@＝＋－＠]")
# Excel splits at semicolons in half of Europe, and so may begin a cell anywhere; "- " is a list.
INNER_FORMULA = re.compile(
    rf'([;\t\r\n\x0b\x0c\x85\u2028\u2029][{UNSEEN}"]*)(?=[=+\-@＝＋－＠])(?!- )'
)
CSV_COLUMNS = (
    "prompt", "backend", "text", "finish", "error", "ttft_s", "elapsed_s", "waited_s", "tries",
    "prompt_tokens", "output_tokens", "decode_tokens_per_s", "price_usd", "origin", "asked_at",
    "thinking", "thinking_tokens", "thinking_s", "thinking_price_usd", "setting",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _BatchFile:
    """A file's content."""

    labkit_batch: Literal[1]
    backends: tuple[str, ...]
    missing: int
    stopped: tuple[str, ...]
    rows: tuple[BatchRow, ...]


def whole_record(table: BatchTable) -> dict[str, Any]:
    """The table as a JSON file holds it, which `read` reads back without loss."""
    return {
        **HEAD,
        "backends": table.backends,
        "missing": table.missing,
        "stopped": table.stopped,
        "rows": [to_record(row) for row in table.rows],
    }


def to_csv(table: BatchTable) -> str:
    """The table as CSV (RFC 4180), with a header and every field in quotes.

    A text that a spreadsheet would read as a formula gets an apostrophe before it, also where one
    that splits at semicolons begins a cell: a model's answer, or a prompt, must not run in
    somebody's spreadsheet. JSON keeps the texts unchanged.

    Source: OWASP, "CSV Injection", for the characters and the apostrophe.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(CSV_COLUMNS)
    for row in table.rows:
        values = {name: getattr(row, name) for name in CSV_COLUMNS[1:]}
        writer.writerow(map(_cell, [row.prompt_text, *values.values()]))
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    """Numbers stay numbers, which cannot hide a formula; unknown values are empty."""
    if not isinstance(value, str):
        return "" if value is None else value
    value = INNER_FORMULA.sub(r"\1'", value)
    return f"'{value}" if FORMULA.match(value) else value


def read(path: str | Path) -> BatchTable:
    """A table from a file that `labkit.comparison.run_batch` or `labkit.save` wrote.

    Args:
        path: a ``.jsonl`` or a ``.json`` file.
    Raises:
        LabError: there is no such file, or it is another kind of file.
    """
    content = read_file(path, LARGEST_JOURNAL)
    if is_journal(content):
        return _from_journal(Path(path), content)
    try:
        return _from_json(content)
    except ValueError as error:
        hint = "Name a file that lab.comparison.run_batch or lab.save wrote."
        raise wrong_content(path, "a table", str(error), hint) from None


def _from_json(content: bytes) -> BatchTable:
    file = parse(content, _BatchFile)
    if not {row.backend for row in file.rows} <= {*file.backends}:
        raise ValueError("a row is of another backend")
    return BatchTable(file.backends, tuple(map(checked_row, file.rows)), file.missing, file.stopped)


def _from_journal(path: Path, content: bytes) -> BatchTable:
    """The rows of a batch that is running or was cut off; the last row of each key counts."""
    newest = newest_rows(path, content).values()
    backends = tuple(dict.fromkeys(row.backend for row in newest))
    order = {name: number for number, name in enumerate(backends)}
    rows = sorted(_numbered(newest), key=lambda row: (row.prompt_index, order[row.backend]))
    return BatchTable(backends, tuple(rows), sum(not row.answered for row in rows))


def _numbered(rows: Iterable[BatchRow]) -> Iterator[BatchRow]:
    """The rows with prompts numbered anew.

    Several batches may have written to the file, each with numbers of its own: the same prompt has
    the same number here, and the same repeat of it.
    """
    numbers: dict[tuple[str, int], int] = {}
    repeats, earlier = Counter(), Counter()
    for row in sorted(rows, key=lambda row: row.prompt_index):
        prompt = repr(row.prompt)
        if row.setting is None:  # within a batch, no other row has the same number
            earlier[at := (row.prompt_index, prompt, row.backend)] += 1
            if earlier[at] > 1:
                row = replace(row, setting=f"unknown settings ({earlier[at]})")
        asked = prompt, row.backend, row.setting
        number = numbers.setdefault((prompt, repeats[asked]), len(numbers))
        repeats[asked] += 1
        yield replace(row, prompt_index=number)
