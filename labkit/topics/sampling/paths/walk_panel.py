"""Be the sampler: pick the next token, take the likeliest, draw one, step back, branch."""

from collections.abc import Callable
from html import escape
from math import exp

import ipywidgets as widgets

from labkit.backends.generate import Backend
from labkit.backends.prompts import Messages
from labkit.errors import LabError
from labkit.ui import html, theme, token_chips
from labkit.ui.panel import Panel, column, row
from labkit.ui.visible_text import spell

from .walk import CANDIDATES, Branches, Taken, Walker
from .walk_figures import branches_table, chance

STATIC_TOKENS = 6
PROMPT_SHOWN = 1000  # characters: the end of a longer prompt is what the model goes on with


def walk_panel(model: Backend, prompt: str | Messages, *, raw: bool = False) -> "WalkPanel":
    """A panel in which you choose every next token yourself, and see what each choice costs.

    Args:
        model: from ``labkit.load``.
        prompt: a text, or chat messages.
        raw: go on with the text as it stands, with a chat model too.
    Raises:
        LabError: if the model does not run here.
        ValueError: for a prompt out of bounds.
    """
    return WalkPanel(Walker(model, prompt, raw=raw), prompt)


class WalkPanel(Panel):
    """Candidates as buttons, moves, and the branches compared.

    Attributes:
        walker: the walk; what is done to it in a cell shows after the panel's next move.
        candidates: a button for each of the likeliest tokens.
        likeliest, draw, back, branch, write: the other moves' buttons.
        temperature, typed, chosen: what they ask: for Draw one, Write, and the branch to go to.
    """

    def __init__(self, walker: Walker, prompt: str | Messages):
        self.walker, self._prompt = walker, prompt
        self._said, self._tone = "Pick a token, or let the model.", "plain"
        self._make_candidates()
        self._make_moves()
        self._text, self._status, self._table = (widgets.HTML() for _ in range(3))
        self._draw()

    def _make_candidates(self) -> None:
        wide = {"width": "230px", "margin": "1px 6px 1px 0"}
        self.candidates = [
            widgets.Button(layout=wide, style={"font_family": "monospace"})
            for _ in range(CANDIDATES)
        ]
        for place, button in enumerate(self.candidates):
            button.on_click(lambda _, place=place: self._move(lambda: self._take(place)))
        self._bars = [widgets.HTML() for _ in range(CANDIDATES)]

    def _make_moves(self) -> None:
        w = self.walker
        self.likeliest = self._button("Take the likeliest", "forward", w.take_likeliest)
        self.draw = self._button("Draw one", "random", lambda: w.draw(self.temperature.value))
        self.back = self._button("Back", "undo", w.back)
        self.branch = self._button("Branch", "code-fork", w.start_branch)
        self.write = self._button("Write", "pencil", self._write)
        label = {"description_width": "85px"}
        self.temperature = widgets.FloatSlider(
            1, min=0, max=3, step=0.05, description="temperature", style=label,
            layout={"width": "330px"},
        )  # fmt: skip
        self.typed = widgets.Text(
            placeholder="your own text, with its space", description="or type", style=label,
            layout={"width": "330px"},
        )  # fmt: skip
        self.chosen = widgets.Dropdown(
            options=["A"], description="go to", style=label, layout={"width": "190px"}
        )
        self.chosen.observe(self._go, "value")

    def _button(self, name: str, icon: str, act: Callable[[], None]) -> widgets.Button:
        made = widgets.Button(description=name, icon=icon, layout={"width": "160px"})
        made.on_click(lambda _: self._move(act))
        return made

    @property
    def summary(self) -> str:
        """What the walk has come to, in a line."""
        return self.result.summary

    @property
    def result(self) -> Branches:
        """All branches so far."""
        return self.walker.result

    @property
    def widget(self) -> widgets.Widget:
        """The panel as one widget."""
        pairs = [
            widgets.HBox(pair, layout={"align_items": "center"})
            for pair in zip(self.candidates, self._bars, strict=True)
        ]
        lines = [
            [self.likeliest],
            [self.draw, self.temperature],
            [self.write, self.typed],
            [self.back],
            [self.branch, self.chosen],
        ]
        moves = widgets.VBox([row(*line) for line in lines])
        listed = widgets.VBox(pairs, layout={"min_width": "400px"})
        both = row(listed, moves, align_items="stretch")
        return column(self._text, both, self._status, self._table, max_width="1000px")

    def _take(self, place: int) -> None:
        self.walker.take(self._shown[place].token_id)

    def _write(self) -> None:
        self.walker.write(self.typed.value)
        self.typed.value = ""

    def _go(self, change: dict) -> None:
        if change["new"] and change["new"] != self.walker.name:
            self._move(lambda: self.walker.go(change["new"]))

    def _move(self, act: Callable[[], None]) -> None:
        """Does it, and says in place what came of it."""
        before = self.walker.branch
        try:
            act()
            self._said, self._tone = _told(before, self.walker.branch), "plain"
        except (ValueError, LabError) as error:
            self._said, self._tone = str(error), "bad"
        self._draw()

    def _draw(self) -> None:
        self._shown = self.walker.candidates
        branch, result = self.walker.branch, self.result
        self._text.value = html.card(_so_far(self._prompt, [each.text for each in branch.tokens]))
        for place, (each, button) in enumerate(zip(self._shown, self.candidates, strict=True), 1):
            share = chance(exp(each.logprob))
            button.description = f"{spell(each.text)}  ({share})"
            button.tooltip = f"Take {each.text!r}: {share}, the model's choice number {place}"
            self._bars[place - 1].value = _bar(exp(each.logprob))
        self.back.disabled = not branch.tokens
        self._offer([each.name for each in result.branches], branch.name)
        cost = f"The model has read {result.tokens_read} tokens, prompt included"
        cost += f"; without the cache it would have been {result.tokens_without_cache}."
        self._status.value = html.note(f"{self._said}\n{cost}", self._tone)
        self._table.value = branches_table(result, current=branch.name).html

    def _offer(self, names: list[str], current: str) -> None:
        """New options reset what is chosen, which must not be taken for the learner's choice."""
        self.chosen.unobserve(self._go, "value")
        self.chosen.options, self.chosen.value = names, current
        self.chosen.observe(self._go, "value")

    def static_form(self) -> list:
        """Two branches that were walked without the learner, or the learner's own."""
        if not self.walker.branch.tokens:
            self._walk_alone()
        self._draw()
        return [self._text.value + self._status.value + self._table.value]

    def _walk_alone(self) -> None:
        """Where nobody can press a button: the likeliest text, and the one beside it."""
        for place in (0, 1):
            if place:
                self.walker.start_branch()
                self.walker.back(STATIC_TOKENS)
            self.walker.take(self.walker.candidates[place].token_id)
            for _ in range(STATIC_TOKENS - 1):
                self.walker.take_likeliest()
        self._said = "Walked without you: A takes the likeliest every time, B begins with the next."


def _told(before, after) -> str:
    """What the move did: from one branch to another, or one longer or shorter."""
    if before.name != after.name:
        return f"On branch {after.name}."
    if len(after.tokens) < len(before.tokens):
        return f"One step back, before {before.tokens[-1].text!r}."
    return " ".join(_said(token) for token in after.tokens[len(before.tokens) :])


def _said(token: Taken) -> str:
    place = "the likeliest" if token.rank == 1 else f"number {token.rank:,} in the model's order"
    return f"Took {token.text!r}: {chance(exp(token.logprob))}, {place}."


def _so_far(prompt: str | Messages, texts: list[str]) -> str:
    asked = prompt if isinstance(prompt, str) else str(prompt[-1]["content"])
    asked = asked if len(asked) <= PROMPT_SHOWN else f"… {asked[-PROMPT_SHOWN:]}"
    shown = (
        token_chips.chips(texts) if texts else '<span style="opacity:.7">nothing taken yet</span>'
    )
    return f"<b>Prompt</b>{html.paragraph(asked)}<b>Then</b> {shown}"


def _bar(share: float) -> str:
    """A probability as a length; the button says it in numbers."""
    style = f"width:{max(1, 160 * share):.0f}px;height:14px;background:{theme.BLUE}"
    return f'<div aria-hidden="true" style="{escape(style)}"></div>'
