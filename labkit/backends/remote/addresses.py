"""Addresses of servers: which are loopback, which are well-formed, where a server's paths begin."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(address: str) -> bool:
    """Whether an address is on this machine by its very spelling; no name is looked up."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_address(address: str) -> str:
    """A server's base URL, with ``/v1`` where it names no path.

    Raises:
        ValueError: not the address of an HTTP server.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f'address must be such as "http://127.0.0.1:8080"; got {address!r}')
    return address.rstrip("/") if parts.path.strip("/") else f"{address.rstrip('/')}/v1"


def server_root(base_url: str) -> str:
    """Where a server's own paths begin."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"
