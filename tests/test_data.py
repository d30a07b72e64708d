"""The lab's own texts are read from a checkout, and from an installed wheel."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from labkit.data import FOLDER, read_data
from labkit.errors import LabError

ROOT = Path(__file__).resolve().parents[1]
READ = """
from labkit import data, tokens
assert data.FOLDER.name == "_data", data.FOLDER
print(len(data.read_data("corpus.txt")), len(data.read_data("languages.json")))
"""


def test_a_checkout_has_its_folder():
    assert FOLDER == ROOT / "data" and read_data("languages.json")
    with pytest.raises(LabError, match=r"There is no file .*nothing\.json"):
        read_data("nothing.json")


def test_a_wheel_carries_it(tmp_path):
    pytest.importorskip("hatchling", reason="pip install hatchling")
    build = f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    built = subprocess.run(
        [sys.executable, "-c", build], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(tmp_path / built.stdout.split()[-1]) as wheel:
        wheel.extractall(tmp_path / "installed")
    env = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}
    read = subprocess.run(
        [sys.executable, "-c", READ], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert read.returncode == 0, read.stderr
    sizes = [len(read_data("corpus.txt")), len(read_data("languages.json"))]
    assert read.stdout.split() == [str(size) for size in sizes]
