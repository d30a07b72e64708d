"""The options of a decision: models here with their measured numbers, clouds, and cards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.checks import check_number
from labkit.lab_book.book import LabBook
from labkit.lab_book.entry import BookEntry
from labkit.lab_book.store import Page
from labkit.topics.cost.amortization.solve import HOURS_A_WEEK, WEEKS_A_YEAR
from labkit.topics.cost.cloud_bill import find_price
from labkit.topics.cost.cloud_models import cloud_models, published_score
from labkit.topics.cost.facts import Hardware, RangedNumber, estimate
from labkit.topics.cost.own_machine import ASSUMED_W, SCORE_NAMES

from .core import Option
from .quality import TESTS

HERE, CLOUD, CARD = "here", "a cloud", "your own card"
MEASURED, PUBLISHED = "measured here", "published"
NO_MODEL = "a model on this machine"
SPEEDS = ("prefill_tokens_per_s", "decode_tokens_per_s")
MEASURE = "notebook 03: lab.measure(model, …)"
GIVE = "with a key, lab.decide.grade(model, cloud) asks it; or give your own: right={…}"
ARTICLE = "the article's 2 to 10 s for an answer of 1,000 tokens"
CLOUD_DELAY_S = RangedNumber(0.5, 1.0, 2.0, "assumed", ARTICLE)
CLOUD_SPEEDS = (
    RangedNumber(1e4, 1e5, 1e6, "assumed", "reading counts in the delay"),
    RangedNumber(125.0, 200.0, 667.0, "assumed", ARTICLE),
)


@dataclass(frozen=True, slots=True)
class BookNumbers:
    """The numbers of a lab book, as a decision asks for them.

    Attributes:
        book: the lab book.
        machine: the machine whose speeds count.
    """

    book: LabBook
    machine: str

    def _newest(self) -> Iterator[tuple[Page, BookEntry]]:
        for page in reversed(self.book.pages):
            for entry in reversed(page.entries):
                yield page, entry

    @property
    def models(self) -> tuple[str, ...]:
        """Models that were measured in this process, on this machine; oldest first."""
        quality = {name for test in TESTS.values() for name, _ in test.entries}
        names = [
            entry.model
            for page, entry in self._newest()
            if page.machine == self.machine
            and entry.name in {*SPEEDS, *quality}
            and entry.origin == "measured"
            and entry.model
            and "(" not in entry.model  # behind an address, or with other weights
        ]
        return tuple(dict.fromkeys(reversed(names)))

    def speed(self, name: str, model: str) -> RangedNumber | None:
        """A speed of a model on this machine; None if it was not measured."""
        for page, entry in self._newest():
            is_it = entry.name == name and entry.model.partition(" (")[0] == model
            if is_it and page.machine == self.machine and entry.origin == "measured":
                return _measured(entry, page) if entry.value > 0 else None
        return None

    def right(self, model: str) -> dict[str, RangedNumber]:
        """The share of right answers of a model in each test; it is the same on all machines."""
        found = {}
        for name, test in TESTS.items():
            for page, entry in self._newest():
                known = ((entry.name, entry.label), (entry.name, ""))
                is_it = entry.model.partition(" (")[0] == model and entry.origin == "measured"
                if is_it and any(each in test.entries for each in known):
                    found[name] = _measured(entry, page).times(0.01)
                    break
        return found

    @property
    def watts(self) -> RangedNumber:
        """Watts while this machine answers: metered, or assumed."""
        for page, entry in self._newest():
            is_metered = (entry.name, entry.origin) == ("load_w", "measured")
            if is_metered and page.machine == self.machine:
                return _measured(entry, page)
        return ASSUMED_W

    @property
    def leaks(self) -> str:
        """What the scanner found in the payload of notebook 05; empty if it was not run."""
        for _, entry in self._newest():
            if entry.name == "payload_findings":
                return f"{entry.value:.0f} secrets were found in the payload of notebook 05"
        return ""


def _measured(entry: BookEntry, page: Page) -> RangedNumber:
    low = entry.value if entry.low is None else entry.low
    high = entry.value if entry.high is None else entry.high
    doubt = f", {entry.note}" if entry.note else ""
    source = f"notebook {page.notebook}{doubt}"
    return RangedNumber(low, entry.value, high, MEASURED, source, page.day)


def options_here(
    numbers: BookNumbers, given: Mapping[str, Any], per_kwh: RangedNumber
) -> tuple[Option, ...]:
    """The models that were measured on this machine; if nothing was measured, one that says so."""
    names = numbers.models or (NO_MODEL,)
    missing = {name: test.run for name, test in TESTS.items()} | {"speed": MEASURE}
    return tuple(
        Option(
            f"{name}, here" if numbers.models else name,
            HERE,
            False,
            _published(SCORE_NAMES.get(name)) | numbers.right(name) | _given(name, given),
            *(numbers.speed(each, name) for each in SPEEDS),
            usd_per_s=_power(numbers.watts, per_kwh),
            missing=missing,
        )
        for name in names
    )


def cloud_option(model: str, numbers: BookNumbers, given: Mapping[str, Any]) -> Option:
    """A cloud model at its list price.

    Raises:
        LabError: the price list does not have it.
    """
    price = find_price(model)
    known = {each.id: each for each in cloud_models()}
    title = known[model].title if model in known else model
    scores = _published(known[model].score_name) if model in known else {}
    read, written = (
        RangedNumber(each / 1e6, each / 1e6, each / 1e6, PUBLISHED, price.source, price.noted)
        for each in (price.input_usd_per_million, price.output_usd_per_million)
    )
    speeds = [numbers.speed(each, model) or CLOUD_SPEEDS[n] for n, each in enumerate(SPEEDS)]
    right = scores | numbers.right(model) | _given(model, given)
    more = {"delay_s": CLOUD_DELAY_S, "usd_per_token": (read, written)}
    return Option(title, CLOUD, True, right, *speeds, **more, missing=dict.fromkeys([*TESTS], GIVE))


def card_option(
    card: Hardware, given: Mapping[str, Any], per_kwh: RangedNumber, hours_on: float = HOURS_A_WEEK
) -> Option:
    """A card of one's own: its price over its life, and its idle power, are fixed."""
    price, life = card.price_usd, card.life_years
    idle = _power(card.idle_w, per_kwh).times(hours_on * 3600)
    ends = ((price.low, life.high), (price.likely, life.likely), (price.high, life.low))
    kept = 1 - card.resale_share.likely
    bought = [usd * kept / (years * WEEKS_A_YEAR) for usd, years in ends]
    numbers = (a + b for a, b in zip(bought, (idle.low, idle.likely, idle.high), strict=True))
    return Option(
        f"{card.model} on {card.title}",
        CARD,
        False,
        _published(card.score_name) | _given(card.name, given),
        *(_as_published(getattr(card, each)) for each in SPEEDS),
        usd_per_s=_power(card.load_w, per_kwh),
        fixed_usd=RangedNumber(*numbers, "computed", f"price over its life, {hours_on:g} h on"),
        missing=dict.fromkeys([*TESTS], "try such a model where you can, and give: right={…}"),
    )


def _as_published(number: RangedNumber) -> RangedNumber:
    origin = PUBLISHED if number.origin == "recorded" else number.origin
    return RangedNumber(number.low, number.likely, number.high, origin, number.source, number.date)


def _power(watts: RangedNumber, per_kwh: RangedNumber) -> RangedNumber:
    """US dollars a second."""
    pairs = ((watts.low, per_kwh.low), (watts.likely, per_kwh.likely), (watts.high, per_kwh.high))
    origin = "assumed" if watts.origin == "assumed" else "computed"
    source = f"watts {watts.origin}, {per_kwh.likely:.2f} $/kWh"
    return RangedNumber(*(w * usd / 3.6e6 for w, usd in pairs), origin, source)


def _published(score_name: str | None) -> dict[str, RangedNumber]:
    found = {}
    for name, test in TESTS.items():
        score = test.benchmark and published_score(score_name, test.benchmark)
        if score:
            share = score[0] / 100
            found[name] = RangedNumber(share, share, share, PUBLISHED, score[1])
    return found


def _given(name: str, given: Mapping[str, Any]) -> dict[str, RangedNumber]:
    """The learner's own shares of right answers: one for all tests, or by test."""
    value = given.get(name)
    by_test = value if isinstance(value, Mapping) else dict.fromkeys([*TESTS], value)
    return {
        test: estimate(f"right[{name!r}]", share, 1.0)
        for test, share in by_test.items()
        if share is not None
    }


def check_given(given: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raises a ValueError where a name or a test in `given` is not known."""
    for name, value in given.items():
        if name not in names:
            raise ValueError(f"right must be for one of {', '.join(names)}; got {name!r}")
        for test in value if isinstance(value, Mapping) else ():
            if test not in TESTS:
                raise ValueError(f"a test must be one of {', '.join(TESTS)}; got {test!r}")
    check_number("number of options", len(names), "1 to 12", lambda n: 1 <= n <= 12)
