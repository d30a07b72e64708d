"""The interpreter that has everything the lab needs: found, or created in ``.venv``.

This file runs before anything is installed, so it uses the standard library alone. `find` looks;
`ensure` also creates. pip gets ``requirements.lock`` as constraints, not as a list: the CPU build
of torch needs only two thirds of it.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import sys
import time
import tomllib
from pathlib import Path

from labkit.errors import LabError
from labkit.filesystem.write import write_json

from .light import shrink
from .pip import LOCK, LOG, SCRATCH, Pip, StatusLine, locked
from .virtual_environment import (
    editable_checkout,
    is_sound,
    python_of,
    remove_half_installed,
    runs,
    site_packages,
)
from .wheels import extract_wheels

ROOT = Path(__file__).resolve().parents[2]
LIGHT_GB, CPU_GB, CUDA_GB = 1, 3, 8  # of free disk, pip's cache included
LIGHT = "light"  # the set-up that runs models in llama.cpp alone, in place of an optional part
STATE = "labkit.json"
OURS = {STATE, LOG, LOCK, SCRATCH}
# What file managers leave in any folder that they show, in lower case.
LITTER = {".directory", ".ds_store", ".localized", "desktop.ini", "thumbs.db"}
# What an environment consists of: all that is removed where one is made anew.
PARTS = {"bin", "etc", "include", "lib", "lib64", "pyvenv.cfg", "scripts", "share"}
GET_VENV_MODULE = (
    "On Debian or Ubuntu: sudo apt install python3-venv. Elsewhere install Python from "
    "python.org, or use conda with environment.yml."
)


def find(extras=()):
    """The interpreter that can run the lab now, or None.

    Args:
        extras: optional parts that it must have too, by their names in
            ``[project.optional-dependencies]``; or `LIGHT` alone.
    Returns:
        ``sys.executable`` if this interpreter fits, else that of the lab's own environment.
    Raises:
        LabError: an extra is unknown.
    """
    requirements, venv = required(extras), venv_folder()
    inside = Path(sys.prefix).resolve() == venv.resolve()
    if inside and (venv / STATE).exists():  # ours: judged by its record, not by its contents
        return sys.executable if _is_complete(venv, extras) else None
    if _fits(requirements):
        return sys.executable
    return str(python_of(venv)) if _is_complete(venv, extras) else None


def ensure(extras=(), packages=None):
    """The interpreter that can run the lab, created if necessary.

    Args:
        extras: optional parts that it must have too.
        packages: a folder of wheels, or a zip with a folder ``packages/`` of them, to install
            from instead of the network.
    Returns:
        The interpreter's path; ``sys.executable`` if this one fits.
    Raises:
        LabError: it could not be created; the message says why, the hint what to do.
    """
    if python := find(extras):
        return python
    venv = venv_folder()
    _require_own(venv)
    _prepare_folder(venv)
    line = StatusLine()
    try:
        with locked(venv, line) as lock:
            if not _is_complete(venv, extras):  # another start may have finished it meanwhile
                _require_own(venv)
                _make(venv, extras, packages, Pip(venv, python_of(venv), line, lock))
    finally:
        line.end()
    return str(python_of(venv))


# What is required, and what is installed


def read_project():
    """The contents of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def required(extras):
    """The requirements of pyproject.toml, with those of the extras and the extras they name.

    Of `LIGHT` alone, those that are not heavy, and llama.cpp.
    """
    project = read_project()["project"]
    known = project.get("optional-dependencies", {})
    wanted, pending = list(project.get("dependencies", [])), [e for e in extras if e != LIGHT]
    if [*extras] == [LIGHT]:
        heavy, pending = read_project()["tool"]["labkit"]["heavy"], ["llamacpp"]
        wanted = [each for each in wanted if re.match(r"[\w.-]+", each)[0] not in heavy]
    for extra in pending:  # grows while it is read: an extra may name others
        if extra not in known:
            raise LabError(
                f"There is no optional part called {extra!r}.",
                f"The parts are: {', '.join(sorted(known))}.",
            )
        for requirement in known[extra]:
            if own := re.fullmatch(rf"{project['name']}\[(.+)\]", requirement):
                pending += [name.strip() for name in own[1].split(",")]
            else:
                wanted.append(requirement)
    return wanted


def _fits(requirements):
    """Whether this interpreter has all of them in suitable versions."""
    if importlib.util.find_spec("packaging") is None:
        return False
    from packaging.requirements import Requirement

    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            return False
        if not requirement.specifier.contains(version, prereleases=True):
            return False
    return True


def venv_folder():
    """The folder of the lab's own environment: ``LABKIT_VENV``, or ``.venv``."""
    return Path(os.path.expanduser(os.environ.get("LABKIT_VENV") or ROOT / ".venv")).absolute()


def _fingerprint(venv):
    """What an environment was made from; after any difference it is checked again."""
    files = [ROOT / "requirements.lock", ROOT / "pyproject.toml"]
    return {
        "made_from": [hashlib.sha256(file.read_bytes()).hexdigest() for file in files],
        "checkout": str(ROOT),
        "base": os.path.realpath(python_of(venv)),  # changes when the system's Python is upgraded
    }


def _read_state(venv):
    try:
        state = json.loads((venv / STATE).read_text(encoding="utf-8"))
        extras = state.get("extras", [])
        good = isinstance(extras, list) and all(isinstance(name, str) for name in extras)
    except (OSError, ValueError, RecursionError, AttributeError):  # missing, or damaged
        return {}
    return state if good else {}


def _is_complete(venv, extras):
    state, wanted = _read_state(venv), _fingerprint(venv)
    if owner := other_owner(venv):  # its packages serve both; each runs its own code
        wanted["checkout"] = str(owner)
    here = {*state.get("extras", [])}
    if here != {LIGHT}:  # the whole lab can do what the light one can
        here.add(LIGHT)
    return state.items() >= wanted.items() and {*extras} <= here and python_of(venv).exists()


def is_own(venv):
    """Whether the lab made an environment, and did not only complete one of somebody else's."""
    state = _read_state(venv)
    return state.get("made", bool(state))  # only a record of the latter says anything of it


def is_light():
    """Whether this is the lab's own environment, set up without torch."""
    return _read_state(Path(sys.prefix)).get("extras") == [LIGHT]


def other_owner(venv):
    """Another checkout whose labkit is installed in an environment outside this one, or None."""
    named = [editable_checkout(venv), _read_state(venv).get("checkout")]
    owner = Path(next((str(name) for name in named if name), ROOT)).resolve()
    is_other = owner != ROOT and (owner / "pyproject.toml").exists()
    return owner if is_other and not venv.resolve().is_relative_to(ROOT) else None


def _require_own(venv):
    """Nobody else's environment is changed."""
    if owner := other_owner(venv):
        raise LabError(
            f"The environment {venv} belongs to another checkout, {owner}, and does not have all "
            "that this one needs.",
            "Set LABKIT_VENV to another folder for this checkout, or bring both to the same "
            "version and start the same command in the other one first.",
        )


def _write_state(venv, state):
    write_json(venv / STATE, state)


# Creating it


def _make(venv, extras, packages, pip):
    """Creates the environment, or completes an interrupted one; the record is written last."""
    started = time.monotonic()
    made = is_own(venv)
    extras = sorted({*extras, *_read_state(venv).get("extras", [])})
    pip.line.say(f"Setting up the lab in {venv} (once; it takes a few minutes).")
    pip.log.unlink(missing_ok=True)
    if made:
        remove_half_installed(venv)
    can_be_completed = is_sound(venv)
    if not can_be_completed:
        if not made and _holds_others(venv):
            raise LabError(
                f"{venv} holds files that are not the lab's, and no environment with pip and a "
                "Python that runs and is recent enough.",
                "Move them away, or set LABKIT_VENV to a folder that does not exist yet.",
            )
        _check_disk(venv, LIGHT_GB if extras == [LIGHT] else CPU_GB)
        made = True
    origin = {} if made or _in_checkout(venv) else {"made": False}
    _write_state(venv, {"extras": extras, "checkout": str(ROOT), **origin})
    if not can_be_completed:
        _new_venv(venv, pip)
    shutil.rmtree(pip.scratch, ignore_errors=True)
    pip.scratch.mkdir()
    _install(venv, extras, _source(packages, pip.scratch), pip)
    shutil.rmtree(pip.scratch)
    if extras == [LIGHT] and not origin:
        shrink(venv, site_packages(venv))
    _write_state(venv, {**_fingerprint(venv), "extras": extras, **origin})
    pip.line.say(f"The lab is set up ({time.monotonic() - started:.0f} s).")


def _in_checkout(venv):
    return venv.resolve() == ROOT / ".venv"


def _others_names(venv):
    """The names of what is neither the lab's nor left by a file manager."""
    names = {entry.name for entry in venv.iterdir()} - OURS
    return {name for name in names if name.lower() not in LITTER}


def _holds_others(venv):
    """Whether a folder that is not the lab's holds anything that somebody else may still want.

    In the checkout's own folder, a broken environment is nobody's any more.
    """
    return runs(venv) if _in_checkout(venv) else bool(_others_names(venv))


def _install(venv, extras, source, pip):
    """Installs what pyproject.toml requires, in the lock's versions, then labkit."""
    site, lock = site_packages(venv), ROOT / "requirements.lock"
    pinned = re.search(r"^pip==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    if pinned and not (site / f"pip-{pinned[1]}.dist-info").exists():
        pip.line.show("Getting pip", pinned[1])
        pip.run("install", *source, pinned[0])
    wanted = required(extras) + read_project()["build-system"]["requires"]
    missing, light = pip.resolve(wanted, lock, source), extras == [LIGHT]
    if light:
        heavy = read_project()["tool"]["labkit"]["heavy"]
        missing = [each for each in missing if each[0] not in heavy]
    _check_disk(venv, _gigabytes(missing))
    pip.install(missing, source, site, compiled=not light)
    pip.line.show("Finishing", "labkit itself")
    pip.run("install", *source, "--no-deps", "--no-build-isolation", "-e", str(ROOT), what="labkit")


def _gigabytes(packages):
    names = {name.lower() for name, _ in packages}
    if any(name.startswith("nvidia-cu") for name in names):
        return CUDA_GB
    return CPU_GB if "torch" in names else LIGHT_GB


def _source(packages, scratch):
    """Pip's options for installing from local wheels; empty for the network."""
    if packages is None:
        return []
    folder = Path(packages).absolute()
    if folder.is_file():
        folder = extract_wheels(folder, scratch / "packages")
    return ["--no-index", "--find-links", str(folder)]


def _new_venv(venv, pip):
    """Replaces the environment that was there by one with nothing but pip."""
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise LabError(
            f"This Python ({sys.executable}) has no venv module, which the set-up needs.",
            GET_VENV_MODULE,
        )
    pip.line.show("Creating", str(venv))
    for entry in venv.iterdir():
        if entry.name.lower() in PARTS:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    base = getattr(sys, "_base_executable", sys.executable)  # not that of a venv, which may vanish
    pip.call([base, "-I", "-m", "venv", str(venv)], what="The environment")


def _prepare_folder(venv):
    """Creates the folder; refuses one with other contents, or one that cannot be written to."""
    try:
        venv.mkdir(parents=True, exist_ok=True)
        writable = os.access(venv, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise LabError(
            f"The folder {venv} cannot be written to.",
            "Set LABKIT_VENV to a folder of yours, or copy the checkout to one.",
        )
    # A set-up under way, or interrupted, has left its lock; anything else may be someone's home.
    if _others_names(venv) and not any((venv / name).exists() for name in ("pyvenv.cfg", LOCK)):
        raise LabError(
            f"The folder {venv} is not a Python environment, so the lab is not set up in it.",
            "Set LABKIT_VENV to a folder that is empty or does not exist yet.",
        )


def _check_disk(venv, gigabytes):
    free = shutil.disk_usage(venv).free / 1e9
    if free < gigabytes:
        raise LabError(
            f"Setting up the lab takes {gigabytes} GB of disk, and {venv} has {free:.1f} GB free.",
            "Make room there, or set LABKIT_VENV to a folder on a larger disk.",
        )
