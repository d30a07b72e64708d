"""A checkout with tiny dependencies, and a package index on the loopback that serves them.

pip, venv, the processes and the index are real; only the packages are small.
"""

import contextlib
import http.server
import importlib.metadata
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BARE = getattr(sys, "_base_executable", sys.executable)  # the Python below the environment
PIP = importlib.metadata.version("pip")

PYPROJECT = """
[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"
[project]
name = "labkit"
description = "A tiny lab."
requires-python = ">=3.11"
dynamic = ["version"]
dependencies = ["tiny-one>=1", "many-files"]
[project.optional-dependencies]
more = ["tiny-extra"]
llamacpp = []
test = ["labkit[more]"]
"""
PINS = ["tiny-one==1.0", "many-files==1.0", "tiny-extra==1.0", "never-there==1.0", f"pip=={PIP}"]
SAY = """
import json, sys, importlib.metadata as metadata
def main(args):
    names = {d.name: d.version for d in metadata.distributions()}
    print(json.dumps({"prefix": sys.prefix, "executable": sys.executable, "packages": names}))
    return 7
"""


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


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, "tiny-one", "1.0", requires=["tiny-two"])
    write_wheel(folder, "tiny-one", "2.0", requires=["tiny-two"])
    write_wheel(folder, "tiny-two", "1.0")
    write_wheel(folder, "tiny-extra", "1.0")
    write_wheel(folder, "many-files", "1.0", {f"many/m{n}.py": f"n = {n}\n" for n in range(1500)})
    rewrite_wheel(folder, "flit_core")
    rewrite_wheel(folder, "pip")
    return folder


@pytest.fixture
def index(wheels):
    index = Index(wheels)
    yield index
    index.release()
    index.server.shutdown()
    index.server.server_close()


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """An environment with the pinned pip alone: as a start leaves it that was cut off early."""
    venv = tmp_path_factory.mktemp("template") / ".venv"
    subprocess.run([BARE, "-m", "venv", "--without-pip", venv], check=True)
    site = next(venv.glob("[lL]ib/**/site-packages"))
    for file in importlib.metadata.distribution("pip").files:
        if file.parts[0] != ".." and file.suffix != ".pyc":
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), target)
    return venv


class Checkout:
    """A copy of the files that the bootstrap is made of, with dependencies of its own."""

    def __init__(self, root, index_url=""):
        self.root, self.index_url = root, index_url
        (root / "labkit/commands").mkdir(parents=True)
        for file in (ROOT / "labkit").glob("*.py*"):
            shutil.copy(file, root / "labkit")
        shutil.copytree(ROOT / "labkit/install", root / "labkit/install")
        (root / "labkit/commands/__init__.py").write_text("")
        shutil.copytree(ROOT / "labkit/models", root / "labkit/models")
        for name in ("run", "doctor", "models", "test"):
            (root / f"labkit/commands/{name}.py").write_text(SAY)
        (root / "pyproject.toml").write_text(PYPROJECT)
        (root / "requirements.lock").write_text("\n".join(PINS))
        self.venv = root / ".venv"
        self.log = self.venv / "labkit-install.log"

    def environment(self, **more):
        """Ours, without what pip or Python were told here, and with the loopback's index."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PIP_", "PYTHON", "LABKIT_", "VIRTUAL_ENV"))
        }
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "1"}
        index = {"PIP_INDEX_URL": self.index_url, "NO_PROXY": "*", "no_proxy": "*"}
        return kept | pip | index | more

    def start(self, *arguments, python=BARE, **more):
        """``python -m labkit …`` in a process group of its own, not waited for."""
        return subprocess.Popen(
            [python, "-m", "labkit", *arguments],
            cwd=self.root,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def run(self, *arguments, python=BARE, **more):
        """The same, waited for: exit status, stdout, stderr."""
        process = self.start(*arguments, python=python, **more)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


@pytest.fixture
def bare_checkout(tmp_path, index):
    """A fresh checkout: nothing is installed."""
    return Checkout(tmp_path / "lab", index.url)


@pytest.fixture
def checkout(bare_checkout, template):
    """One whose environment has its pip already, which saves each test six seconds."""
    shutil.copytree(template, bare_checkout.venv, symlinks=True)
    return bare_checkout
