"""A table of answers as HTML: in the notebook, and as a page with sorting and filtering."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from labkit.filesystem.write import write_json, write_text
from labkit.ui import theme
from labkit.ui.html import HtmlFigure, script_hash

from .files import to_csv, whole_record
from .table import COLUMNS, BatchRow, BatchTable

MOST_ROWS = 200  # in a notebook; a file holds all
TEXT_COLUMNS = ("prompt", "text")
DIGITS = {
    **{"price_usd": 6, "thinking_price_usd": 6, "decode_tokens_per_s": 1},
    **{"ttft_s": 3, "elapsed_s": 3, "thinking_s": 3, "waited_s": 1},
}
_STYLE = f"""
.lk-batch{{color:{theme.TEXT};font:13px/1.4 {theme.FONT};overflow-x:auto}}
.lk-batch table{{border-collapse:collapse;width:100%}}
.lk-batch caption{{text-align:left;font-weight:600;padding:4px 0}}
.lk-batch th,.lk-batch td{{border:1px solid {theme.RULE};padding:4px 8px;vertical-align:top;
text-align:left}}
.lk-batch th{{background:{theme.SOFT};font-weight:600}}
.lk-batch td.n{{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}}
.lk-batch td.w{{white-space:pre-wrap;overflow-wrap:anywhere;min-width:150px;max-width:420px}}
.lk-batch .bad{{color:{theme.ALERT}}}
.lk-batch th button{{font:inherit;border:0;background:none;padding:0;cursor:pointer;color:inherit;
text-align:left}}
.lk-batch th[aria-sort=ascending] button::after{{content:" ▲"}}
.lk-batch th[aria-sort=descending] button::after{{content:" ▼"}}
"""
_PAGE_STYLE = f"""{theme.PAGE}body{{margin:16px;font-family:{theme.FONT}}}
label{{margin-right:14px}}input,select{{font:inherit;padding:2px 6px}}"""
# Sorts by a column's hidden values, filters by a text and a backend. It only moves and hides rows
# and makes no HTML out of their text.
_SCRIPT = """
const body = document.querySelector("tbody"), rows = [...body.rows];
const heads = [...document.querySelectorAll("th[data-column]")];
const text = document.getElementById("text"), backend = document.getElementById("backend");
const status = document.getElementById("status");
function value(row, column, isNumber) {
  const text = row.cells[column].dataset.value;
  return text === "" ? null : isNumber ? Number(text) : text.toLowerCase();
}
function sort(head) {
  const down = head.getAttribute("aria-sort") === "ascending", column = head.cellIndex;
  const isNumber = head.dataset.kind === "number";
  heads.forEach(each => each.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const order = (a, b) => {
    const one = value(a, column, isNumber), other = value(b, column, isNumber);
    if (one === null || other === null) return (one === null) - (other === null);
    return (one < other ? -1 : one > other ? 1 : 0) * (down ? -1 : 1);
  };
  [...rows].sort(order).forEach(row => body.append(row));
}
function filter() {
  const wanted = text.value.toLowerCase();
  let count = 0;
  for (const row of rows) {
    const fits = row.textContent.toLowerCase().includes(wanted)
      && (!backend.value || row.dataset.backend === backend.value);
    row.hidden = !fits;
    count += fits;
  }
  status.textContent = `${count} of ${rows.length} rows`;
}
heads.forEach(head => head.querySelector("button").addEventListener("click", () => sort(head)));
text.addEventListener("input", filter);
backend.addEventListener("change", filter);
filter();
"""


def batch_table(table: BatchTable) -> HtmlFigure:
    """The answers as a table, with a row for each prompt and backend.

    ``labkit.explore`` adds sorting and filtering.
    """
    rows = table.rows[:MOST_ROWS]
    more = len(table.rows) - len(rows)
    note = f"<p>{more:,} more rows are in the table; lab.save writes all of them.</p>"
    return HtmlFigure(f"<style>{_STYLE}</style>{_table(table, rows, False)}{note * (more > 0)}")


def _table(table: BatchTable, rows: Iterable[BatchRow], sorts: bool) -> str:
    columns = used_columns(table)
    heads = "".join(_head(name, sorts) for name in columns)
    body = "".join(_row(row, columns) for row in rows)
    caption = escape(table.summary)
    sentences = "".join(f'<p class="bad">✗ {escape(reason)}</p>' for reason in table.stopped)
    return (
        f'<div class="lk-batch">{sentences}<table><caption>{caption}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def used_columns(table: BatchTable) -> tuple[str, ...]:
    """The columns with information: no unknown price, no origin or settings that all share."""
    always = ("prompt", "backend", "text", "finish")
    values = {name: {value(row) for row in table.rows} for name, (_, value) in COLUMNS.items()}
    needed = {name for name in values if any(values[name])}
    needed -= {name for name in ("origin", "setting") if len(values[name]) < 2}
    return tuple(name for name in COLUMNS if name in always or name in needed)


def _is_number(name: str) -> bool:
    return name in DIGITS or name.endswith("_tokens")


def _head(name: str, sorts: bool) -> str:
    label = escape(COLUMNS[name][0])
    kind = "number" if _is_number(name) else "text"
    inner = f'<button type="button">{label}</button>' if sorts else label
    return f'<th scope="col" data-column data-kind="{kind}">{inner}</th>'


def _row(row: BatchRow, columns: Iterable[str]) -> str:
    cells = "".join(_cell(row, name) for name in columns)
    return f'<tr data-backend="{escape(row.backend)}">{cells}</tr>'


def _cell(row: BatchRow, name: str) -> str:
    value = COLUMNS[name][1](row)
    if _is_number(name):
        number = "" if value is None else f"{value:.{DIGITS.get(name, 0)}f}"
        return f'<td class="n" data-value="{"" if value is None else value}">{number}</td>'
    inner = escape(value)
    if name == "text" and row.error:
        inner += f'<div class="bad">✗ {escape(row.error)}</div>'
    kind = ' class="w"' if name in TEXT_COLUMNS else ""
    return f'<td{kind} data-value="{escape(value[:200])}">{inner}</td>'


def to_page(table: BatchTable) -> str:
    """The table as a separate page with sorting and filtering, which needs no network.

    All text of models and users is escaped, and the page's Content-Security-Policy lets it load
    nothing and run no script but its own.
    """
    script = script_hash(_SCRIPT)
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {script}"
    choices = "".join(f"<option>{escape(name)}</option>" for name in table.backends)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Answers side by side</title><style>{_PAGE_STYLE}{_STYLE}</style></head><body>"
        "<h1>Answers side by side</h1>"
        '<p><label>Find <input type="search" id="text"></label>'
        f'<label>Backend <select id="backend"><option value="">all</option>{choices}</select>'
        '</label><span id="status" role="status"></span></p>'
        f"{_table(table, table.rows, True)}<script>{_SCRIPT}</script></body></html>\n"
    )


_WRITERS = {".csv": to_csv, ".html": to_page}


def save_batch(table: BatchTable, path: str | Path) -> Path:
    """Writes a table of answers in the format of the file's ending.

    Args:
        table: from ``labkit.comparison.run_batch`` or ``labkit.open_result``; it may be sorted
            and filtered.
        path: the file's path, also returned. ``.json`` can be opened with ``labkit.open_result``;
            ``.csv`` is for a spreadsheet, and texts in it that look like formulas get an
            apostrophe; ``.html`` is a page with its own sorting and filtering.
    Raises:
        ValueError: another ending.
        LabError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix == ".json":
        return write_json(path, whole_record(table))
    writer: Any = _WRITERS.get(path.suffix)
    if writer is None:
        raise ValueError(f"path must end in .json, {', '.join(_WRITERS)}; got {str(path)!r}")
    encoding = "utf-8-sig" if path.suffix == ".csv" else "utf-8"  # else Excel reads it as Latin-1
    return write_text(path, writer(table), encoding=encoding)


FIGURES = {BatchTable: batch_table}
WRITERS = {BatchTable: save_batch}
