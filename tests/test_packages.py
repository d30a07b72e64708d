"""pyproject.toml, the lock and environment.yml, held to each other."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]


def lock():
    """Every requirement line of the lock."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", " "))]


def asked():
    """Every requirement of pyproject.toml, the extras' too."""
    groups = [PROJECT["project"]["dependencies"], *EXTRAS.values()]
    groups.append(PROJECT["dependency-groups"]["bootstrap"])
    found = [Requirement(line) for group in groups for line in group]
    return [requirement for requirement in found if requirement.name != "labkit"]


def test_the_lock_pins_every_version():
    for requirement in lock():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), str(requirement)


def test_whatever_is_asked_for_is_locked_in_a_version_that_fits():
    locked = {}
    for requirement in lock():
        version = str(requirement.specifier).removeprefix("==")
        locked.setdefault(canonicalize_name(requirement.name), []).append(version)
    for requirement in asked():
        versions = locked[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions)


def test_torch_is_the_version_with_a_cpu_build():
    assert [str(r) for r in lock() if r.name == "torch"] == ["torch==2.13.0"]


def test_conda_sets_up_the_same():
    told = (ROOT / "environment.yml").read_text()
    assert "--constraint requirements.lock" in told
    extras = re.search(r"--editable \.\[([\w,]+)\]", told).group(1).split(",")
    assert set(extras) == set(EXTRAS)
    conda = re.search(r"python (>=[\d.]+)", told).group(1)
    assert conda == PROJECT["project"]["requires-python"]


def test_each_package_says_where_it_is_used():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    names = [line for line in lines if re.match(r'    "[a-z][\w-]+[><=]=', line)]
    assert len(names) >= len(PROJECT["project"]["dependencies"])
    assert all("#" in line for line in names), [line for line in names if "#" not in line]
