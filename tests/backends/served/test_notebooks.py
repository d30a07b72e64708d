"""The notebooks' own cells on a shared server, in kernels in which torch cannot be imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BLOCKED = ("torch", "transformers", "accelerate", "peft")


@pytest.fixture(scope="module")
def without_torch(tmp_path_factory):
    """A folder in which these packages are, and say that they are not."""
    folder = tmp_path_factory.mktemp("without_torch")
    for name in BLOCKED:
        (folder / name).mkdir()
        text = f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n"
        (folder / name / "__init__.py").write_text(text)
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("notebook_files")
@pytest.mark.parametrize("name", ["00_start", "01_tokens", "02_sampling", "04_compare"])
def test_a_notebook_runs_unchanged(name, llama_server, without_torch):
    env = os.environ | {
        "LABKIT_SERVER": llama_server.address,
        "PYTHONPATH": os.pathsep.join([str(without_torch), str(ROOT)]),
    }
    command = [sys.executable, "-m", "labkit", "run", name]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
