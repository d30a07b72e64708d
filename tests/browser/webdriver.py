"""Firefox and WebKit as they are installed here, without a package: each speaks over a socket.

Firefox has Marionette, whose commands are those of WebDriver; WebKitGTK has a WebDriver server.
On Debian: ``apt-get install firefox-esr``; ``apt-get install webkit2gtk-driver xvfb``.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest

from ..backends.loopback import free_port

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the W3C's key of an element
KEYS = {"Home": "\ue011", "End": "\ue010", "ArrowLeft": "\ue012", "ArrowRight": "\ue014"}
LATEST_S = 60
# Nothing that Firefox asks for by itself leaves it, and no page does: there is no such proxy.
PREFERENCES = {
    "marionette.port": 0,
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}


class Page:
    """One page: opened, scripts run in it, keys pressed."""

    def __init__(self, call):
        self._call = call

    def open(self, address):
        self._call("Navigate", "url", {"url": address})

    def evaluate(self, script):
        """What an expression gives."""
        body = {"script": f"return {script};", "args": []}
        return _value(self._call("ExecuteScript", "execute/sync", body))

    def press(self, selector, key):
        """Focuses an element and presses a key, as a reader does."""
        found = _value(
            self._call("FindElement", "element", {"using": "css selector", "value": selector})
        )
        name = found[ELEMENT]
        body = {"id": name, "text": KEYS[key]}
        self._call("ElementSendKeys", f"element/{name}/value", body)

    def wait_for(self, script):
        until = time.monotonic() + LATEST_S
        while not self.evaluate(script):
            assert time.monotonic() < until, script
            time.sleep(0.1)


def _value(answer):
    return answer["value"] if isinstance(answer, dict) and "value" in answer else answer


@contextlib.contextmanager
def firefox(folder):
    """Firefox without windows, with a profile in this folder; skips where there is none."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if not program:
        pytest.skip("no Firefox here: apt-get install firefox-esr (Debian)")
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
    (folder / "user.js").write_text("\n".join(lines))
    command = [program, "--headless", "--no-remote", "--profile", str(folder), "--marionette"]
    with _running(command, HOME=str(folder)):
        port = int(_text_of(folder / "MarionetteActivePort"))
        with socket.create_connection(("127.0.0.1", port), timeout=LATEST_S) as connection:
            marionette = _Marionette(connection)
            marionette.call("NewSession", {"capabilities": {"alwaysMatch": {}}})
            yield Page(lambda name, _path, body: marionette.call(name, body))


class _Marionette:
    """Source: firefox-source-docs.mozilla.org, testing/marionette/Protocol.html."""

    def __init__(self, connection):
        self._file = connection.makefile("rwb")
        self._number = 0
        self._read()  # it says who it is

    def call(self, name, body):
        self._number += 1
        text = json.dumps([0, self._number, f"WebDriver:{name}", body]).encode()
        self._file.write(b"%d:%s" % (len(text), text))
        self._file.flush()
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def _read(self):
        length = b""
        while (byte := self._file.read(1)) != b":":
            assert byte, "Firefox has gone"
            length += byte
        return json.loads(self._file.read(int(length)))


@contextlib.contextmanager
def webkit(folder):
    """WebKitGTK's MiniBrowser on a screen that nobody sees; skips where there is none."""
    driver, screen = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    if not driver or not screen:
        pytest.skip("no WebKit here: apt-get install webkit2gtk-driver xvfb (Debian)")
    port, number = free_port(), folder / "display"
    own = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    own["LIBGL_ALWAYS_SOFTWARE"] = "1"
    # It takes a number that is free, and writes it down.
    shown = f'exec "$0" -displayfd 3 -screen 0 1400x1000x24 -nolisten tcp 3>"{number}"'
    with _running(["sh", "-c", shown, screen]):
        own["DISPLAY"] = f":{_text_of(number).strip()}"
        with (
            _running([driver, f"--port={port}", "--host=127.0.0.1"], **own),
            _session(port) as page,
        ):
            yield page


@contextlib.contextmanager
def _session(port):
    session = _ask(port, "session", {"capabilities": {"alwaysMatch": {}}})["sessionId"]
    try:
        yield Page(lambda _name, path, body: _ask(port, f"session/{session}/{path}", body))
    finally:
        _ask(port, f"session/{session}", None)


def _ask(port, path, body):
    """What the driver answers; without a body it is a DELETE. It may not listen yet."""
    address, data = f"http://127.0.0.1:{port}/{path}", None if body is None else json.dumps(body)
    request = urllib.request.Request(
        address, data and data.encode(), method="POST" if data else "DELETE"
    )
    until = time.monotonic() + LATEST_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=LATEST_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        except urllib.error.URLError:
            assert time.monotonic() < until, "the driver does not listen"
            time.sleep(0.1)


@contextlib.contextmanager
def _running(command, **environment):
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def _text_of(path):
    until = time.monotonic() + LATEST_S
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < until, f"{path.name} was not written"
        time.sleep(0.1)
    return path.read_text()
