"""Models of providers as backends, each with its key, its price and its policy."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from labkit.backends.guard.policy import Policy
from labkit.backends.remote.addresses import checked_address
from labkit.backends.remote.api_keys import Secret, find_key, use_key
from labkit.backends.remote.budget import Budget, Meter, PricePerMillion
from labkit.backends.remote.discovery import is_loopback
from labkit.backends.remote.http.errors import OF_CLOUDS
from labkit.backends.remote.model import RemoteModel
from labkit.backends.remote.protocols.openai_api import OpenAI
from labkit.backends.remote.transport import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    Transport,
    check_timeouts,
)
from labkit.checks import check_type
from labkit.errors import LabError

from .anthropic_api import Anthropic
from .providers import NOTED, PROVIDERS, Provider, other_provider

ASK = Policy("ask")
EXAMPLE = "https://api.example.com/v1"


def cloud(
    provider: str,
    model: str | None = None,
    *,
    key: str | None = None,
    budget: Budget | None = None,
    policy: Policy | str | None = ASK,
    address: str | None = None,
    price_usd_per_million: PricePerMillion | None = None,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
) -> RemoteModel:
    """A model of a provider, ready to be asked. Prompts go to that provider and cost money.

    The key is taken from ``labkit.comparison.api_key_panel``, or else from the environment; see
    `clouds`.

    Args:
        provider: ``"openai"``, ``"anthropic"``, ``"google"``, ``"mistral"``, ``"openrouter"``,
            ``"azure"``, or the address of any other that speaks OpenAI's language.
        model: the provider's name for it; None: a small, cheap one.
        key: another key than that; better not written into a notebook.
        budget: what may be spent; one `Budget` can serve several models.
        policy: what happens to secrets and personal data in a prompt, such as ``"redact"``; None:
            all is sent.
        address: of a gateway to the provider, or of your own resource at Azure.
        price_usd_per_million: US dollars for a million tokens read, and for a million written;
            None: those of the price list.
        connect_timeout_s: how long to wait for a connection.
        read_timeout_s: how long the provider may send no event.
    Raises:
        LabError: there is no key, or the model or the address must be named.
        ValueError: no such provider, or a bad model, key, budget, address, price or time.
    """
    check_timeouts(connect_timeout_s, read_timeout_s)
    if not isinstance(model, str | None):
        raise ValueError(f"model must be a name that the provider has, or None; got {model!r}")
    if not isinstance(address, str | None):
        raise ValueError(f"address must be where the provider answers, or None; got {address!r}")
    if budget is not None:
        check_type("budget", budget, Budget, "lab.Budget")
    asked, base_url = _provider(provider, address)
    if not (model := model or asked.model):
        raise LabError(f"{asked.name} has no default model.", "Name one: lab.cloud(…, model=…).")
    parameters = asked.parameters(model)
    if asked.speaks == "anthropic":
        protocol = Anthropic(model, asked.name, parameters)
        base_url = base_url.removesuffix("/v1")  # the client adds it
    else:
        protocol = OpenAI(model, asked.name, parameters, continues=False)
    secret = _key(provider, asked, key)
    return RemoteModel(
        protocol,
        Transport(base_url, secret, connect_timeout_s, read_timeout_s, OF_CLOUDS),
        policy=policy,
        meter=Meter(model, asked.prices, _checked_price(price_usd_per_million), budget),
    )


def _provider(provider: str, address: str | None) -> tuple[Provider, str]:
    """A provider, of this list or any other, and the address to ask."""
    known = PROVIDERS.get(provider) if isinstance(provider, str) else None
    if known is None and not (isinstance(provider, str) and "://" in provider):
        raise ValueError(
            f"provider must be one of {', '.join(PROVIDERS)}, or an address such as "
            f'"{EXAMPLE}"; got {provider!r}'
        )
    if known is None:
        base_url = _checked_address(address or provider)
        return other_provider(urlsplit(base_url).hostname or ""), base_url
    own = next((os.environ[name] for name in known.address_names if os.environ.get(name)), None)
    found = address or known.address or own
    if found is None:
        raise LabError(
            f"{known.name} needs an address of your own.",
            f"Set {known.address_names[0]}, or name it: lab.cloud(…, address=…).",
        )
    base_url = _checked_address(found)
    path = urlsplit(base_url).path
    if known.address is None and (not path or (found == own and "/openai" not in path)):
        base_url = f"{base_url}/openai/v1"  # the page of the resource shows it without
    return known, base_url


def _checked_address(address: str) -> str:
    """A key travels there: never in the open, save on this machine."""
    checked = checked_address(address, EXAMPLE)
    if not checked.startswith("https:") and not is_loopback(checked):
        parts = urlsplit(checked)
        raise ValueError(
            f'address must be such as "{EXAMPLE}", encrypted; got {parts.scheme}://{parts.hostname}'
        )
    return checked


def _key(provider: str, asked: Provider, given: str | None) -> Secret | None:
    if given is not None:
        return use_key(given)
    found = find_key(provider, asked.key_names)
    if found is None and asked.key_names:
        raise LabError(
            f"There is no key for {asked.name}.",
            f'Type it: lab.comparison.api_key_panel("{provider}"), or set {asked.key_names[0]} '
            f"before the lab starts. Keys are made at {asked.key_page}. Without one, a recording "
            "(lab.replay) or the stand-in (lab.stand_in) shows how it works.",
        )
    return found


def _checked_price(price: PricePerMillion | None) -> PricePerMillion | None:
    good = price is None or (
        isinstance(price, Sequence)
        and len(price) == 2
        and all(isinstance(each, int | float) and 0 <= each < 1e6 for each in price)
    )
    if not good:
        raise ValueError(
            "price_usd_per_million must be two numbers, 0 or more: for tokens read, and for tokens "
            f"written; got {price!r}"
        )
    return price


@dataclass(frozen=True, slots=True)
class CloudListing:
    """A provider, and whether it can be asked now.

    Attributes:
        provider: the name for `cloud`.
        name: as it calls itself.
        model: the model that is taken where none is named, or None.
        key_name: the environment variable for its key.
        key_found: whether there is a key, typed or in the environment. It was not tried.
    """

    provider: str
    name: str
    model: str | None
    key_name: str
    key_found: bool

    @property
    def summary(self) -> str:
        """Whether it can be asked, in a line."""
        state = "key found" if self.key_found else f"no key ({self.key_name})"
        return f"{self.name}: {state}; model {self.model or 'must be named'} (as of {NOTED})"


class Clouds(tuple[CloudListing, ...]):
    """The providers, one a line."""

    __slots__ = ()

    @property
    def summary(self) -> str:
        """How many can be asked, in a line."""
        found = [listing.name for listing in self if listing.key_found]
        return f"{len(found)} of {len(self)} providers have a key: {', '.join(found) or 'none'}"

    def __repr__(self) -> str:
        return "\n".join(listing.summary for listing in self)


def clouds() -> Clouds:
    """The providers that the lab knows, and for which of them there is a key. Nothing is sent."""
    return Clouds(
        CloudListing(
            provider, known.name, known.model, known.key_names[0], _has_key(provider, known)
        )
        for provider, known in PROVIDERS.items()
    )


def _has_key(provider: str, known: Provider) -> bool:
    try:
        return find_key(provider, known.key_names) is not None
    except LabError:  # `cloud` says it
        return False
