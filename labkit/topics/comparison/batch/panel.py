"""Panels: a table of answers with sorting and filtering, and a batch with Run and Stop."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import ipywidgets as widgets

from labkit.backends.prompts import Messages
from labkit.formatting import number_of
from labkit.topics.comparison.side_by_side.cost_estimate import BEFORE
from labkit.ui import html
from labkit.ui.panel import Panel, RunPanel, column, labelled, on_change, row
from labkit.ui.runner import Progress, Runner

from .batch import Backends, BatchRun
from .figures import batch_table, used_columns
from .table import COLUMNS, BatchTable

UNSORTED = "unsorted"


def explore_batch(table: BatchTable, sort: str | None = None, find: str = "") -> "TablePanel":
    """A table of answers with sorting and filtering.

    Args:
        table: from ``labkit.comparison.run_batch`` or ``labkit.open_result``.
        sort: the column to sort by at first, such as ``"elapsed_s"``; None: the table's order.
        find: the text to look for at first.
    Raises:
        ValueError: no such column, or one without values here; or find is not a text.
    """
    used = used_columns(table)
    if sort is not None and sort not in used:
        raise ValueError(f"sort must be None or one of {', '.join(used)}; got {sort!r}")
    if not isinstance(find, str):
        raise ValueError(f"find must be a text; got {find!r}")
    panel = TablePanel(table)
    panel.sort.value, panel.find.value = sort or UNSORTED, find
    return panel


class TablePanel(Panel):
    """A table under its controls.

    Attributes:
        table: the whole table.
        view: the table as it is sorted and filtered; `labkit.save` takes it.
        sort, descending, backend, find: the controls.
    """

    def __init__(self, table: BatchTable):
        self.table = self.view = table
        self.sort = widgets.Dropdown(**labelled("Sort by", None, "initial"))
        self.descending = widgets.Checkbox(
            False, description="largest first", indent=False, layout={"width": "120px"}
        )
        self.backend = widgets.Dropdown(**labelled("Backend", None, "initial"))
        self.find = widgets.Text(placeholder="in any text", **labelled("Find", None, "initial"))
        self.count, self.figure = widgets.HTML(), widgets.HTML()
        self.show(table)
        on_change(self._draw, self.sort, self.descending, self.backend, self.find)
        controls = row(self.sort, self.descending, self.backend, self.find, self.count)
        self.widget = column(controls, self.figure, max_width="1150px")

    def show(self, table: BatchTable) -> None:
        """Shows another table; the controls keep their values, where they still apply."""
        self.table = table
        columns = [(COLUMNS[name][0], name) for name in used_columns(table)]
        _set_options(self.sort, [("original order", UNSORTED), *columns])
        _set_options(self.backend, [("all", ""), *((name, name) for name in table.backends)])
        self._draw()

    @property
    def summary(self) -> str:
        """The summary of the table."""
        return self.table.summary

    def _draw(self) -> None:
        self.view = self.table.filtered(self.find.value, backend=self.backend.value or None)
        if self.sort.value != UNSORTED:
            descending = self.descending.value
            self.view = self.view.sorted_by(self.sort.value, descending=descending)
        self.count.value = html.note(f"{len(self.view.rows)} of {len(self.table.rows)} rows")
        self.figure.value = batch_table(self.view).html

    def static_form(self) -> list:
        """The table as it is sorted and filtered."""
        return [self.figure.value]


def _set_options(dropdown: widgets.Dropdown, options: list[tuple[str, str]]) -> None:
    """Replaces the options; the selected one stays selected if it is still among them."""
    if tuple(options) == tuple(dropdown.options):
        return
    chosen = dropdown.value
    dropdown.options = options
    dropdown.value = chosen if any(chosen == value for _, value in options) else options[0][1]


def batch_panel(
    prompts: Sequence[str | Messages],
    backends: Backends,
    *,
    max_concurrent: int = 1,
    file: str | Path | None = None,
    raw: bool = False,
    **settings,
) -> "BatchPanel":
    """A batch in a panel: Run, Stop, progress, and the table as it fills.

    Run after Stop resumes the batch: no prompt that has its answer is sent again.

    Args:
        prompts: texts, or chat messages; all arguments are those of `run_batch`.
        backends: a list, or a dict with your own names.
        max_concurrent: the most requests at a time.
        file: the file for the answers; None: in memory only.
        raw: continue the texts without the chat template.
        settings: the same for all.
    Raises:
        ValueError: as for `run_batch`.
    """
    options = {"max_concurrent": max_concurrent, "file": file, "raw": raw, **settings}
    return BatchPanel(BatchRun(prompts, backends, **options))


class BatchPanel(RunPanel):
    """Run, Stop, progress and the table.

    Attributes:
        batch: the batch that it runs.
        estimates: an estimate of what would be sent to providers, and its highest price.
        runner: Run, Stop and progress.
        panel: the table with its sorting and filtering.
    """

    def __init__(self, batch: BatchRun):
        batch.resume()
        self.batch, self.panel = batch, TablePanel(batch.table)
        self.runner = Runner(self._work, self._draw, "Send every prompt that has no answer yet")
        self.estimates = widgets.HTML()
        self._estimate()
        self._drawn = -1
        self.widget = widgets.VBox([self.estimates, self.runner.widget, self.panel.widget])

    @property
    def table(self) -> BatchTable:
        """The answers so far."""
        return self.batch.table

    result = table

    def _estimate(self) -> None:
        costs = self.batch.costs
        self.estimates.value = html.note(f"{BEFORE}{'; '.join(costs)}") if costs else ""

    def _work(self) -> Iterator[Progress]:
        try:
            with closing(self.batch.run()) as updates:
                for message in updates:
                    yield Progress(self.batch.ended, self.batch.total, message)
        finally:
            self._estimate()
        yield Progress(self.batch.ended, self.batch.total, number_of(self.batch.ended, "answer"))

    def _draw(self) -> None:
        """Redraws only after a new answer: otherwise a table that is being read would jump."""
        if self._drawn != self.batch.ended:
            self._drawn = self.batch.ended
            self.panel.show(self.batch.table)

    def static_form(self) -> list:
        """The table of all answers."""
        return [batch_table(self.start().wait()).html]


PANELS = {BatchTable: explore_batch}
