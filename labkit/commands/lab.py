"""``python3 -m labkit lab``: JupyterLab on the loopback, with a token, on the first notebook."""

import contextlib
import errno
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from urllib.parse import quote

from labkit.commands.notebooks.find import find_notebook
from labkit.errors import LabError
from labkit.install.checkout import ROOT
from labkit.install.frugal import FRUGAL, LEAN_START

CONFIG = Path(__file__).parent / "jupyter"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
QUIET = [  # no requests to the network, no questions
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--Application.log_level=ERROR",
    "--ServerApp.port_retries=0",
    "--ServerApp.answer_yes=True",
    "--KernelManager.transport_encryption=auto",  # otherwise kernels warn of other users
    "--ServerApp.allow_root=True",  # as in containers; the server is on the loopback, with a token
]
# The token goes through a pipe: other users can read a command line, and every kernel, whose output
# a notebook keeps, inherits the environment.
START = f"""{LEAN_START}
from jupyterlab.labapp import main
sys.exit(main([*sys.argv[1:], "--IdentityProvider.token=" + sys.stdin.readline().strip()]))
"""


def main(args):
    """Starts JupyterLab, prints its address, and waits until it ends or is stopped."""
    path = "/lab/tree/" + quote(notebook_path(args.notebook))
    port = checked_port(args.host, args.port) if args.port else free_port(args.host)
    token = secrets.token_hex(24)
    browser = not args.no_browser and has_browser()
    with _jupyter(args.host, port, path, token, browser) as server:
        _wait_until_up(server, args.host, port)
        _announce(args, f"{_address(args.host, port)}{path}?token={token}", browser)
        return server.wait()


def notebook_path(name):
    """A notebook's path within the checkout, which is what JupyterLab shows."""
    path = find_notebook(name)
    if not path.is_relative_to(ROOT):
        raise LabError(f"{path} is not in this checkout.", "Copy it to notebooks/.")
    return path.relative_to(ROOT).as_posix()


def checked_port(host, port, in_use="Omit --port: a free one is chosen."):
    """The port if it is free, else a LabError with the reason."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except (OSError, UnicodeError) as error:  # the latter for what can be no name
        number = getattr(error, "errno", None)
        if number == errno.EADDRINUSE:
            problem, hint = f"Port {port} is in use.", in_use
        elif number == errno.EACCES:
            problem, hint = f"Port {port} needs root rights.", "Take one from 1024 upwards."
        else:
            problem, hint = f"This machine has no address {host!r}.", "Omit --host."
        raise LabError(problem, hint) from error
    return port


def free_port(host, first=8888, count=100):
    """The first port from `first` on that is free, else a LabError with the reason."""
    for port in range(first, first + count):
        with contextlib.suppress(LabError):
            return checked_port(host, port)
    return checked_port(host, first)  # raises the reason


def has_browser():
    """Whether a graphical browser can be opened from here."""
    shows = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    if sys.platform.startswith("linux") and not shows:
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


@contextlib.contextmanager
def _jupyter(host, port, path, token, browser):
    """JupyterLab as a child process, which ends afterwards with its kernels."""
    command = [sys.executable, "-c", START, *QUIET]
    command += [f"--ServerApp.ip={host}", f"--ServerApp.port={port}"]
    command += [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url={path}"]
    command += [f"--ServerApp.open_browser={browser}"]
    settings = {"JUPYTER_PREFER_ENV_PATH": "1"}
    settings |= {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
    if os.environ.get("LABKIT_SERVER"):  # on one machine with others: memory before speed
        settings |= FRUGAL
    # In addition to the user's own; it declines JupyterLab's news.
    paths = [str(CONFIG), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    settings["JUPYTER_CONFIG_PATH"] = os.pathsep.join(paths)
    for name in ("SIGTERM", "SIGHUP"):  # the latter as a terminal is closed; Windows lacks it
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    server = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        env=_without_token() | settings,
        start_new_session=True,  # Ctrl-C reaches only this process, which stops the server in order
    )
    with contextlib.suppress(BrokenPipeError), server.stdin:  # it has ended
        server.stdin.write(f"{token}\n".encode())
    try:
        yield server
    finally:
        _stop(server)


def _without_token():
    """The environment that kernels inherit; one of the learner's own would win over ours."""
    return {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER_TOKEN")}


def _stop(server):
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(10)
        finally:
            server.kill()


def _wait_until_up(server, host, port):
    """Returns when the server answers; raises a LabError if it ends before."""
    there = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    while server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((there, port), timeout=1):
            return
        time.sleep(0.1)
    raise LabError("JupyterLab did not start.", "The lines above say why.")


def _address(host, port):
    everywhere = host in ("0.0.0.0", "::")
    name = socket.gethostname() if everywhere else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


def _announce(args, address, browser):
    if args.host not in LOOPBACK:
        print("Anyone who can reach this machine and has this address can run code as you.")
    if browser or args.no_browser:
        print(f"The lab is open at: {address}")
    else:
        print(f"No browser was found here: open this address: {address}")
    print("Stop with Ctrl-C.", flush=True)
