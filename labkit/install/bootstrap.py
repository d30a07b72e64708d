"""The interpreter that has everything the lab needs: found, or created in ``.venv``.

This file runs before anything is installed, so it uses the standard library alone. `find` looks;
`ensure` also creates. pip gets ``requirements.lock`` as constraints, not as a list: the CPU build
of torch needs only two thirds of it.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sys
import time
from pathlib import Path

from labkit.errors import LabError

from . import checkout
from .light import shrink
from .pip import LOCK, LOG, SCRATCH, Pip, StatusLine, locked
from .record import (
    RECORD,
    fingerprint,
    is_complete,
    is_own,
    read_record,
    require_own,
    venv_folder,
    write_record,
)
from .virtual_environment import is_sound, python_of, remove_half_installed, runs, site_packages
from .wheels import extract_wheels

LIGHT_GB, CPU_GB, CUDA_GB = 1, 3, 8  # of free disk, pip's cache included
OURS = {RECORD, LOG, LOCK, SCRATCH}
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
    requirements, venv = checkout.required(extras), venv_folder()
    inside = Path(sys.prefix).resolve() == venv.resolve()
    if inside and (venv / RECORD).exists():  # ours: judged by its record, not by its contents
        return sys.executable if is_complete(venv, extras) else None
    if _fits(requirements):
        return sys.executable
    return str(python_of(venv)) if is_complete(venv, extras) else None


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
    require_own(venv)
    _prepare_folder(venv)
    line = StatusLine()
    try:
        with locked(venv, line) as lock:
            if not is_complete(venv, extras):  # another start may have finished it meanwhile
                require_own(venv)
                _make(venv, extras, packages, Pip(venv, python_of(venv), line, lock))
    finally:
        line.end()
    return str(python_of(venv))


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


def _make(venv, extras, packages, pip):
    """Creates the environment, or completes an interrupted one; the record is written last."""
    started = time.monotonic()
    made = is_own(venv)
    extras = sorted({*extras, *read_record(venv).get("extras", [])})
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
        _check_disk(venv, LIGHT_GB if extras == [checkout.LIGHT] else CPU_GB)
        made = True
    origin = {} if made or _in_checkout(venv) else {"made": False}
    write_record(venv, {"extras": extras, "checkout": str(checkout.ROOT), **origin})
    if not can_be_completed:
        _new_venv(venv, pip)
    shutil.rmtree(pip.scratch, ignore_errors=True)
    pip.scratch.mkdir()
    _install(venv, extras, _source(packages, pip.scratch), pip)
    shutil.rmtree(pip.scratch)
    if extras == [checkout.LIGHT] and not origin:
        shrink(venv, site_packages(venv))
    write_record(venv, {**fingerprint(venv), "extras": extras, **origin})
    pip.line.say(f"The lab is set up ({time.monotonic() - started:.0f} s).")


def _in_checkout(venv):
    return venv.resolve() == checkout.ROOT / ".venv"


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
    site, lock = site_packages(venv), checkout.ROOT / "requirements.lock"
    pinned = re.search(r"^pip==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    if pinned and not (site / f"pip-{pinned[1]}.dist-info").exists():
        pip.line.show("Getting pip", pinned[1])
        pip.run("install", *source, pinned[0])
    wanted = checkout.required(extras) + checkout.read_project()["build-system"]["requires"]
    missing, light = pip.resolve(wanted, lock, source), extras == [checkout.LIGHT]
    if light:
        heavy = checkout.read_project()["tool"]["labkit"]["heavy"]
        missing = [each for each in missing if each[0] not in heavy]
    _check_disk(venv, _gigabytes(missing))
    pip.install(missing, source, site, compiled=not light)
    pip.line.show("Finishing", "labkit itself")
    itself = ["--no-deps", "--no-build-isolation", "-e", str(checkout.ROOT)]
    pip.run("install", *source, *itself, what="labkit")


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
