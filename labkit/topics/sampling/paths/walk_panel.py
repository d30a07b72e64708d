"""The walk panel: pick the next token, take the likeliest, draw one, step back, branch."""

from collections.abc import Callable
from functools import partial
from math import exp

import ipywidgets as widgets

from labkit.backends.generate import Backend
from labkit.backends.prompts import Messages
from labkit.errors import LabError
from labkit.formatting import number_of
from labkit.ui import html, theme, token_chips
from labkit.ui.panel import Panel, button, column, labelled, row, slider
from labkit.ui.visible_text import spell

from .figures import branches_table, chance
from .walk import CANDIDATES, Branches, ChosenToken, Walk

STATIC_TOKENS = 6
BAR = f"height:14px;background:{theme.BLUE}"  # of a probability; the button has the number
PROMPT_LENGTH = 1000  # characters: of a longer prompt the end, which the model continues


def walk_panel(model: Backend, prompt: str | Messages, *, raw: bool = False) -> "WalkPanel":
    """A panel in which you choose every next token yourself, and see its probability.

    Args:
        model: from ``labkit.load``.
        prompt: a text, or chat messages.
        raw: whether to continue the text without the chat template.
    Raises:
        LabError: the model does not give its scores.
        ValueError: the prompt is out of range.
    """
    return WalkPanel(Walk(model, prompt, raw=raw), prompt)


class WalkPanel(Panel):
    """A button for each candidate token and for each action, and the table of branches.

    Attributes:
        walk: walk of the panel; a change made in a cell shows after the panel's next action.
        candidates: buttons of the likeliest tokens.
        likeliest, draw, back, branch, write: buttons of the other actions.
        temperature, typed, chosen: inputs for Draw one and Write, and the branch to switch to.
    """

    def __init__(self, walk: Walk, prompt: str | Messages):
        self.walk, self._prompt = walk, prompt
        self._message, self._tone = "Pick a token, or let the model.", "plain"
        self._make_candidates()
        self._make_actions()
        self._text, self._status, self._table = (widgets.HTML() for _ in range(3))
        self.widget = self._lay_out()
        self._draw()

    def _make_candidates(self) -> None:
        wide = {"width": "230px", "margin": "1px 6px 1px 0"}
        look = {"layout": wide, "style": {"font_family": "monospace"}}
        takes = (partial(self._act, partial(self._take, index)) for index in range(CANDIDATES))
        self.candidates = [button("", take, **look) for take in takes]
        self._bars = [widgets.HTML() for _ in range(CANDIDATES)]

    def _make_actions(self) -> None:
        w = self.walk
        self.likeliest = self._button("Take the likeliest", "forward", w.take_likeliest)
        self.draw = self._button("Draw one", "random", lambda: w.draw(self.temperature.value))
        self.back = self._button("Back", "undo", w.back)
        self.branch = self._button("Branch", "code-fork", w.start_branch)
        self.write = self._button("Write", "pencil", self._write)
        self.temperature = slider("temperature", 1, 0, 3, width="330px")
        hint = "your own text, with its leading space"
        self.typed = widgets.Text(placeholder=hint, **labelled("or type", "330px"))
        self.typed.on_msg(self._submit)
        self.chosen = widgets.Dropdown(options=["A"], **labelled("go to", "190px"))
        self.chosen.observe(self._switch, "value")

    def _button(self, name: str, icon: str, action: Callable[[], None]) -> widgets.Button:
        return button(name, partial(self._act, action), icon=icon, layout={"width": "160px"})

    @property
    def summary(self) -> str:
        """The branches, in a line."""
        return self.result.summary

    @property
    def result(self) -> Branches:
        """All branches so far."""
        return self.walk.result

    def _lay_out(self) -> widgets.Widget:
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
        candidates = widgets.VBox(pairs, layout={"min_width": "400px"})
        actions = widgets.VBox([row(*line) for line in lines])
        both = row(candidates, actions, align_items="stretch")
        return column(self._text, both, self._status, self._table, max_width="1000px")

    def _take(self, index: int) -> None:
        self.walk.take(self._offered[index].token_id)

    def _write(self) -> None:
        self.walk.write(self.typed.value)
        self.typed.value = ""

    def _submit(self, _widget: widgets.Widget, content: dict, _buffers: object) -> None:
        """Enter in the box is Write."""
        if content.get("event") == "submit":
            self._act(self._write)

    def _switch(self, change: dict) -> None:
        if change["new"] and change["new"] != self.walk.name:
            self._act(lambda: self.walk.switch_to(change["new"]))

    def _act(self, action: Callable[[], None]) -> None:
        """Runs an action, and shows its result or its error in place."""
        before = self.walk.branch
        try:
            action()
            self._message, self._tone = _change(before, self.walk.branch), "plain"
        except (ValueError, LabError) as error:
            self._message, self._tone = str(error), "bad"
        except KeyboardInterrupt:
            self._message, self._tone = "Stopped; the text is as it was.", "warning"
        self._draw()

    def _draw(self) -> None:
        self._offered = self.walk.candidates
        branch, result = self.walk.branch, self.result
        texts = [each.text for each in branch.tokens]
        self._text.value = html.card(_text_so_far(self._prompt, texts))
        controls = zip(self._offered, self.candidates, self._bars, strict=True)
        for rank, (each, candidate, bar) in enumerate(controls, 1):
            share = chance(exp(each.logprob))
            candidate.description = f"{spell(each.text)}  ({share})"
            candidate.tooltip = f"Take {each.text!r}: {share}, the model's choice number {rank}"
            width = max(1, 160 * exp(each.logprob))
            bar.value = f'<div aria-hidden="true" style="width:{width:.0f}px;{BAR}"></div>'
        self.back.disabled = not branch.tokens
        self.chosen.unobserve(self._switch, "value")  # new options reset the choice: no event
        self.chosen.options = [each.name for each in result.branches]
        self.chosen.value = branch.name
        self.chosen.observe(self._switch, "value")
        cost = f"The model has read {number_of(result.tokens_read, 'token')}, including the prompt"
        cost += f"; without the cache, {result.tokens_without_cache}."
        self._status.value = html.note(f"{self._message}\n{cost}", self._tone)
        self._table.value = branches_table(result, current=branch.name).html

    def static_form(self) -> list:
        """The learner's branches; before the first token, two automatic ones."""
        if not self.walk.branch.tokens:
            self._walk_automatically()
        self._draw()
        return [self._text.value + self._status.value + self._table.value]

    def _walk_automatically(self) -> None:
        """Writes two branches: the likeliest text, and one that begins with the second token."""
        for rank in (0, 1):
            if rank:
                self.walk.start_branch()
                self.walk.back(STATIC_TOKENS)
            self.walk.take(self.walk.candidates[rank].token_id)
            for _ in range(STATIC_TOKENS - 1):
                self.walk.take_likeliest()
        automatic = "A takes the likeliest token every time, B begins with the second."
        self._message = f"Automatic: {automatic}"


def _change(before, after) -> str:
    """What an action did: another branch, or the same one longer or shorter."""
    if before.name != after.name:
        return f"On branch {after.name}."
    if len(after.tokens) < len(before.tokens):
        return f"One step back, before {before.tokens[-1].text!r}."
    return " ".join(_choice(token) for token in after.tokens[len(before.tokens) :])


def _choice(token: ChosenToken) -> str:
    rank = "the likeliest" if token.rank == 1 else f"the model's choice number {token.rank:,}"
    return f"Took {token.text!r}: {chance(exp(token.logprob))}, {rank}."


def _text_so_far(prompt: str | Messages, texts: list[str]) -> str:
    prompt = prompt if isinstance(prompt, str) else str(prompt[-1]["content"])
    prompt = prompt if len(prompt) <= PROMPT_LENGTH else f"… {prompt[-PROMPT_LENGTH:]}"
    chosen = (
        token_chips.chips(texts) if texts else '<span style="opacity:.7">nothing taken yet</span>'
    )
    return f"<b>Prompt</b>{html.paragraph(prompt)}<b>Then</b> {chosen}"
