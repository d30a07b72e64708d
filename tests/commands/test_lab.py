"""JupyterLab as the lab starts it: where it listens, to whom it answers, how it ends."""

import os
import re
import shutil
import signal
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from labkit.commands import lab
from labkit.commands.notebooks import find
from labkit.errors import LabError

from .tiny_checkout import EMPTY, ROOT, Checkout


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose requirements this interpreter satisfies."""
    checkout = Checkout(tmp_path / "lab")
    shutil.copy(ROOT / "labkit/commands/lab.py", checkout.root / "labkit/commands")
    project = checkout.root / "pyproject.toml"
    project.write_text(project.read_text().replace('"tiny-one>=1", "many-files"', '"jupyterlab"'))
    for module in (lab, find):
        monkeypatch.setattr(module, "ROOT", checkout.root)
    monkeypatch.chdir(checkout.root)
    return checkout


def status_of(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=30) as answer:
            return answer.status, answer.url
    except urllib.error.HTTPError as error:
        return error.code, url


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_it_starts_on_the_loopback_and_stops(checkout, tmp_path):
    home = {"HOME": str(tmp_path), "DISPLAY": "", "WAYLAND_DISPLAY": "", "BROWSER": ""}
    process = checkout.start("lab", python=sys.executable, **home)
    said = process.stdout.readline()
    assert said.startswith("No browser was found here: open this address: http://127.0.0.1:")
    assert "Stop with Ctrl-C" in process.stdout.readline()
    address = said.split()[-1]
    base, path, token = re.fullmatch(r"(http://[^/]+)(/[^?]+)\?token=(\w{48})", address).groups()
    assert path == "/lab/tree/notebooks/00_start.ipynb"

    assert status_of(address) == (200, address)
    assert "/login" in status_of(base + path)[1]
    assert status_of(f"{base}/api/contents")[0] == 403
    assert status_of(f"{base}/api/contents/notebooks?token={token}")[0] == 200

    (server,) = psutil.Process(process.pid).children()
    assert token not in " ".join(server.cmdline())
    # Kernels inherit it, and a notebook keeps what print(os.environ) says.
    assert token not in str(server.environ())
    listening = [at for at in server.net_connections("tcp") if at.status == psutil.CONN_LISTEN]
    assert {at.laddr.ip for at in listening} == {"127.0.0.1"}

    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert not server.is_running()


def test_a_port_in_use(checkout):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = checkout.run("lab", "--port", str(port), python=sys.executable)
    assert status == 1
    assert err == f"Port {port} is in use.\n  → Omit --port: a free one is chosen.\n"


def test_a_free_port_is_found():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert port < lab.free_port("127.0.0.1", first=port) < port + 100


def test_an_address_that_is_not_ours():
    with pytest.raises(LabError, match=r"no address '192\.0\.2\.1'"):
        lab.checked_port("192.0.2.1", 8888)


@pytest.mark.parametrize("name", ["00_start", "00_start.ipynb", "notebooks/00_start.ipynb"])
def test_a_notebook_by_any_name(checkout, name):
    assert lab.notebook_path(name) == "notebooks/00_start.ipynb"


@pytest.mark.parametrize("name", [".", "..", "/", "", "notebooks", "notebooks/", "a" * 300])
def test_a_name_of_no_file_is_a_sentence(checkout, name):
    with pytest.raises(LabError, match="There is no notebook"):
        lab.notebook_path(name)


def test_a_notebook_that_is_not_there(checkout):
    with pytest.raises(LabError, match="notebook '01_token'") as error:
        lab.notebook_path("01_token")
    assert error.value.hint == "Did you mean notebooks/01_tokens.ipynb?"
    with pytest.raises(LabError) as error:
        lab.notebook_path("1")
    assert error.value.hint == "Did you mean notebooks/01_tokens.ipynb?"
    with pytest.raises(LabError) as error:
        lab.notebook_path("notebooks/nope.ipynb")
    assert error.value.hint.startswith("There are: ")


def test_a_notebook_outside_the_checkout_is_none_of_ours(checkout, tmp_path):
    outside = Path(tmp_path / "other.ipynb")
    outside.write_text(EMPTY)
    with pytest.raises(LabError, match=r"other\.ipynb is not in this checkout") as error:
        lab.notebook_path(str(outside))
    assert error.value.hint == "Copy it to notebooks/."


def test_a_wider_address_is_said(capsys):
    class Args:
        host, no_browser = "0.0.0.0", True

    lab._announce(Args, "http://here:8888/", browser=False)
    assert "Anyone who can reach this machine" in capsys.readouterr().out
