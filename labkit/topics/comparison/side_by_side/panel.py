"""`compare_panel`: one prompt, several models, and columns that fill at the same time."""

from collections.abc import Iterator
from contextlib import closing, suppress

import ipywidgets as widgets

from labkit.backends.prompts import check_text
from labkit.backends.settings import Settings
from labkit.ui import html, theme
from labkit.ui import panel as layout
from labkit.ui.panel import RunPanel, check_typed
from labkit.ui.runner import Progress, Runner

from . import answer_columns_figures as answers
from . import figures
from .compare import SideBySide, collect_answers
from .concurrent import Backends, Column, ConcurrentRun
from .cost_estimate import BEFORE, cost_sentences


def compare_panel(
    prompt: str,
    backends: Backends,
    *,
    reference: str | None = None,
    sequential: bool = False,
    raw: bool = False,
    **settings,
) -> "ComparePanel":
    """A panel in which several models answer the same prompt, each in its column as it writes.

    Args:
        prompt: the first prompt in the box.
        backends: a list, or a dict with your own names: ``{"local": local, "cloud": cloud}``.
        reference: the expected answer to that prompt, for `compare_texts`.
        sequential: whether they first run one after another.
        raw: continue the text without the chat template, with chat models too.
        settings: the first values of the controls: temperature, max_tokens; others are passed on.
    Raises:
        ValueError: no backends, or a prompt or setting that is out of range.
    """
    check_text(prompt, "prompt")
    check_typed(prompt, "prompt")
    if reference is not None:
        check_text(reference, "reference")
    run = ConcurrentRun(prompt, backends, sequential=sequential, raw=raw, **settings)
    return ComparePanel(run, settings, reference, raw=raw)


class ComparePanel(RunPanel):
    """A column for each model with its numbers below, and a figure of where the seconds went.

    Attributes:
        result: the last answers, stopped ones included; None before the first.
        runner: Run, Stop and progress.
        prompt, temperature, max_tokens, sequential: the controls.
        estimates: an estimate of what would be sent to providers, and its highest price.
        heads: name, origin and state of each column.
        texts: the text of each so far; scrollable by keys.
        numbers: the numbers of each, shown when it has ended.
        figure: the live figure of the times.
    """

    no_result = "nothing was compared yet"

    def __init__(
        self, run: ConcurrentRun, settings: dict, reference: str | None, *, raw: bool = False
    ):
        self._run, self._first_prompt, self._reference = run, run.prompt, reference
        self._backends = {column.name: column.backend for column in run.columns}
        self._given, self._raw = settings, raw
        self._drawn_ends = 0  # columns that the figure shows as ended
        self._make_controls(run, Settings(**settings))
        self.heads, self.numbers = ([widgets.HTML() for _ in run.columns] for _ in "12")
        # Only the text is replaced as it grows, not the box that has the focus and scrolls.
        box = {"height": answers.HEIGHT, "overflow": "auto", "margin": "0 0 6px 0"}
        self.texts = [widgets.HTML(layout=box, tabbable=True) for _ in run.columns]
        self.figure = theme.widget(self._times())
        self.runner = Runner(self._work, self._draw, "Send the prompt to all of them")
        self._draw()
        self.widget = self._lay_out()

    def _lay_out(self) -> widgets.Widget:
        cell = {"flex": "1 1 260px", "min_width": "250px", "margin": "4px 10px 4px 0"}
        parts = zip(self.heads, self.texts, self.numbers, strict=True)
        cells = [widgets.VBox(each, layout=cell) for each in parts]
        return layout.column(
            self.prompt,
            layout.row(self.temperature, self.max_tokens, self.sequential),
            self.estimates,
            self.runner.widget,
            layout.row(*cells, align_items="flex-start"),
            self.figure,
            max_width="1150px",
        )

    def _make_controls(self, run: ConcurrentRun, settings: Settings) -> None:
        self.prompt = layout.text_box("Prompt", str(run.prompt))
        temperature, most = settings.temperature, settings.max_tokens
        self.temperature = layout.slider("temperature", temperature, 0, max(2, temperature))
        self.max_tokens = layout.number_box("max_tokens", most, max(2048, most))
        self.sequential = widgets.Checkbox(
            run.sequential, description="one after another", indent=False, layout={"width": "180px"}
        )
        self.estimates = widgets.HTML()
        layout.on_change(self._estimate, self.prompt, self.max_tokens)
        self._estimate()

    def _estimate(self) -> None:
        with suppress(ValueError):  # an empty prompt: Run says so
            prompts = dict.fromkeys(self._backends, (self.prompt.value,))
            costs = cost_sentences(self._backends, prompts, self.max_tokens.value)
            self.estimates.value = html.note(f"{BEFORE}{'; '.join(costs)}") if costs else ""

    def _work(self) -> Iterator[Progress]:
        check_typed(self.prompt.value, "prompt")
        chosen = {**self._given, "max_tokens": self.max_tokens.value}
        # Unchanged, it is not sent and each model uses its own: some accept none.
        if "temperature" in self._given or self.temperature.value != Settings().temperature:
            chosen["temperature"] = self.temperature.value
        # Only here: after a setting that is out of range, the last answers stay.
        self._run = ConcurrentRun(
            self.prompt.value,
            self._backends,
            sequential=self.sequential.value,
            raw=self._raw,
            **chosen,
        )
        self._drawn_ends, self.result = -1, None  # the numbers below are those of the last answers
        try:
            with closing(self._run.updates()) as updates:
                for _ in updates:
                    yield self._progress()
        finally:
            self.result = self._answers()
        yield self._progress()

    def _answers(self) -> SideBySide:
        """The answers so far; the reference answers the first prompt alone."""
        is_first = self._run.prompt == self._first_prompt
        return collect_answers(self._run, self._reference if is_first else None)

    def _progress(self) -> Progress:
        """The message counts whole columns, so that a screen reader does not read every token."""
        columns = self._run.columns
        ended = [column for column in columns if column.ended]
        most = self.max_tokens.value * len(columns)
        done = sum(
            self.max_tokens.value if column.ended else len(column.steps) for column in columns
        )
        failed = [column.name for column in ended if column.error]
        message = f"{len(ended)} of {len(columns)} have ended"
        message += f"; failed: {', '.join(failed)}" if failed else ""
        return Progress(min(done, most), most, message)

    def _draw(self) -> None:
        for column, head, text in zip(self._run.columns, self.heads, self.texts, strict=True):
            origin = column.stream.origin if column.stream else ""
            state = _state(column, self.result is not None)
            head.value = answers.head(column.name, origin, state)
            text.value = answers.answer(column.name, column.text, column.error, column.thinking)
        ended = sum(column.ended for column in self._run.columns) + (self.result is not None)
        if ended != self._drawn_ends:
            self._drawn_ends = ended
            self._draw_ends()

    def _draw_ends(self) -> None:
        side, over = self._so_far()
        for number, name in enumerate(side.names):
            table = answers.numbers_table(name, side.replies[number], side.computed_here[number])
            self.numbers[number].value = table if over[number] else ""
        fresh = self._times()
        with self.figure.batch_update():
            for trace, new in zip(self.figure.data, fresh.data, strict=True):
                trace.update(x=new.x, y=new.y, base=new.base, showlegend=new.showlegend)
            self.figure.layout.update(fresh.layout)

    def _times(self):
        side, over = self._so_far()
        replies = [
            reply if is_over else None for reply, is_over in zip(side.replies, over, strict=True)
        ]
        return figures.parts_figure(side.names, replies, figures.time_title(side))

    def _so_far(self) -> tuple[SideBySide, list[bool]]:
        """The answers so far, and which of them have ended."""
        side = self.result or self._answers()
        return side, [column.ended or self.result is not None for column in self._run.columns]

    def static_form(self) -> list:
        """The answers in columns, and their times."""
        side = self.finished()
        if side is None:
            return [html.note(self.summary)]
        return [answers.answers_table(side).html, figures.time_figure(side)]


def _state(column: Column, over: bool) -> str:
    """The state of a column in words, so that it does not depend on colour."""
    steps = tuple(column.steps)
    if column.ended or over:
        how = "failed" if column.error else column.stream and column.stream.finish
        end = answers.ENDS[how or "interrupted"]
        return f"{end} after {steps[-1].elapsed_s:.2f} s" if steps else end
    if column.started_s is None:
        return "not started yet"
    if not steps:
        return "… started, no token yet"
    unit = "chunks" if column.stream.chunked else "tokens"
    unit += " of thinking" if steps[-1].thinking else ""
    return f"… the first after {steps[0].elapsed_s:.2f} s, {len(steps)} {unit} so far"
