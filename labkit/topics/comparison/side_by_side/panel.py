"""Columns that fill at the same time: one prompt, several models, Run and Stop."""

from collections.abc import Iterator
from contextlib import suppress

import ipywidgets as widgets

from labkit.backends.settings import Settings
from labkit.ui import html, theme
from labkit.ui.panel import RunPanel, check_typed, column, row
from labkit.ui.runner import Progress, Runner

from . import columns_figures, figures
from .concurrent import Backends, Column, ConcurrentRun
from .cost_estimate import BEFORE, told_before
from .side_by_side import SideBySide, finish


def compare_panel(
    prompt: str,
    backends: Backends,
    *,
    reference: str | None = None,
    in_turn: bool = False,
    **settings,
) -> "ComparePanel":
    """A panel in which several models answer the same prompt, each in its column as it writes.

    Args:
        prompt: what stands in the box at first.
        backends: a list, or names of your own for each: ``{"here": local, "far": cloud}``.
        reference: the answer that is hoped for, for `compare_texts`.
        in_turn: whether they are asked one after another at first.
        settings: where the controls stand at first: temperature, max_tokens; more are sent along.
    Raises:
        ValueError: no backends, or a prompt or setting out of bounds.
    """
    check_typed(prompt, "prompt")
    return ComparePanel(
        ConcurrentRun(prompt, backends, in_turn=in_turn, **settings), settings, reference
    )


class ComparePanel(RunPanel):
    """A column for each model, what is known of each below it, and where the seconds went.

    Attributes:
        result: the last answers, stopped ones included; None before the first.
        runner: Run, Stop and progress.
        prompt, temperature, max_tokens, in_turn: the controls.
        estimates: what would be sent to providers, and cost at most, before it is.
        heads: who answers in each column, and how it stands.
        texts: what each has written so far; they can be scrolled by keys.
        below: the numbers of each, known when it has ended.
        figure: the live picture of the times.
    """

    def __init__(self, race: ConcurrentRun, settings: dict, reference: str | None):
        self._race, self._reference = race, reference
        self._backends = {lane.name: lane.backend for lane in race.lanes}
        self._given = settings
        self._shown = 0  # lanes whose end the picture shows
        self._result: SideBySide | None = None
        self._make_controls(race, Settings(**settings))
        self.heads, self.below = ([widgets.HTML() for _ in race.lanes] for _ in "12")
        # The text is replaced as it grows; what holds the keyboard's focus and scrolls is not.
        room = {"height": columns_figures.HEIGHT, "overflow": "auto", "margin": "0 0 6px 0"}
        self.texts = [widgets.HTML(layout=room, tabbable=True) for _ in race.lanes]
        self.figure = theme.widget(self._times())
        self.runner = Runner(self._work, self._draw, "Ask all of them")
        self._draw()

    def _make_controls(self, race: ConcurrentRun, settings: Settings) -> None:
        label = {"description_width": "85px"}
        self.prompt = widgets.Textarea(
            str(race.prompt), description="Prompt", rows=3, layout={"width": "auto"}, style=label
        )
        self.temperature = widgets.FloatSlider(
            settings.temperature, min=0, max=2, step=0.05, description="temperature", style=label,
            layout={"width": "380px"},
        )  # fmt: skip
        self.max_tokens = widgets.BoundedIntText(
            settings.max_tokens, min=1, max=2048, description="max_tokens", style=label,
            layout={"width": "190px"},
        )  # fmt: skip
        self.in_turn = widgets.Checkbox(
            race.in_turn, description="one after another", indent=False, layout={"width": "180px"}
        )
        self.estimates = widgets.HTML()
        for control in (self.prompt, self.max_tokens):
            control.observe(lambda _: self._estimate(), "value")
        self._estimate()

    def _estimate(self) -> None:
        """Asks those that know a price what they would take."""
        with suppress(ValueError):  # an empty prompt: Run says so
            prompts = dict.fromkeys(self._backends, (self.prompt.value,))
            told = told_before(self._backends, prompts, self.max_tokens.value)
            self.estimates.value = html.note(f"{BEFORE}{'; '.join(told)}") if told else ""

    @property
    def result(self) -> SideBySide | None:
        """The last answers."""
        return self._result

    @property
    def summary(self) -> str:
        """Each one's times, in a line."""
        return self.result.summary if self.result else "nothing was compared yet"

    @property
    def widget(self) -> widgets.Widget:
        """The panel as one widget."""
        choice = row(self.temperature, self.max_tokens, self.in_turn)
        one = {"flex": "1 1 260px", "min_width": "250px", "margin": "4px 10px 4px 0"}
        parts = zip(self.heads, self.texts, self.below, strict=True)
        columns = row(*(widgets.VBox(each, layout=one) for each in parts), align_items="flex-start")
        return column(
            self.prompt,
            choice,
            self.estimates,
            self.runner.widget,
            columns,
            self.figure,
            max_width="1150px",
        )

    def _work(self) -> Iterator[Progress]:
        check_typed(self.prompt.value, "prompt")
        chosen = {**self._given, "max_tokens": self.max_tokens.value}
        # Left where it stands, each has its own: some models take none.
        if "temperature" in self._given or self.temperature.value != Settings().temperature:
            chosen["temperature"] = self.temperature.value
        # Only now: a setting out of bounds leaves the last answers standing.
        self._race = ConcurrentRun(
            self.prompt.value, self._backends, in_turn=self.in_turn.value, **chosen
        )
        self._shown, self._result = 0, None
        moves = self._race.run()
        try:
            for _ in moves:
                yield self._progress()
        finally:
            moves.close()
            self._result = finish(self._race, self._reference)
        yield self._progress()

    def _progress(self) -> Progress:
        """Told in whole columns, so that a screen reader is not told of every token."""
        lanes = self._race.lanes
        ended = [lane for lane in lanes if lane.ended]
        most = self.max_tokens.value * len(lanes)
        done = sum(self.max_tokens.value if lane.ended else len(lane.steps) for lane in lanes)
        failed = [lane.name for lane in ended if lane.error]
        told = f"{len(ended)} of {len(lanes)} have ended"
        told += f"; failed: {', '.join(failed)}" if failed else ""
        return Progress(min(done, most), most, told)

    def _draw(self) -> None:
        for number, lane in enumerate(self._race.lanes):
            origin = lane.stream.origin if lane.stream else ""
            state = _state(lane, self.result is not None)
            self.heads[number].value = columns_figures.head(lane.name, origin, state)
            error = str(lane.error) if lane.error else None
            self.texts[number].value = columns_figures.answer(lane.name, lane.text, error)
        ended = sum(lane.ended for lane in self._race.lanes) + (self.result is not None)
        if ended != self._shown:
            self._shown = ended
            self._draw_ends()

    def _draw_ends(self) -> None:
        """What is known of those that have ended, and their times."""
        side = self.result or finish(self._race, self._reference)
        for number, lane in enumerate(self._race.lanes):
            over = lane.ended or self.result is not None
            told = columns_figures.below(
                lane.name, side.replies[number], side.computed_here[number]
            )
            self.below[number].value = told if over else ""
        fresh = self._times()
        with self.figure.batch_update():
            for trace, new in zip(self.figure.data, fresh.data, strict=True):
                trace.update(x=new.x, y=new.y, base=new.base, showlegend=new.showlegend)
            self.figure.layout.update(fresh.layout)

    def _times(self):
        side = self.result or finish(self._race, self._reference)
        over = [lane.ended or self.result is not None for lane in self._race.lanes]
        replies = [
            reply if known else None for reply, known in zip(side.replies, over, strict=True)
        ]
        return figures.parts_figure(side.names, replies, figures.time_title(side))

    def static_form(self) -> list:
        """The answers in their columns, and their times."""
        side = self.result or self.start().wait()
        return [columns_figures.answers_table(side).html, figures.time_figure(side)]


def _state(lane: Column, over: bool) -> str:
    """How a column stands, in words that tell its progress without a colour."""
    steps = tuple(lane.steps)
    if lane.ended or over:
        how = "failed" if lane.error else lane.stream and lane.stream.finish
        end = columns_figures.ENDS[how or "interrupted"]
        return f"{end} after {steps[-1].elapsed_s:.2f} s" if steps else end
    if lane.asked_s is None:
        return "not asked yet"
    if not steps:
        return "… asked, nothing came yet"
    what = "pieces" if lane.stream.chunked else "tokens"
    return f"… the first after {steps[0].elapsed_s:.2f} s, {len(steps)} {what} so far"
