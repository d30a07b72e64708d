"""`work` and `recommend`: up to five kinds of work, and where each is best done."""

import math
import reprlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labkit.checks import check_number, check_one_of, check_type, check_whole
from labkit.formatting import in_lines, usd, without_control
from labkit.lab_book.book import LabBook, book
from labkit.lab_book.entry import BookEntry, entries_of
from labkit.lab_book.store import Page, now, this_machine
from labkit.topics.cost.facts import Hardware, find_tariff, hardware

from .core import (
    NOTHING,
    SENSITIVITIES,
    UNMET,
    HardLimits,
    Offer,
    Option,
    Recommendation,
    WorkKind,
    choose,
    total_usd,
)
from .options import BookNumbers, card_option, check_given, cloud_option, options_here
from .quality import TESTS
from .sensitivity import Sensitivity, sensitivity

MOST_KINDS, MOST_OPTIONS = 5, 12
CLOUDS = ("gpt-4.1", "gpt-4o-mini", "gpt-6-sol")
LONGEST_NAME = 60  # characters


def work(
    name: str,
    *,
    like: str,
    per_week: float = 100,
    tokens_in: int = 500,
    tokens_out: int = 200,
    sensitivity: str = "internal",
    least_right: float = 0.0,
    most_s: float = math.inf,
) -> WorkKind:
    """A kind of work of yours, and what it needs.

    Args:
        name: what it is.
        like: the test that comes nearest to it: triage, sentiment, fields (notebook 07),
            arithmetic, letters, facts, code (notebook 08), or general (published scores).
        per_week: how often.
        tokens_in: how long a request is.
        tokens_out: how long an answer is.
        sensitivity: ``"public"``, ``"internal"`` or ``"secret"``.
        least_right: share of such tests, 0 to 1, that must be right; 0: any.
        most_s: seconds within which an answer must be there.
    Raises:
        ValueError: names the argument, its bound and the value given.
    """
    line = " ".join(without_control(name).split()) if isinstance(name, str) else ""
    if not 0 < len(line) <= LONGEST_NAME:
        raise ValueError(f"name must be a text of 1 to {LONGEST_NAME} characters; got {name!r}")
    check_one_of("like", like, TESTS)
    check_one_of("sensitivity", sensitivity, SENSITIVITIES)
    check_number("per_week", per_week, "0 to 10,000,000", lambda x: 0 <= x <= 1e7)
    check_whole("tokens_in", tokens_in, 1, 1_000_000)
    check_whole("tokens_out", tokens_out, 1, 1_000_000)
    check_number("least_right", least_right, "0 to 1", lambda x: 0 <= x <= 1)
    if most_s != math.inf:
        check_number("most_s", most_s, "above 0", lambda x: x > 0)
    sizes = (per_week, tokens_in, tokens_out)
    return WorkKind(line, *sizes, sensitivity, like, least_right, most_s)


def as_tuple(name: str, values: Any, is_one: Callable[[Any], bool], what: str) -> tuple:
    """An argument of one value, several or none as a tuple; a generator is read once.

    Args:
        name: of the argument.
        values: what was given.
        is_one: whether something is such a value.
        what: such values in words.
    Raises:
        ValueError: they are something else.
    """
    if is_one(values):
        return (values,)
    found = tuple(values) if isinstance(values, Iterable) else (values,)
    if not all(map(is_one, found)):
        raise ValueError(f"{name} must be {what}; got {reprlib.repr(values)}")
    return found


def kinds_of_work(kinds: Any) -> tuple[WorkKind, ...]:
    """Up to five kinds of work, or none.

    Raises:
        ValueError: they are more, or something else.
    """
    what = f"1 to {MOST_KINDS} kinds of work, from lab.decide.work"
    found = as_tuple("kinds", kinds, lambda each: isinstance(each, WorkKind), what)
    if len(found) > MOST_KINDS:
        raise ValueError(f"kinds must be {what}; got {len(found)}")
    return found


@dataclass(frozen=True, slots=True, repr=False)
class Decision:
    """Where each kind of work is best done (computed from the lab book and published prices).

    Attributes:
        choices: of each kind of work, its options and which of them is recommended.
        sensitivities: of each, what would have to change for that to turn.
        limits: the hard limits.
        machine: whose measurements count.
        date: the day.
        notes: what else the lab book says.
    """

    choices: tuple[Recommendation, ...]
    sensitivities: tuple[Sensitivity, ...]
    limits: HardLimits
    machine: str
    date: str
    notes: tuple[str, ...] = ()

    @property
    def taken(self) -> tuple[Offer, ...]:
        """What is recommended, for the kinds of work that something is recommended for."""
        return tuple(each.recommended for each in self.choices if each.recommended)

    @property
    def week_usd(self) -> float:
        """US dollars a week for all that is recommended."""
        return total_usd(self.taken)

    @property
    def headline(self) -> str:
        """Local, cloud or both, by the kinds of work whose needs are met."""
        leaves = {each.recommended.option.leaves for each in self.choices if each.is_met}
        word = {(): "Not decided", (False,): "Local", (True,): "Cloud"}.get(tuple(leaves), "Both")
        if not leaves:
            return f"{word}: {UNMET}"
        left = [each.recommended is None for each in self.choices if not each.is_met]
        counts = (len(left) - sum(left), "not met"), (sum(left), "without an option")
        rest = [f"{count} of {len(self.choices)} {what}" for count, what in counts if count]
        return ", and ".join([word, *rest])

    @property
    def to_run(self) -> tuple[str, ...]:
        """What would have to be run or given to know more, a line for each."""
        wanted: dict[str, dict[str, None]] = {}
        for choice in self.choices:
            for offer in choice.offers:
                if offer.verdict == "unknown":
                    wanted.setdefault(offer.why, {})[offer.option.name] = None
        return tuple(f"To know more, {', '.join(each)}: {why}" for why, each in wanted.items())

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: kinds of work that are done here, and the week's cost."""
        met = [each.recommended for each in self.choices if each.is_met]
        here = sum(each is not None and not each.option.leaves for each in met)
        count = ("kinds_done_here", "kinds of work done here", here, f"of {len(self.choices)}")
        cost = ("decision_week_usd", "a week as recommended", self.week_usd, "USD")
        return tuple(
            BookEntry(*e, origin="computed") for e in (count, cost)[: 1 + bool(self.taken)]
        )

    @property
    def title(self) -> str:
        """The headline, with the cost of the week where something is recommended."""
        return f"{self.headline}, {usd(self.week_usd)} a week" if self.taken else self.headline

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each kind of work."""
        return tuple(f"{each.kind.name}: {each.verdict}" for each in self.choices)

    @property
    def summary(self) -> str:
        """The decision in a line."""
        return f"{self.title}: {'; '.join(self.lines)} (computed)"

    def __repr__(self) -> str:
        return in_lines(f"{self.title}.", *self.lines, *self.to_run)


def recommend(
    kinds: Iterable[WorkKind] | WorkKind,
    *,
    clouds: Iterable[str] | str = CLOUDS,
    cards: Iterable[Hardware | str] | Hardware | str = (),
    right: Mapping[str, Any] | None = None,
    may_leave: str = "internal",
    offline: bool = False,
    budget_usd: float | None = None,
    electricity: Any = "United States",
    measured: Any = (),
    book_of: LabBook | None = None,
) -> Decision:
    """Where each of your kinds of work is best done, with what you measured in this lab.

    Nothing is filled in: what was not measured is named, with what to run.

    Args:
        kinds: one to five, from `work`.
        clouds: cloud models, by the provider's name.
        cards: hardware to buy, such as ``"rtx-3090"``, or from `lab.cost.hardware`. With the
            clouds at most 11; of the models that were measured here, the newest fill up to 12.
        right: shares of right answers of your own, by the name of a cloud, card or model here:
            a number, three (low, likely, high), or those by test.
        may_leave: the most sensitive data that may leave this machine: ``"nothing"``,
            ``"public"``, ``"internal"`` or ``"secret"``.
        offline: whether all must work without a network.
        budget_usd: US dollars a week for everything; None: no limit.
        electricity: a country of the list, or US dollars per kWh.
        measured: results of this session, which the lab book does not have yet.
        book_of: the lab book; None: yours.
    Raises:
        ValueError: an argument is out of range.
        LabError: the price list does not have a cloud model.
    """
    found, given = kinds_of_work(kinds), {} if right is None else right
    if not found:
        raise ValueError(f"kinds must be 1 to {MOST_KINDS} kinds of work; got none")
    if not isinstance(given, Mapping):
        raise ValueError(f"right must be shares by name, as in {{'gpt-4.1': 0.8}}; got {given!r}")
    names = as_tuple("clouds", clouds, lambda e: isinstance(e, str), "names of cloud models")
    names = tuple(dict.fromkeys(names))
    what = "names of hardware, or from lab.cost.hardware"
    owned = as_tuple("cards", cards, lambda e: isinstance(e, str | Hardware), what)
    check_one_of("may_leave", may_leave, (NOTHING, *SENSITIVITIES))
    if budget_usd is not None:
        check_number("budget_usd", budget_usd, "at least 0", lambda x: x >= 0)
    power, owned = find_tariff(electricity), [hardware(each) for each in owned]
    known = book() if book_of is None else book_of
    check_type("book_of", known, LabBook, "lab.book")
    fresh = tuple(entry for each in _results(measured) for entry in entries_of(each))
    page = Page("10_decide", now(), this_machine(), (), fresh)
    numbers = BookNumbers(LabBook((*known.pages, page)), this_machine())
    check_given(given, [*numbers.models, *names, *(each.name for each in owned)])
    here, left_out = _newest(numbers.models, given, MOST_OPTIONS - len(names) - len(owned))
    every = (
        *options_here(here, numbers, given, power),
        *(cloud_option(each, numbers, given) for each in names),
        *(card_option(each, given, power) for each in owned),
    )
    options = tuple(_named_apart(every))
    limits = HardLimits(may_leave, bool(offline), budget_usd)
    return Decision(
        choose(found, options, limits),
        tuple(sensitivity((found, options, limits), n) for n in range(len(found))),
        limits,
        numbers.machine,
        now()[:10],
        (*numbers.notes, *left_out),
    )


def _results(measured: Any) -> tuple:
    what = "results with numbers for the lab book, such as lab.measure(…)"
    return as_tuple(
        *("measured", measured, lambda e: hasattr(e, "book_entries") or hasattr(e, "result"), what)
    )


def _newest(
    models: Sequence[str], given: Mapping[str, Any], room: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The models measured here that there is room for, and a line about the others.

    Those that the learner gives a share of stay, then those that were measured last.
    """
    if room < 1:
        most = MOST_OPTIONS - 1
        raise ValueError(
            f"clouds and cards must be at most {most} together; got {MOST_OPTIONS - room}"
        )
    kept = sorted(models, key=lambda each: each in given)[-room:]
    others = ", ".join(each for each in models if each not in kept)
    line = f"Left out, as they were measured longest ago and {MOST_OPTIONS} options are the most"
    return tuple(each for each in models if each in kept), (f"{line}: {others}",) if others else ()


def _named_apart(options: Iterable[Option]) -> Iterator[Option]:
    """Of options with one name, such as a card at two prices, each but the first has a number."""
    counts: Counter[str] = Counter()
    for each in options:
        counts[each.name] += 1
        number = counts[each.name]
        yield replace(each, name=f"{each.name} ({number})") if number > 1 else each
