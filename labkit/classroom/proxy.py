"""The hub's proxy, a process of its own: learners stay connected while a hub is restarted.

``python -m labkit.classroom.proxy FOLDER`` becomes the proxy of that class.
"""

import os
import ssl
import sys
from typing import Any

from tornado.httpserver import HTTPServer

from .settings import ClassSettings, read_settings


def arguments(settings: ClassSettings) -> list[str]:
    """The options of ``configurable-http-proxy``: learners outside, the hub on the loopback."""
    chosen = ["--ip", settings.host, "--port", str(settings.port)]
    chosen += ["--api-ip", "127.0.0.1", "--api-port", str(settings.proxy_port)]
    chosen += ["--default-target", f"http://127.0.0.1:{settings.hub_port}"]
    chosen += ["--error-target", f"http://127.0.0.1:{settings.hub_port}/hub/error"]
    if settings.certificate:  # its own header says that of every request, whatever it came by
        chosen += ["--no-x-forward", "--custom-header", "X-Forwarded-Proto:https"]
    return [*chosen, "--log-level", "WARNING"]


def encrypted(settings: ClassSettings) -> type[HTTPServer]:
    """A server that speaks TLS on the learners' port; the proxy's own options for it do nothing."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.certificate, settings.certificate_key)

    class Encrypted(HTTPServer):
        """Plain on the loopback, where the hub asks it."""

        def listen(self, port: int, *address: Any, **more: Any) -> Any:
            self.ssl_options = context if port == settings.port else None
            return super().listen(port, *address, **more)

    return Encrypted


if __name__ == "__main__":
    from configurable_http_proxy import cli

    found = read_settings(sys.argv[1])
    if found.certificate:
        cli.HTTPServer = encrypted(found)
    os.environ["CONFIGPROXY_AUTH_TOKEN"] = found.token
    cli.main(arguments(found))
