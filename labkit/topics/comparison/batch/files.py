"""A table of answers in files: JSON that is read again as it was, CSV for a spreadsheet."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from labkit.errors import LabError

from .journal import FORMAT, HEAD, read_rows
from .table import BatchTable, Row, as_told, read_row

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
CSV_COLUMNS = (
    "prompt", "backend", "text", "finish", "error", "ttft_s", "elapsed_s", "waited_s", "tries",
    "prompt_tokens", "output_tokens", "decode_tokens_per_s", "price_usd", "origin", "asked_at",
)  # fmt: skip


def to_json(table: BatchTable) -> str:
    """The table as JSON, which `read` reads again without any loss."""
    told = {
        **HEAD,
        "backends": table.backends,
        "missing": table.missing,
        "stopped": table.stopped,
        "rows": as_told(table.rows),
    }
    return json.dumps(told, ensure_ascii=False, indent=1)


def to_csv(table: BatchTable) -> str:
    """The table as CSV (RFC 4180), a header first, every field in quotes.

    A text that a spreadsheet would take for a formula gets an apostrophe before it: a model's
    answer, or a prompt, must not run in somebody's spreadsheet. JSON keeps the texts as they are.

    Source: OWASP, "CSV Injection", for the characters and the apostrophe.
    """
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerow(CSV_COLUMNS)
    for row in table.rows:
        values = {name: getattr(row, name) for name in CSV_COLUMNS[1:]}
        writer.writerow(map(_cell, [row.prompt_text, *values.values()]))
    return written.getvalue()


def _cell(value: Any) -> Any:
    """Numbers stay numbers, none of which a formula can hide in; unknown is empty."""
    if not isinstance(value, str):
        return "" if value is None else value
    return f"'{value}" if value.lstrip(" ").startswith(FORMULA) else value


def read(path: str | Path) -> BatchTable:
    """A table from a file that `labkit.comparison.run_batch` or `labkit.save` wrote.

    Args:
        path: of a ``.jsonl`` or a ``.json`` file.
    Raises:
        LabError: there is no such file, or it is another.
    """
    path = Path(path)
    try:
        held = path.read_bytes()
    except OSError as error:
        raise LabError(
            f"{path} cannot be read: {error.strerror}.",
            "labkit.comparison.run_batch writes such files.",
        ) from None
    try:
        told = json.loads(held)
    except ValueError:
        return _from_journal(path, held)
    try:
        return _from_json(told)
    except (ValueError, KeyError, TypeError):
        raise LabError(
            f"{path} is no table of this lab, or is damaged.",
            "Name a file that labkit.comparison.run_batch or labkit.save wrote.",
        ) from None


def _from_json(told: Any) -> BatchTable:
    if not isinstance(told, dict) or told["labkit_batch"] != FORMAT:
        raise ValueError("another format")
    rows = tuple(map(read_row, told["rows"]))
    backends, missing = tuple(map(str, told["backends"])), int(told["missing"])
    return BatchTable(backends, rows, missing, tuple(map(str, told["stopped"])))


def _from_journal(path: Path, held: bytes) -> BatchTable:
    """The rows of a running batch's file, or of one that was cut off; the last of each counts."""
    whole = held[: held.rfind(b"\n") + 1]
    newest: dict[str, Row] = {row.key: row for row in read_rows(path, whole or held)}
    backends = tuple(dict.fromkeys(row.backend for row in newest.values()))
    order = {name: number for number, name in enumerate(backends)}
    rows = sorted(newest.values(), key=lambda row: (row.place, order[row.backend]))
    return BatchTable(backends, tuple(rows), sum(not row.answered for row in rows))
