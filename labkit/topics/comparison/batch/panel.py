"""Panels: a table of answers that sorts and filters, and a batch with Run, Stop and progress."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import ipywidgets as widgets

from labkit.backends.prompts import Messages
from labkit.topics.comparison.side_by_side.cost_estimate import BEFORE
from labkit.ui import html
from labkit.ui.panel import Panel, RunPanel, column, row
from labkit.ui.runner import Progress, Runner

from .batch import Backends, Batch
from .figures import batch_table, used_columns
from .table import COLUMNS, BatchTable

AS_ASKED = "as asked"


def explore_batch(table: BatchTable, sort: str | None = None, find: str = "") -> "TablePanel":
    """A table of answers with sorting and filtering.

    Args:
        table: from ``labkit.comparison.run_batch`` or ``labkit.open_result``.
        sort: column that it is sorted by at first, such as ``"elapsed_s"``; None: as asked.
        find: text that is looked for at first.
    Raises:
        ValueError: no such column.
    """
    if sort is not None:
        table.sorted_by(sort)
    panel = TablePanel(table)
    panel.sort.value, panel.find.value = sort or AS_ASKED, find
    return panel


class TablePanel(Panel):
    """A table under its controls.

    Attributes:
        table: all of it.
        shown: the rows that are shown, in their order; `labkit.save` takes it.
        sort, descending, backend, find: the controls.
    """

    def __init__(self, table: BatchTable):
        self.table = self.shown = table
        style = {"description_width": "initial"}
        self.sort = widgets.Dropdown(description="Sort by", style=style)
        self.descending = widgets.Checkbox(
            False, description="largest first", indent=False, layout={"width": "120px"}
        )
        self.backend = widgets.Dropdown(description="Backend", style=style)
        self.find = widgets.Text(description="Find", style=style, placeholder="in any text")
        self.count, self.picture = widgets.HTML(), widgets.HTML()
        self.show(table)
        for control in (self.sort, self.descending, self.backend, self.find):
            control.observe(self._draw, "value")

    def show(self, table: BatchTable) -> None:
        """Shows another table; the controls stay as they are, where they still fit."""
        self.table = table
        _offer(self.sort, [("as asked", AS_ASKED), *_columns(table)])
        _offer(self.backend, [("all", ""), *((name, name) for name in table.backends)])
        self._draw()

    @property
    def widget(self) -> widgets.Widget:
        """The panel as one widget."""
        controls = row(self.sort, self.descending, self.backend, self.find, self.count)
        return column(controls, self.picture, max_width="1150px")

    @property
    def summary(self) -> str:
        """The table's."""
        return self.table.summary

    def _draw(self, change: object = None) -> None:
        self.shown = self.table.filtered(self.find.value, backend=self.backend.value or None)
        if self.sort.value != AS_ASKED:
            descending = self.descending.value
            self.shown = self.shown.sorted_by(self.sort.value, descending=descending)
        self.count.value = html.note(f"{len(self.shown.rows)} of {len(self.table.rows)} rows")
        self.picture.value = batch_table(self.shown).html

    def static_form(self) -> list:
        """The table as it is sorted and filtered."""
        return [self.picture.value]


def _columns(table: BatchTable) -> list[tuple[str, str]]:
    return [(COLUMNS[name][0], name) for name in used_columns(table)]


def _offer(dropdown: widgets.Dropdown, options: list[tuple[str, str]]) -> None:
    """Other options; what was chosen stays chosen if it still is one."""
    if tuple(options) == tuple(dropdown.options):
        return
    chosen = dropdown.value
    dropdown.options = options
    dropdown.value = chosen if any(chosen == value for _, value in options) else options[0][1]


def batch_panel(
    prompts: Sequence[str | Messages],
    backends: Backends,
    *,
    at_once: int = 1,
    file: str | Path | None = None,
    raw: bool = False,
    **settings,
) -> "BatchPanel":
    """A batch in a panel: Run, Stop, progress, and the table as it fills.

    Run after Stop goes on: nothing that has its answer is asked again.

    Args:
        prompts: as for `run_batch`, and so are the others.
        backends: a list, or names of your own for each.
        at_once: at most so many questions are under way.
        file: where the answers are kept; None: in memory alone.
        raw: go on with the texts as they stand.
        settings: the same for all.
    Raises:
        ValueError: as `run_batch`.
    """
    return BatchPanel(Batch(prompts, backends, at_once=at_once, file=file, raw=raw, **settings))


class BatchPanel(RunPanel):
    """Run, Stop, progress and the table.

    Attributes:
        batch: what is asked.
        estimates: what would be sent to providers, and cost at most, before it is.
        runner: Run, Stop and progress.
        panel: the table with its sorting and filtering.
    """

    def __init__(self, batch: Batch):
        self.batch, self.panel = batch, TablePanel(batch.table)
        self.runner = Runner(self._work, self._draw, "Ask every prompt that has no answer yet")
        told = batch.before
        self.estimates = widgets.HTML(html.note(f"{BEFORE}{'; '.join(told)}") if told else "")
        self._drawn = -1

    @property
    def table(self) -> BatchTable:
        """The answers so far."""
        return self.batch.table

    result = table

    @property
    def summary(self) -> str:
        """The table's."""
        return self.table.summary

    @property
    def widget(self) -> widgets.Widget:
        """The panel as one widget."""
        return widgets.VBox([self.estimates, self.runner.widget, self.panel.widget])

    def _work(self) -> Iterator[Progress]:
        moves = self.batch.run()
        try:
            for message in moves:
                yield Progress(self.batch.ended, self.batch.total, message)
        finally:
            moves.close()
        yield Progress(self.batch.ended, self.batch.total, f"{self.batch.ended} answers")

    def _draw(self) -> None:
        """Only where an answer came: else a table that is being read would jump."""
        if self._drawn != self.batch.ended:
            self._drawn = self.batch.ended
            self.panel.show(self.batch.table)

    def static_form(self) -> list:
        """The table when all is answered."""
        return [batch_table(self.start().wait()).html]


PANELS = {
    BatchTable: explore_batch,
}
