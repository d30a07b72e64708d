"""The options of a decision: models here with their measured numbers, clouds, and cards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from labkit.formatting import digits
from labkit.lab_book.book import LabBook
from labkit.lab_book.entry import BookEntry
from labkit.lab_book.store import Page
from labkit.models.prices import request_price
from labkit.stats import items_behind
from labkit.topics.cost.amortization.solve import HOURS_A_WEEK, WEEKS_A_YEAR
from labkit.topics.cost.cloud_bill import find_price
from labkit.topics.cost.cloud_models import cloud_models, published_score
from labkit.topics.cost.facts import Hardware, RangedNumber, estimate
from labkit.topics.cost.own_machine import ASSUMED_W, SCORE_NAMES

from .core import Option
from .quality import GRADED, TESTS, graded_name

MEASURED, ELSEWHERE, PUBLISHED = "measured here", "measured elsewhere", "published"
NO_MODEL = "a model on this machine"
NOTHING_MEASURED = "No model was measured on this machine yet: what is here is not known."
SPEEDS = ("prefill_tokens_per_s", "decode_tokens_per_s")
MEASURE = "notebook 03: lab.measure(model, …), with that model loaded"
GIVE = "give your own: right={…}"
ASK = f"with a key, lab.decide.grade(model, cloud) asks it; or {GIVE}"
ARTICLE = "a cloud's 2 to 10 s for 1,000 tokens, by the article that notebook 06 checks"
CLOUD_DELAY_S = RangedNumber(0.5, 1.0, 2.0, "assumed", ARTICLE)
CLOUD_SPEEDS = {
    SPEEDS[0]: RangedNumber(1e4, 1e5, 1e6, "assumed", "a cloud's reading counts in its delay"),
    SPEEDS[1]: RangedNumber(125.0, 200.0, 667.0, "assumed", ARTICLE),
}


def _items(share: RangedNumber) -> float:
    """On how many items it was counted; 0 where it has no interval."""
    ends = share.likely, share.low, share.high
    return items_behind(*ends) if share.high > share.low else 0.0


@dataclass(frozen=True, slots=True)
class BookNumbers:
    """The numbers of a lab book, as a decision asks for them.

    Attributes:
        book: the lab book.
        machine: the machine whose speeds count.
    """

    book: LabBook
    machine: str

    def _newest(self, *names: str, here: bool = True) -> Iterator[tuple[Page, BookEntry]]:
        """Measured entries of those names, newest first; of this machine alone where `here`."""
        for page in reversed(self.book.pages):
            if page.machine == self.machine or not here:
                for entry in reversed(page.entries):
                    if entry.name in names and entry.origin == "measured":
                        yield page, entry

    @property
    def models(self) -> tuple[str, ...]:
        """Models that were measured in this process, on this machine; the newest last."""
        quality = {name for test in TESTS.values() for name, _ in test.entries}
        names = [entry.model for _, entry in self._newest(*SPEEDS, *quality)]
        # With "(" are those behind an address, or with other weights.
        newest_first = dict.fromkeys(each for each in names if each and "(" not in each)
        return tuple(reversed(newest_first))

    def _of(self, model: str, *names: str, here: bool = True) -> Iterator[tuple[Page, BookEntry]]:
        """Those about a model here, or about a cloud's, of which the provider stands behind it."""
        is_here = model in self.models
        for page, entry in self._newest(*names, here=here):
            if model == (entry.model if is_here else entry.model.partition(" (")[0]):
                yield page, entry

    def speed(self, name: str, model: str) -> RangedNumber | None:
        """A speed of a model on this machine, the newest of several runs before that of one.

        None if it was not measured.
        """
        pairs = [each for each in self._of(model, name) if each[1].value > 0]
        several = [each for each in pairs if each[1].spread]
        return self._measured(*(several or pairs)[0]) if pairs else None

    def right(self, model: str) -> dict[str, RangedNumber]:
        """The share of right answers of a model in each test, measured here or else elsewhere.

        Of the test itself and of the items of it that were graded for a router, the newest of each,
        that counts which has more items behind it.
        """
        found = {}
        for name, test in TESTS.items():
            for here in (True, False):
                newest: dict[bool, RangedNumber] = {}
                for page, entry in self._of(model, *(each for each, _ in test.entries), here=here):
                    if {(entry.name, entry.label), (entry.name, "")} & {*test.entries}:
                        is_graded = entry.name == graded_name(name)
                        newest.setdefault(is_graded, self._measured(page, entry).times(0.01))
                if newest:
                    found[name] = max(newest.values(), key=_items)
                    break
        return found

    def _measured(self, page: Page, entry: BookEntry) -> RangedNumber:
        low = entry.value if entry.low is None else entry.low
        high = entry.value if entry.high is None else entry.high
        is_here = page.machine == self.machine
        more = [entry.label, entry.note, "" if is_here else f"on {page.machine}"]
        source = ", ".join([f"notebook {page.notebook}", *filter(None, more)])
        origin = MEASURED if is_here else ELSEWHERE
        return RangedNumber(low, entry.value, high, origin, source, page.day)

    @property
    def watts(self) -> RangedNumber:
        """Watts while this machine answers: metered, or assumed."""
        return next((self._measured(*each) for each in self._newest("load_w")), ASSUMED_W)

    @property
    def notes(self) -> tuple[str, ...]:
        """What else the book says: that it is empty, what the scanner found in notebook 05."""
        empty = () if self.models else (NOTHING_MEASURED,)
        for _, entry in self._newest("payload_findings", here=False):
            return (
                *empty,
                f"Notebook 05 found {entry.value:.0f} secrets or personal data in a payload",
            )
        return empty


def options_here(
    names: Sequence[str], numbers: BookNumbers, given: Mapping[str, Any], per_kwh: RangedNumber
) -> tuple[Option, ...]:
    """Models that were measured on this machine; without any, an option that asks for one."""
    missing = {name: test.run for name, test in TESTS.items()} | {"speed": MEASURE}
    return tuple(
        Option(
            f"{name}, here" if names else name,
            False,
            _published(SCORE_NAMES.get(name)) | numbers.right(name) | _given(name, given),
            *(numbers.speed(each, name) for each in SPEEDS),
            usd_per_s=_power(numbers.watts, per_kwh),
            missing=missing,
        )
        for name in names or (NO_MODEL,)
    )


def cloud_option(model: str, numbers: BookNumbers, given: Mapping[str, Any]) -> Option:
    """A cloud model at its list price.

    Raises:
        LabError: the price list does not have it.
    """
    price = find_price(model)
    known = next((each for each in cloud_models() if each.id == model), None)
    read, written = (
        _exact(each / 1e6, price.source, price.noted)
        for each in (price.input_usd_per_million, price.output_usd_per_million)
    )
    return Option(
        known.title if known else model,
        True,
        _published(known and known.score_name) | numbers.right(model) | _given(model, given),
        *(numbers.speed(name, model) or speed for name, speed in CLOUD_SPEEDS.items()),
        delay_s=CLOUD_DELAY_S,
        usd_per_token=(read, written),
        request_usd=partial(_request_usd, model),
        missing={name: ASK if name in GRADED else GIVE for name in TESTS},
    )


def _request_usd(model: str, tokens_in: int, tokens_out: float) -> float:
    """At list prices; a turning point may lie at part of a token written, so it is a proportion."""
    read, million = request_price(model, tokens_in, 0), 1_000_000
    return read + (request_price(model, tokens_in, million) - read) * tokens_out / million


def card_option(card: Hardware, given: Mapping[str, Any], per_kwh: RangedNumber) -> Option:
    """A card of one's own: its price over its life, and its idle power, are fixed."""
    idle = _power(card.idle_w, per_kwh).times(HOURS_A_WEEK * 3600)
    ends = (
        (card.price_usd.low, card.life_years.high, idle.low),
        (card.price_usd.likely, card.life_years.likely, idle.likely),
        (card.price_usd.high, card.life_years.low, idle.high),
    )
    kept = 1 - card.resale_share.likely
    # Its idle power is paid already, around the clock.
    ends_w = (getattr(card.load_w, end) - card.idle_w.likely for end in ("low", "likely", "high"))
    low, likely, high = (max(0.0, each) for each in ends_w)
    busy = replace(card.load_w, low=low, likely=likely, high=high)
    fixed = (usd * kept / (years * WEEKS_A_YEAR) + waits for usd, years, waits in ends)
    return Option(
        f"{card.model} on {card.title}",
        False,
        _published(card.score_name) | _given(card.name, given),
        *(_with_origin(getattr(card, each)) for each in SPEEDS),
        usd_per_s=_power(busy, per_kwh),
        fixed_usd=RangedNumber(*fixed, "computed", f"price over its life, {HOURS_A_WEEK:g} h on"),
        missing=dict.fromkeys(TESTS, "try such a model where you can, and give: right={…}"),
    )


def _exact(value: float, source: str, date: str | None = None) -> RangedNumber:
    return RangedNumber(value, value, value, PUBLISHED, source, date)


def _with_origin(number: RangedNumber) -> RangedNumber:
    """With the origin in the words of the decision's page."""
    words = {"recorded": PUBLISHED, "measured": MEASURED}
    return replace(number, origin=words.get(number.origin, number.origin))


def _power(watts: RangedNumber, per_kwh: RangedNumber) -> RangedNumber:
    """US dollars a second."""
    pairs = ((watts.low, per_kwh.low), (watts.likely, per_kwh.likely), (watts.high, per_kwh.high))
    origin = "assumed" if watts.origin == "assumed" else "computed"
    parts = (
        f"{digits(watts.likely)} W ({watts.origin})",
        f"${per_kwh.likely:.2f}/kWh ({per_kwh.origin})",
    )
    source = f"electricity, {' at '.join(parts)}"
    return RangedNumber(*(w * usd / 3.6e6 for w, usd in pairs), origin, source)


def _published(score_name: str | None) -> dict[str, RangedNumber]:
    found = {}
    for name, test in TESTS.items():
        score = test.benchmark and published_score(score_name, test.benchmark)
        if score:
            found[name] = _exact(score[0] / 100, score[1])
    return found


def _given(name: str, given: Mapping[str, Any]) -> dict[str, RangedNumber]:
    """The learner's own shares of right answers: one for all tests, or by test."""
    value = given.get(name)
    by_test = value if isinstance(value, Mapping) else dict.fromkeys(TESTS, value)
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
