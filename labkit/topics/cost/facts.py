"""Prices, speeds and watts of hardware, and prices of electricity: each with its source."""

import difflib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from labkit.checks import check_number, is_number
from labkit.data import read_data
from labkit.errors import LabError
from labkit.formatting import in_lines

MOST = 1e9  # of any number that a learner may give: beyond it lies a slip of the keys


@dataclass(frozen=True, slots=True)
class RangedNumber:
    """A number that is not exactly known: a triangular distribution, with its origin.

    Attributes:
        low, likely, high: ends and peak of the distribution; equal where the number is exact.
        origin: ``"recorded"`` (published), ``"measured"``, ``"computed"`` or ``"assumed"``.
        source: the publication, or the reason of an assumption.
        date: the date of the source.
    """

    low: float
    likely: float
    high: float
    origin: str = "assumed"
    source: str = "given by you"
    date: str | None = None

    def times(self, factor: float) -> "RangedNumber":
        """The estimate in another unit."""
        return replace(
            self, low=self.low * factor, likely=self.likely * factor, high=self.high * factor
        )


def estimate(name: str, value: Any, most: float = MOST) -> RangedNumber:
    """An estimate from a number, or from three: low, likely, high.

    Raises:
        ValueError: not such numbers, below 0, above `most`, or not in ascending order.

    >>> estimate("idle_w", (10, 25, 40)).likely
    25.0
    """
    if isinstance(value, RangedNumber):
        return value
    three = (value, value, value) if is_number(value) else value
    if not isinstance(three, tuple | list) or len(three) != 3:
        raise ValueError(f"{name} must be a number, or three: low, likely, high; got {value!r}")
    for each in three:
        check_number(name, each, f"0 to {most:,.10g}", lambda number: 0 <= number <= most)
    if not three[0] <= three[1] <= three[2]:
        raise ValueError(f"{name} must be in ascending order: low, likely, high; got {value!r}")
    return RangedNumber(*map(float, three))


@dataclass(frozen=True, slots=True)
class Hardware:
    """A machine or a card, and what is known of its cost and its speed.

    Attributes:
        name: its name in the list.
        title: its name for people.
        price_usd: what it costs.
        decode_tokens_per_s: speed of one answer.
        prefill_tokens_per_s: speed of reading one prompt.
        load_w: watts while it answers.
        idle_w: watts while it waits.
        life_years: years until it is replaced.
        resale_share: share of its price that it fetches when it is sold.
        model: the model of which the speeds are.
        score_name: that model's name among the published scores, or None.
    """

    name: str
    title: str
    price_usd: RangedNumber
    decode_tokens_per_s: RangedNumber
    prefill_tokens_per_s: RangedNumber
    load_w: RangedNumber
    idle_w: RangedNumber
    life_years: RangedNumber
    resale_share: RangedNumber
    model: str
    score_name: str | None = None

    def seconds(self, tokens_in: int, tokens_out: int) -> RangedNumber:
        """Seconds of one request: reading its prompt, then writing its answer."""
        read, write = self.prefill_tokens_per_s, self.decode_tokens_per_s
        pairs = ((read.high, write.high), (read.likely, write.likely), (read.low, write.low))
        origin = f"computed from {write.origin} speeds"
        numbers = (tokens_in / fast + tokens_out / slow for fast, slow in pairs)
        return RangedNumber(*numbers, origin, write.source, write.date)


def hardware(name: "str | Hardware" = "rtx-3090", **changes: Any) -> Hardware:
    """A machine of the list, with numbers of your own where you have them.

    Args:
        name: such as ``"rtx-3090"``, ``"rtx-3090-article"``, ``"rtx-4090"``, ``"m3-max"``.
        changes: any number of `Hardware`, such as ``price_usd=650`` or ``idle_w=(8, 12, 20)``.
    Raises:
        ValueError: an unknown name or number, or one out of range.
        LabError: the list lacks a number, and none was given.
    """
    if isinstance(name, Hardware):
        return replace(name, **_estimates(changes))
    entries = {entry["id"]: entry for entry in facts_file("hardware.json")["hardware"]}
    entry = find_entry("hardware", name, entries)
    known = {key: _recorded(value) for key, value in entry.items() if isinstance(value, dict)}
    numbers = known | _estimates(changes)
    if missing := [key for key in NUMBERS if key not in numbers]:
        raise LabError(
            f"The list has no {', '.join(missing)} of {entry['title']}.",
            f'Give numbers of your own: lab.cost.hardware("{name}", {missing[0]}=…).',
        )
    labels = {"model": entry["model"], "score_name": entry["score_name"]}
    return Hardware(entry["id"], entry["title"], **numbers, **labels)


NUMBERS = (
    "price_usd",
    "decode_tokens_per_s",
    "prefill_tokens_per_s",
    "load_w",
    "idle_w",
    "life_years",
    "resale_share",
)


def _estimates(changes: Mapping[str, Any]) -> dict[str, RangedNumber]:
    if unknown := set(changes) - set(NUMBERS):
        raise ValueError(f"numbers of hardware are {', '.join(NUMBERS)}; got {min(unknown)!r}")
    found = {}
    for name, value in changes.items():
        found[name] = estimate(name, value, 1 if name == "resale_share" else MOST)
        if "tokens" in name or name == "life_years":
            check_number(name, found[name].low, "above 0", lambda number: number > 0)
    return found


def _recorded(entry: Mapping[str, Any]) -> RangedNumber:
    return RangedNumber(*entry["values"], entry["origin"], entry["source"], entry["date"])


def find_entry(kind: str, name: Any, entries: Mapping[str, Any]) -> Any:
    """An entry by its name, or a ValueError that lists the names."""
    if isinstance(name, str) and name in entries:
        return entries[name]
    near = difflib.get_close_matches(str(name), entries, n=1)
    guess = f". Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{kind} must be one of {', '.join(entries)}; got {name!r}{guess}")


@dataclass(frozen=True, slots=True, repr=False)
class HardwareList:
    """Published prices, speeds and watts of common hardware (recorded; some are assumed).

    Attributes:
        titles: name of each.
        names: its short name, for `hardware`.
        numbers: of each, by name in `NUMBERS`; None where none was found.
        note: what the numbers are.
    """

    titles: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[Mapping[str, RangedNumber | None], ...]
    note: str

    @property
    def summary(self) -> str:
        """How many there are, and their short names."""
        return f"{len(self.names)} machines and cards (recorded): {', '.join(self.names)}"

    def __repr__(self) -> str:
        return in_lines(self.summary)


def published_hardware() -> HardwareList:
    """Prices, speeds and watts of common hardware, each with its source and date."""
    data = facts_file("hardware.json")
    entries = data["hardware"]
    numbers = tuple(
        {name: _recorded(entry[name]) if entry[name] else None for name in NUMBERS}
        for entry in entries
    )
    titles, names = (tuple(entry[key] for entry in entries) for key in ("title", "id"))
    return HardwareList(titles, names, numbers, data["note"])


@dataclass(frozen=True, slots=True)
class Rent:
    """A GPU that is rented by the hour.

    Attributes:
        title: its name.
        like: the name of such a card in the list of hardware, or None.
        usd_per_hour: its price.
    """

    title: str
    like: str | None
    usd_per_hour: RangedNumber


def find_rent(name: str) -> Rent:
    """A GPU for rent, such as ``"rtx-3090"`` or ``"h100"``.

    Raises:
        ValueError: the list does not have it.
    """
    entries = {entry["id"]: entry for entry in facts_file("hardware.json")["rent"]}
    entry = find_entry("rent", name, entries)
    return Rent(entry["title"], entry["like"], _recorded(entry["usd_per_hour"]))


@functools.lru_cache(maxsize=64)
def facts_file(name: str) -> Any:
    """A data file, read once: a panel asks for it with every move."""
    return read_data(name)


def tariff(
    country: str | None = None, *, per_kwh: Any = None, currency: str = "USD"
) -> RangedNumber:
    """The price of a kilowatt-hour in US dollars.

    Args:
        country: of the list, such as ``"Germany"`` or ``"United States"``; None: anywhere from the
            cheapest to the dearest of the list.
        per_kwh: your own price in its place: a number, or three: low, likely, high.
        currency: of your own price: ``"USD"`` or ``"EUR"``.
    Raises:
        ValueError: an unknown country or currency, or a price out of range.
    """
    data = facts_file("electricity.json")
    rate = find_entry("currency", currency, data["currencies"])["usd"]
    if per_kwh is not None:
        return estimate("per_kwh", per_kwh, 100).times(rate)
    known = {entry["country"]: entry for entry in data["tariffs"]}
    if country is not None:
        entry = find_entry("country", country, known)
        rate = data["currencies"][entry["currency"]]["usd"]
        exact = (entry["per_kwh"] * rate,) * 3
        return RangedNumber(*exact, "recorded", entry["source"], entry["date"])
    every = sorted(tariff(each).likely for each in known)
    middle = tariff("United States")
    source = f"{min(known, key=lambda each: tariff(each).likely)} to Germany; {middle.source}"
    return RangedNumber(every[0], middle.likely, every[-1], "recorded", source, middle.date)


def find_tariff(electricity: Any) -> RangedNumber:
    """A price per kWh in US dollars from a country, None for any, numbers, or from `tariff`."""
    if electricity is None or isinstance(electricity, str):
        return tariff(electricity)
    is_found = isinstance(electricity, RangedNumber)
    return electricity if is_found else tariff(per_kwh=electricity)


def countries() -> tuple[str, ...]:
    """The countries whose price of electricity is in the list."""
    return tuple(entry["country"] for entry in facts_file("electricity.json")["tariffs"])
