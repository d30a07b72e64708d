"""A package index on the loopback, and wheels for it: tiny ones, or copies of what is installed."""

import contextlib
import http.server
import importlib.metadata
import threading
import zipfile

import pytest


def write_wheel(folder, name, version, files=(), requires=()):
    """A wheel in ``folder/NAME/``, where a file server's listing is a package index's page."""
    stem = f"{name.replace('-', '_')}-{version}"
    files = dict(files) or {f"{name.replace('-', '_')}.py": f"version = {version!r}\n"}
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    files[f"{stem}.dist-info/METADATA"] = "\n".join(
        lines + [f"Requires-Dist: {need}" for need in requires] + [""]
    )
    files[f"{stem}.dist-info/WHEEL"] = (
        "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{stem}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in files)
    page = folder / name.replace("_", "-")
    page.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(page / f"{stem}-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)


def rewrite_wheel(folder, name):
    """The wheel of a package that is installed here: what the bootstrap itself needs."""
    try:
        installed = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed here: pip install {name}")
    kept = [
        file
        for file in installed.files
        if file.parts[0] != ".." and file.suffix != ".pyc" and ".dist-info" not in file.parts[0]
    ]
    files = {file.as_posix(): file.locate().read_bytes() for file in kept}
    write_wheel(folder, name, installed.version, files)


class Index:
    """A package index: the requests it got, and paths that it can be told to hold back."""

    def __init__(self, folder):
        self.folder, self.requests, self.held = folder, [], ""
        self.reached, self.released = threading.Event(), threading.Event()
        index = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                index.requests.append(self.path)
                if index.held and index.held in self.path:
                    index.reached.set()
                    index.released.wait(60)
                with contextlib.suppress(BrokenPipeError):  # a pip that was killed
                    super().do_GET()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *a: Handler(*a, directory=str(folder))
        )
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reserve(self, part):
        """Every request whose path has this in it waits until `release`."""
        self.reached.clear()
        self.released.clear()
        self.held = part

    def release(self):
        self.held = ""
        self.released.set()
