"""What providers' terms say about keeping requests and training on them, with source and date."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from labkit.data import read_data

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a provider says about requests to its programming interface, in the lab's words.

    Attributes:
        provider: its name.
        hosts: the addresses that it is asked at.
        kept: how long requests and answers are kept; None where it is unknown, as below.
        training: whether models are trained on them.
        seen_by: who may read them.
        page_date: the date of the terms themselves.
        sources: where it was read.
        read: the date on which it was read.
    """

    provider: str
    hosts: tuple[str, ...]
    kept: str | None
    training: str | None
    seen_by: str | None
    page_date: str | None
    sources: tuple[str, ...]
    read: str


@dataclass(frozen=True, slots=True, repr=False)
class TermsTable:
    """The terms of several providers (recorded: read on a date).

    Attributes:
        terms: one for each provider.
        note: how they were read.
    """

    terms: tuple[Terms, ...]
    note: str

    @property
    def summary(self) -> str:
        """For how many providers there is a line, in a line."""
        read = self.terms[0].read if self.terms else "never"
        return f"terms of {len(self.terms)} providers, read on {read} (recorded)"

    def __repr__(self) -> str:
        rows = [f"{each.provider}: kept: {each.kept or UNKNOWN}" for each in self.terms]
        return "\n".join([self.summary, *rows])


def provider_terms() -> TermsTable:
    """What providers say about keeping your requests and training on them.

    Raises:
        LabError: the lab's data is missing.
    """
    data = read_data("terms.json")
    same = ("kept", "training", "seen_by", "page_date")
    rows = tuple(
        Terms(
            provider=each["name"],
            hosts=tuple(each["hosts"]),
            sources=tuple(each["sources"]),
            read=data["read"],
            **{name: each[name] for name in same},
        )
        for each in data["providers"]
    )
    return TermsTable(rows, data["note"])


def find_terms(address: str) -> Terms | None:
    """The terms of the provider at an address; None where the lab knows none."""
    host = urlsplit(address).hostname or ""
    found = (
        terms
        for terms in provider_terms().terms
        if any(host == known or host.endswith(f".{known}") for known in terms.hosts)
    )
    return next(found, None)
