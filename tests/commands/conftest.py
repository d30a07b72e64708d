"""A checkout with tiny dependencies, and a package index on the loopback that serves them.

pip, venv, the processes and the index are real; only the packages are small.
"""

import importlib.metadata
import shutil
import subprocess

import pytest

from .package_index import Index, rewrite_wheel, write_wheel
from .tiny_checkout import BARE, Checkout


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


@pytest.fixture
def bare_checkout(tmp_path, index):
    """A fresh checkout: nothing is installed."""
    return Checkout(tmp_path / "lab", index.url)


@pytest.fixture
def checkout(bare_checkout, template):
    """One whose environment has its pip already, which saves each test six seconds."""
    shutil.copytree(template, bare_checkout.venv, symlinks=True)
    return bare_checkout
