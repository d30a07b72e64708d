"""`vote_panel`: two answers side by side, names hidden until the end, votes by key or button."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import ipywidgets as widgets

from labkit.checks import check_seed, checked_path
from labkit.errors import LabError
from labkit.filesystem.write import cleaned
from labkit.formatting import CONTROL
from labkit.topics.comparison.batch.table import BatchTable
from labkit.ui import html, theme
from labkit.ui.live.key_listener import KeyListener
from labkit.ui.panel import Panel, button, row

from . import figures
from .files import read, save_votes
from .pairs import Pair, make_pairs, two_names
from .votes import Ballot, Vote, Votes, cast, count_votes, new_ballot

AREA = "lk-vote"
KEYS = {"a": "A", "b": "B", "t": "tie", "n": "both bad"}
BUTTONS = {
    "A": "A is better (A)",
    "B": "B is better (B)",
    "tie": "Tie (T)",
    "both bad": "Both bad (N)",
}
LABEL = "Blind vote. Keys: A, B, T for a tie, N for both bad, Backspace to go back."
HOW = "Click into the panel, then press A, B, T or N; or use the buttons."


def vote_panel(
    table: BatchTable,
    names: Iterable[str] | None = None,
    *,
    file: str | Path | None = None,
    voter: str = "",
    seed: int = 0,
) -> "VotePanel":
    """A blind vote on the answers of two backends, prompt by prompt.

    Which of the two is A is drawn at random for each prompt, and so is the order of the prompts.
    The names are shown at the end. Two identical answers count as a tie without a vote.

    Args:
        table: from ``labkit.comparison.run_batch``; do not look at it before you vote.
        names: the names of the two backends; None: the only two.
        file: the file that saves each vote immediately, such as ``"my_votes.json"``; the same call
            resumes there. ``labkit.comparison.join_votes`` joins such files of a class.
        voter: your name, if it should be in the file.
        seed: the random seed.
    Raises:
        ValueError: there are not two backends, no prompt that both answered, one of them answered
            with several settings, or voter is not a name.
        LabError: the file holds something else, votes on other answers, or those of another voter.
    """
    if not isinstance(voter, str) or CONTROL.search(voter):
        raise ValueError(f"voter must be a name without control characters; got {voter!r}")
    check_seed(seed)
    path, chosen = None if file is None else checked_path("file", file), two_names(table, names)
    return VotePanel(make_pairs(table, chosen, seed=seed), chosen, path, voter)


class VotePanel(Panel):
    """Two answers, four buttons, and at the end the result.

    Attributes:
        pairs: the pairs of answers, in the order of voting.
        votes: the votes cast so far; they name the backends.
        buttons: the button of each choice.
        back: the button that takes back the last vote.
        end: the button that ends the vote early and shows the names.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        names: tuple[str, str],
        file: str | Path | None = None,
        voter: str = "",
    ):
        self.pairs, self._names, self._file = tuple(pairs), names, file
        self._ballot, self._ended = self._open_ballot(voter), False
        self._make_controls()
        if self.pair and self.pair.same:
            self._save(self._ballot)
        self._draw()
        answers = row(*self.answers.values(), align_items="flex-start")
        choices = row(*self.buttons.values(), self.back, self.end, align_items="flex-start")
        parts = [self.status, self.question, answers, choices, self.result, self.keys]
        self.widget = widgets.VBox(parts, layout={"max_width": "1000px", "padding": "4px"})
        self.widget.add_class(AREA)

    def _make_controls(self) -> None:
        self.status, self.question = widgets.HTML(), widgets.HTML()
        column = {"flex": "1 1 280px", "min_width": "260px", "margin": "4px 10px 4px 0"}
        self.answers = {side: widgets.HTML(layout=column) for side in "AB"}
        wide = {"width": "auto", "min_width": "130px"}
        self.buttons = {
            choice: button(label, partial(self.choose, choice), layout=wide, tooltip=label)
            for choice, label in BUTTONS.items()
        }
        look = {"tooltip": "Take the last vote back (Backspace)", "layout": {"width": "90px"}}
        self.back = button("Back", self.take_back, icon="undo", **look)
        hint = "End here and see who was who"
        self.end = button("Show the names", self.finish, tooltip=hint, layout=wide)
        self.keys = KeyListener(AREA, [*KEYS, "backspace"], LABEL, self._press)
        self.result = widgets.VBox(layout={"width": "100%"})

    @property
    def votes(self) -> Votes:
        """The votes cast so far; they name the backends."""
        return count_votes(self._names, self._ballot)

    @property
    def summary(self) -> str:
        """The preference, or that there are no votes yet."""
        return self.votes.summary if self._ballot.votes else "blind vote: no votes yet"

    @property
    def pair(self) -> Pair | None:
        """The current pair; None at the end."""
        if self._ended or len(self._ballot.votes) >= len(self.pairs):
            return None
        return self.pairs[len(self._ballot.votes)]

    def choose(self, choice: str) -> None:
        """Casts a vote on the current pair.

        Args:
            choice: one of ``"A"``, ``"B"``, ``"tie"``, ``"both bad"``.
        """
        if self.pair:
            self._change(cast(self._ballot, self.pair, choice))

    def take_back(self) -> None:
        """Takes back the voter's last vote."""
        votes = list(self._ballot.votes)
        while votes and self.pairs[len(votes) - 1].same:
            votes.pop()
        if votes and not self._ended and self.pair:
            self._change(replace(self._ballot, votes=tuple(votes[:-1])))

    def finish(self) -> None:
        """Ends the vote and shows the names."""
        self._ended = True
        self._draw()

    def _press(self, key: str) -> None:
        self.take_back() if key == "backspace" else self.choose(KEYS[key])

    def _open_ballot(self, voter: str) -> Ballot:
        """The ballot of the file, if it is on these answers; a new one if there is no file."""
        if self._file is None or not Path(self._file).exists():
            return new_ballot(voter)
        ballots = read(self._file).ballots
        ballot = ballots[0] if len(ballots) == 1 else None
        voted = ballot.votes if ballot else ()
        are_same = all(map(_is_on, voted, self.pairs)) and len(voted) <= len(self.pairs)
        if ballot is None or not are_same:
            raise LabError(
                f"{self._file} holds votes on other answers, or of several voters.",
                "Name another file; lab.comparison.join_votes counts several together.",
            )
        if voter and ballot.voter and cleaned(voter) != ballot.voter:
            raise LabError(
                f"{self._file} holds the votes of {ballot.voter}, not of {voter}.",
                "Name a file of your own; lab.comparison.join_votes counts several together.",
            )
        return ballot

    def _change(self, ballot: Ballot) -> None:
        try:
            self._save(ballot)
        except LabError as error:
            self.status.value = html.note(str(error), "bad")
        else:
            self._draw()

    def _save(self, ballot: Ballot) -> None:
        """Saves a ballot, with a tie for each of the next pairs whose answers are identical."""
        while (done := len(ballot.votes)) < len(self.pairs) and self.pairs[done].same:
            ballot = cast(ballot, self.pairs[done], "tie")
        if self._file is not None:
            save_votes(count_votes(self._names, ballot), self._file)
        self._ballot = ballot

    def _draw(self) -> None:
        pair, done = self.pair, len(self._ballot.votes)
        for choice in self.buttons.values():
            choice.disabled = pair is None
        self.back.disabled = pair is None or not any(not p.same for p in self.pairs[:done])
        self.end.disabled = pair is None or not done
        if pair is None:
            self._show_end()
            return
        self.status.value = html.note(f"Prompt {done + 1} of {len(self.pairs)}. {HOW}")
        self.question.value = _part("Prompt", pair.prompt)
        self.answers["A"].value = _part("Answer A", pair.text_a)
        self.answers["B"].value = _part("Answer B", pair.text_b)

    def _show_end(self) -> None:
        self.question.value = self.answers["A"].value = self.answers["B"].value = ""
        same = sum(pair.same for pair in self.pairs[: len(self._ballot.votes)])
        ties = f" {same} of them had identical texts and count as ties." if same else ""
        file = f" Saved in {self._file}." if self._file else ""
        tone = "good" if self.votes.settled else "plain"
        self.status.value = html.note(f"{self.votes.summary}.{ties}{file}", tone)
        self.result.children = (theme.widget(figures.votes_figure(self.votes)),)

    def static_form(self) -> list:
        """The current pair, or the result."""
        if self.pair is None:
            return [self.status.value, figures.votes_figure(self.votes)]
        return ["".join([self.question.value, *(side.value for side in self.answers.values())])]


def _is_on(vote: Vote, pair: Pair) -> bool:
    """Whether a vote of a file is on this pair; an older file does not know the answers."""
    on = tuple(map(cleaned, (pair.prompt, pair.a, pair.b)))
    return (vote.prompt, vote.a, vote.b) == on and vote.digest in ("", pair.digest)


def _part(name: str, text: str) -> str:
    """A text under its heading, labelled for screen readers too."""
    inner = html.card(html.paragraph(text.strip() or "(no text)"))
    return f'<section aria-label="{name}"><b>{name}</b>{inner}</section>'
