"""The hub's proxy, a process of its own: learners stay connected while a hub is restarted.

``python -m labkit.classroom.proxy FOLDER`` becomes the proxy of that class.
"""

import os
import sys

from .settings import ClassSettings, read_settings


def arguments(settings: ClassSettings) -> list[str]:
    """The options of ``configurable-http-proxy``: learners outside, the hub on the loopback."""
    chosen = ["--ip", settings.host, "--port", str(settings.port)]
    chosen += ["--api-ip", "127.0.0.1", "--api-port", str(settings.proxy_port)]
    chosen += ["--default-target", f"http://127.0.0.1:{settings.hub_port}"]
    chosen += ["--error-target", f"http://127.0.0.1:{settings.hub_port}/hub/error"]
    if settings.certificate:
        chosen += ["--ssl-cert", settings.certificate, "--ssl-key", settings.certificate_key]
    return [*chosen, "--log-level", "WARNING"]


if __name__ == "__main__":
    from configurable_http_proxy.cli import main

    found = read_settings(sys.argv[1])
    os.environ["CONFIGPROXY_AUTH_TOKEN"] = found.token
    main(arguments(found))
