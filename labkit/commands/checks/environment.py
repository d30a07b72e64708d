"""Around the lab: model servers, the network, JupyterLab's port, browsers.

One request to pip's package index and one to the model hub leave the machine, each sent by the
client that would download from it, so that proxies and certificates apply as they would then.
"""

import os
import shutil
import subprocess
import sys

from labkit.backends.remote.discovery import PORTS, find_servers
from labkit.commands import lab
from labkit.errors import LabError
from labkit.install.pip import NO_NETWORK
from labkit.models.catalogue import DEFAULT, find

from . import FINE, WARNING, Check, listed

PATIENCE_S = 5
OFFLINE = (
    "Models that are here run without it. Check the connection, or pip's proxy setting; for a "
    "machine without a network there are archives: python3 -m labkit models unpack FILE."
)
JUPYTER = 8888


def servers(ports=tuple(PORTS)):
    """Model servers on the loopback, with the models they offer."""
    found = find_servers(ports)
    for server in found:
        names = [os.path.basename(n) if os.path.isabs(n) else n for n in server.models]
        models = f"models: {listed(names)}" if names else "no models"
        yield Check("Model server", FINE, f"{server.kind} at {server.address}; {models}")
    if not found:
        looked_at = ", ".join(f"{port} ({PORTS.get(port, 'any')})" for port in ports)
        detail = f"none answers on this machine; ports checked: {looked_at}"
        yield Check("Model servers", FINE, detail)


def package_index():
    """Whether pip reaches its index; pip itself looks for the default model's package."""
    package = find(DEFAULT).source.wheels[0].package
    status, found = _ask_pip(package)
    hint = OFFLINE if status == WARNING else ""
    yield Check("Package index", status, f"{found} (pip looked for {package})", hint)


def _ask_pip(package):
    command = [sys.executable, "-m", "pip", "index", "versions", package]
    command += ["--timeout", "2", "--retries", "1", "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        return WARNING, f"no answer in {PATIENCE_S} s"
    if done.returncode == 0:
        return FINE, "answers"
    if "No module named pip" in done.stderr:
        raise ImportError("this Python has no pip")
    if NO_NETWORK.search(done.stderr):
        return WARNING, "cannot be reached"
    last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
    return WARNING, last.removeprefix("ERROR: ")


def hub():
    """Whether the model hub answers its own client; the request carries no content."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    from labkit.backends.remote.http.tracer import without_password
    from labkit.models.storage.hub import hub_reason

    address = without_password(constants.ENDPOINT)  # a mirror's may hold one
    if constants.HF_HUB_OFFLINE:
        yield Check("Model hub", FINE, "not contacted, as HF_HUB_OFFLINE is set")
        return
    try:
        get_session().head(constants.ENDPOINT, timeout=PATIENCE_S - 1)
    except Exception as error:  # the client's errors differ by version; all mean the same here
        hint = (
            f"{DEFAULT} needs no hub, and models that are here run without it. HF_HUB_OFFLINE=1 "
            "avoids the wait; for a mirror, set HF_ENDPOINT."
        )
        yield Check("Model hub", WARNING, f"does not answer ({address}): {hub_reason(error)}", hint)
    else:
        yield Check("Model hub", FINE, f"answers ({address})")


def port():
    """Whether JupyterLab's usual port is free."""
    try:
        lab.checked_port("127.0.0.1", JUPYTER)
        detail = f"{JUPYTER} is free for JupyterLab"
    except LabError:
        detail = f"{JUPYTER} is in use: the lab takes the next free one"
    yield Check("Port", FINE, detail)


def browser():
    """Whether `lab` can open a browser here, and whether the browser tests have one."""
    opens = "the lab opens in it" if lab.has_browser() else "none: `lab` prints an address"
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    tests = f"browser tests use {chromium}" if chromium else "no Chromium for browser tests"
    yield Check("Browser", FINE, f"{opens}; {tests}")
