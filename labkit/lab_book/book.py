"""`book`: what was measured, when, and on what; two days or two machines side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path

from labkit.checks import check_one_of, checked_path
from labkit.formatting import number_of
from labkit.ui.table import grid

from . import store
from .entry import BookEntry
from .store import Page

MOST_COLUMNS = 6  # of the newest days and machines, that the table shows


@dataclass(frozen=True, slots=True, repr=False)
class LabBook:
    """Pages of a lab book.

    Attributes:
        pages: oldest first.
        passed_over: a line for each file that could not be read.
    """

    pages: tuple[Page, ...]
    passed_over: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Each machine and day that has a page, newest first."""
        return tuple(dict.fromkeys((page.machine, page.day) for page in reversed(self.pages)))

    def of(self, notebook: str) -> "LabBook":
        """The pages of one notebook."""
        return LabBook(tuple(page for page in self.pages if page.notebook == notebook))

    def last(self, machine: str, day: str) -> dict[tuple[str, str, str, str], BookEntry]:
        """The last entry of each kind on a machine's day, by notebook, name, label and model."""
        return {
            (page.notebook, each.name, each.label, each.model): each
            for page in self.pages
            if (page.machine, page.day) == (machine, day)
            for each in page.entries
        }

    def export(self, path: str | Path) -> Path:
        """Writes the pages to one file, for another machine or another person.

        It holds numbers, names of models, processor and versions: no prompt, answer or key.
        """
        return store.export(self.pages, path)

    def forget(self, notebook: str | None = None, *, before: str | date | None = None) -> "LabBook":
        """Removes pages for good, and returns what is left of the lab book.

        Args:
            notebook: whose pages; None: of all notebooks.
            before: only pages of days before that one, such as ``"2026-11-27"``.
        Raises:
            ValueError: nothing was named, the notebook has no page, or that is no date.
        """
        if notebook is None and before is None:
            raise ValueError("forget needs a notebook, before=…, or both: it cannot be undone")
        names = sorted({page.notebook for page in self.pages})
        check_one_of("notebook", notebook, names, or_none=True)
        day = None if before is None else _day(before)
        for name in names if notebook is None else [notebook]:
            store.forget(name, lambda page: day is not None and page.day >= day)
        return book()

    def __repr__(self) -> str:
        if not self.pages:
            return "\n".join([EMPTY, *self.passed_over])
        heads = ["", *(f"{machine}, {day}" for machine, day in self._shown)]
        rows = [(label, *cells) for label, *cells in self._rows(lambda each: _text(each))]
        lines = [": ".join(filter(None, [row[0], " | ".join(row[1:])])) for row in rows]
        return "\n".join([" | ".join(heads[1:]), *lines, *self.passed_over])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(line)}</p>" for line in self.passed_over)
        if not self.pages:
            return f"<p>{escape(EMPTY)}</p>{notes}"
        heads = ["", *(f"{escape(machine)}<br>{escape(day)}" for machine, day in self._shown)]
        hidden = len(self.columns) - len(self._shown)
        caption = "Lab book" + (f", without {number_of(hidden, 'older column')}" if hidden else "")
        rows = [[escape(label), *cells] for label, *cells in self._rows(_html)]
        return grid(heads, rows, caption) + notes

    @property
    def _shown(self) -> Sequence[tuple[str, str]]:
        return self.columns[:MOST_COLUMNS]

    def _rows(self, cell: Callable[[BookEntry], str]) -> list[list[str]]:
        """A row for each kind of number, under the names of their notebooks."""
        found = [self.last(*column) for column in self._shown]
        rows, before = [], None
        for key in sorted({key for each in found for key in each}):
            notebook, _, label, model = key
            if notebook != before:
                rows.append([notebook, *[""] * len(found)])
            before = notebook
            name = f"{label} ({model})" if model else label
            rows.append([name, *(cell(each[key]) if key in each else "" for each in found)])
        return rows


def _day(given: str | date) -> str:
    try:
        return date.fromisoformat(str(given)[:10]).isoformat()
    except ValueError:
        raise ValueError(f'before must be a date such as "2026-11-27"; got {given!r}') from None


EMPTY = "The lab book is empty: the last cell of each notebook adds a page to it."


def book(*paths: str | Path) -> LabBook:
    """The lab book of this machine, and those that others have exported, as one.

    Args:
        paths: files that ``book().export`` wrote elsewhere.
    Raises:
        LabError: one of those files cannot be read, or is not a lab book.
    """
    pages, passed_over = store.read_pages()
    for path in paths:
        path = checked_path("paths", path)
        pages += tuple(page for page in store.read_file(path) if page not in pages)
    return LabBook(tuple(sorted(pages, key=lambda page: page.date)), passed_over)


def _text(entry: BookEntry) -> str:
    parts = [entry.spread and f"({entry.spread})", entry.origin, entry.note]
    return " ".join([entry.text, *filter(None, parts)])


def _html(entry: BookEntry) -> str:
    small = ", ".join(filter(None, [entry.spread, entry.origin, entry.note, _guess(entry)]))
    return f"<b>{escape(entry.text)}</b><br><small>{escape(small)}</small>"


def _guess(entry: BookEntry) -> str:
    return entry.guess_text and f"guessed {entry.guess_text}"
