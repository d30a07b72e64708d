"""Python, and the packages compared with pyproject.toml and the lock."""

import importlib.util
import shutil
import sys
from importlib import metadata
from pathlib import Path

from labkit.filesystem.disk_space import existing_folder
from labkit.install import bootstrap, checkout, record

from . import FAILING, FINE, WARNING, Check, listed

SET_UP = "python3 -m labkit lab sets it up."


def python():
    """Its version and environment. `labkit.__main__` has already refused an older one."""
    version = ".".join(map(str, sys.version_info[:3]))
    detail = f"{version}, {_environment()} ({sys.prefix})"
    if sys.maxsize > 2**32:
        yield Check("Python", FINE, detail)
    else:  # there is no torch for it
        yield Check("Python", FAILING, f"{detail}; 32 bits", "Install a 64-bit Python, and use it.")


def _is_ours():
    return record.is_own(Path(sys.prefix))


def _environment():
    if _is_ours():
        return "the lab's own environment"
    if (Path(sys.prefix) / "conda-meta").is_dir():
        return "a conda environment"
    return "the system's" if sys.prefix == sys.base_prefix else "a virtual environment"


def set_up():
    """What `lab` will need for the set-up, if that is still to come."""
    if bootstrap.find():
        return
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        detail = "this Python has no venv module, which it needs"
        yield Check("Set-up", FAILING, detail, bootstrap.GET_VENV_MODULE)
    venv, need = record.venv_folder(), bootstrap.CPU_GB
    if owner := record.other_owner(venv):
        detail = f"{venv} belongs to another checkout, {owner}, and lacks what this one needs"
        yield Check("Set-up", FAILING, detail, "Set LABKIT_VENV to another folder for this one.")
        return
    folder = existing_folder(venv)
    if folder is None:
        detail = f"{venv} cannot be made: {venv.anchor} is not there"
        yield Check("Set-up", FAILING, detail, "Set LABKIT_VENV to a folder on a disk that is.")
        return
    free = shutil.disk_usage(folder).free / 1e9
    if free < need:
        detail = f"takes {need} GB of disk, and {free:.1f} GB are free in {folder}"
        hint = "Make room there, or set LABKIT_VENV to a folder on a larger disk."
        yield Check("Set-up", FAILING, detail, hint)


def packages():
    """One line: what is missing, what is too old, what differs from the lock."""
    if importlib.util.find_spec("packaging") is None:
        yield _not_set_up("packaging")
        return
    extras = {
        name: all(r.name == "labkit" or _version(r.name) for r in _requires("labkit", {name}))
        for name in checkout.read_project()["project"].get("optional-dependencies", {})
    }
    needed = _needed({name for name, here in extras.items() if here})
    missing = sorted({r.name for _, r in needed if not _version(r.name)})
    direct = {r.name for by, r in needed if by == "labkit"}
    if len(direct & {*missing}) > len(direct) / 2:
        yield _not_set_up(listed(missing, 3))
    else:
        yield _compared(needed, missing, extras)


def _not_set_up(missing):
    """Not a fault before the first `lab`, but one in an environment that `lab` made."""
    if _is_ours():
        return Check("Packages", FAILING, f"not here: {missing}", reinstall_hint())
    return Check("Packages", WARNING, f"not set up yet: {missing} not here", SET_UP)


def reinstall_hint(extras=()):
    """How to repair the packages of this environment, with these optional parts."""
    if _is_ours():
        return f"Delete the folder {sys.prefix}, then: python3 -m labkit lab"
    if bootstrap.find():
        what = f'".[{",".join(extras)}]"' if extras else "."
        return f"For the lock's versions: python -m pip install -c requirements.lock -e {what}"
    return SET_UP


def _compared(needed, missing, extras):
    wrong = {by: [] for by, _ in needed}
    for by, requirement in needed:
        version = _version(requirement.name)
        if version and not requirement.specifier.contains(version, prereleases=True):
            wrong[by].append(f"{requirement.name} {version} (required: {requirement.specifier})")
    ours = wrong.pop("labkit", [])
    others = [f"{text} by {by}" for by, texts in wrong.items() for text in texts]
    differing = sorted(_differing({requirement.name for _, requirement in needed}))
    detail = "; ".join(_found(len({r.name for _, r in needed}), missing, ours + others, differing))
    here = [name for name, is_here in extras.items() if is_here]
    detail += f"; optional parts here: {', '.join(here)}" if here else ""
    absent = [name for name in extras if name not in here]
    detail += f"; optional parts not here: {', '.join(absent)}" if absent else ""
    status = FAILING if missing or ours else WARNING if others or differing else FINE
    return Check("Packages", status, detail, "" if status == FINE else reinstall_hint(here))


def _found(count, missing, wrong, differing):
    yield f"{count} packages" + ("" if missing or wrong or differing else ", all as in the lock")
    if missing:
        yield f"{len(missing)} missing: {listed(missing)}"
    if wrong:
        yield f"{len(wrong)} outside the required versions: {listed(wrong)}"
    if differing:
        yield f"{len(differing)} in other versions than the lock's: {listed(differing)}"


# What is required, and what is installed


def _requires(name, extras):
    """The requirements of a package here; labkit's are pyproject.toml's, installed or not."""
    from packaging.requirements import InvalidRequirement, Requirement

    left_out = checkout.read_project()["tool"]["labkit"]["heavy"] if record.is_light() else ()
    if name == "labkit":
        project = checkout.read_project()["project"]
        parts = [project.get("optional-dependencies", {}).get(extra, []) for extra in extras]
        own = checkout.required([checkout.LIGHT] if record.is_light() else [])
        texts = sum(parts, [] if extras else own)
    else:
        texts = metadata.requires(name) or []
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:  # in an old package; pip ignored it too
            continue
        marker = requirement.marker
        if requirement.name in left_out:
            continue
        if not marker or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield requirement


def _needed(extras):
    """All that the lab needs here, directly or not: pairs of a package and its requirement."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pairs, seen = [], set()
    pending = [("labkit", frozenset()), *(("labkit", frozenset({extra})) for extra in extras)]
    for name, parts in pending:  # grows while it is read
        if (name, parts) in seen or not (name == "labkit" or _version(name)):
            continue
        seen.add((name, parts))
        for requirement in _requires(name, parts):
            wanted = Requirement(f"{canonicalize_name(requirement.name)}{requirement.specifier}")
            if wanted.name != "labkit":
                pairs.append((name, wanted))
            pending.append((wanted.name, frozenset(requirement.extras)))
    return pairs


def _version(name):
    """The installed version; None if it is missing or its record is broken."""
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, KeyError):
        return None


def _differing(names):
    """Sentences on versions that differ from the lock's; a build tag (+cpu) does not count."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    lock = (checkout.ROOT / "requirements.lock").read_text(encoding="utf-8")
    lines = [line for line in lock.splitlines() if line and not line.startswith("#")]
    for pin in map(Requirement, lines):
        version = _version(pin.name) if canonicalize_name(pin.name) in names else None
        if not version or (pin.marker and not pin.marker.evaluate()):
            continue
        locked = next(iter(pin.specifier)).version
        if Version(version).public != Version(locked).public:
            yield f"{pin.name} {version} (lock: {locked})"
