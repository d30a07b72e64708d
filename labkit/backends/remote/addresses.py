"""Addresses that somebody gives by hand: checked, and without what does not belong to them."""

import re
from typing import Any
from urllib.parse import urlsplit

# Where requests go below an address; people copy it along.
_ENDPOINT = re.compile(
    r"(/chat/completions|/completions|/responses|/messages|(?<=/v1)/(models|embeddings)"
    r"|/api/(chat|generate|tags))$"
)


def checked_address(address: Any, example: str) -> str:
    """An address without a slash at its end, and without the path of a single interface.

    Args:
        address: any object.
        example: a good one, for the sentence.
    Raises:
        ValueError: it is not an address, or it holds a name, a password or a query, which are not
            repeated: they may be secret.

    >>> checked_address("http://127.0.0.1:8080/v1/chat/completions", "http://127.0.0.1:8080")
    'http://127.0.0.1:8080/v1'
    """
    bound = f'address must be such as "{example}"'
    if not isinstance(address, str):
        raise ValueError(f"{bound}; got {type(address).__name__}")
    parts = _split(address)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        shown = "something with an @" if "@" in address or "?" in address else repr(address)
        raise ValueError(f"{bound}; got {shown}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            f"{bound}, without a name, a password or a query: a key is given as a key; got "
            f"{parts.scheme}://{parts.hostname}"
        )
    whole = parts.scheme + address[address.index(":") :].rstrip("/")  # the scheme in lower case
    return _ENDPOINT.sub("", whole).rstrip("/")


def _split(address: str):
    try:
        parts = urlsplit(address)
        _ = parts.port
        return None if re.search(r"[\s\\]", address) else parts
    except ValueError:  # a bad port or IPv6 address
        return None
