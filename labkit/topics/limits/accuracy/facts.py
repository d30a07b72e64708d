"""Capitals of famous and of forgotten countries, and of countries that do not exist."""

import random
from dataclasses import dataclass

from labkit.backends.capabilities import ScoringModel
from labkit.checks import check_seed, check_whole
from labkit.lab_book.entry import BookEntry, entry_of_share

from .accuracy_map import AccuracyMap, Cell, MapPlan, ask_map
from .ask import Question
from .countries import DECILES, INVENTED, countries

UNKNOWN = "there is no such country"
EXIST, INVENTED_ROW = "exist", "invented"
ALLOWED_NAME = "facts_allowed"
PLAIN = "Name the capital of each country."
ALLOWED = f'{PLAIN} If a country does not exist, answer "{UNKNOWN}".'
SHOWN = (("France", "Paris"), ("Kenya", "Nairobi"), ("Chile", "Santiago"), ("Finland", "Helsinki"))
SHOWN_INVENTED = ("Wakandora", "Sumbria")


@dataclass(frozen=True, slots=True, repr=False)
class FactsMap(AccuracyMap):
    """Which capitals a model knows, by how many people the country has (measured)."""

    @property
    def invented(self) -> Cell:
        """Of the countries that do not exist: how many it gave a capital."""
        own = [each for each in self.answers if each.question.row == INVENTED_ROW]
        return Cell(sum(not each.right for each in own), len(own))

    @property
    def known(self) -> Cell:
        """Right answers about countries that exist."""
        return self.cell(EXIST)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: capitals known, and invented countries answered."""
        what = self.plan.title.removeprefix("capitals")
        entries = (
            (f"{self.plan.name}_right_percent", f"capitals known{what}", self.known),
            (
                f"{self.plan.name}_invented_percent",
                f"invented countries given a capital{what}",
                self.invented,
            ),
        )
        return tuple(
            entry_of_share(name, label, cell.share, cell.interval, model=self.model)
            for name, label, cell in entries
            if cell.count
        )

    @property
    def summary(self) -> str:
        """Capitals known, and invented countries that were given one."""
        if not self.answers:
            return f"{self.model}, capitals: stopped before the first answer"
        allowed = ", unknown allowed" if self.plan.name == ALLOWED_NAME else ""
        parts = [
            f"{cell.right} of {cell.count} {what}, {cell.share:.0%} "
            f"({cell.interval[0]:.0%} to {cell.interval[1]:.0%})"
            for cell, what in (
                (self.known, "capitals right"),
                (self.invented, "countries that do not exist given a capital"),
            )
            if cell.count
        ]
        return f"{self.model}{allowed}: {'; '.join(parts)}; temperature 0 ({self.how})"


def facts(
    model: ScoringModel, *, items: int = 16, allow_unknown: bool = False, seed: int = 0
) -> FactsMap:
    """Which capitals a model knows, from the largest countries to the smallest, and invented ones.

    Answers are written at temperature 0. An interrupt keeps what came.

    Args:
        model: from ``labkit.load``.
        items: countries of each tenth by population, 1 to 22, and as many invented, 16 at most.
        allow_unknown: whether the prompt says, and shows twice, what to answer about a country that
            does not exist.
        seed: of the choice.
    Raises:
        ValueError: an argument is out of range.
        LabError: the model does not run in this process, or the countries could not be downloaded.
    """
    check_whole("items", items, 1, 22)
    check_seed(seed)
    draw = random.Random(seed)
    known = [each for each in countries() if each.name not in dict(SHOWN)]
    questions = []
    for decile in range(1, DECILES + 1):
        own = [each for each in known if each.decile == decile]
        questions += [
            Question(ask(each.name), each.capital, EXIST, _tenth(decile), each.also)
            for each in draw.sample(own, items)
        ]
    questions += [
        Question(ask(name), UNKNOWN, INVENTED_ROW, "invented") for name in INVENTED[:items]
    ]
    axes = ("tenth of countries, by number of people", "")
    solved = [(ask(name), capital) for name, capital in SHOWN]
    if allow_unknown:
        solved[1:1], solved[3:3] = [[(ask(name), UNKNOWN)] for name in SHOWN_INVENTED]
    title = "capitals, unknown allowed" if allow_unknown else "capitals"
    instruction = ALLOWED if allow_unknown else PLAIN
    name = ALLOWED_NAME if allow_unknown else "facts"
    plan = MapPlan(name, title, axes, tuple(questions), tuple(solved), instruction, 12)
    asked = ask_map(model, plan)
    return FactsMap(asked.model, asked.plan, asked.answers, asked.tokens, asked.elapsed_s)


def ask(name: str) -> str:
    """The question about a country."""
    return f"What is the capital of {name}?"


def _tenth(decile: int) -> str:
    ends = {1: "1 (most)", DECILES: f"{DECILES} (fewest)"}
    return ends.get(decile, str(decile))
