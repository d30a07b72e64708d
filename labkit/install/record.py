"""The record that the lab keeps in its environment: what it was made from, and for which checkout.

Uses the standard library alone, like `bootstrap`.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

from labkit.errors import LabError
from labkit.filesystem.write import write_json

from . import checkout
from .virtual_environment import editable_checkout, python_of

RECORD = "labkit.json"


def venv_folder():
    """The folder of the lab's own environment: ``LABKIT_VENV``, or ``.venv``."""
    folder = os.environ.get("LABKIT_VENV") or checkout.ROOT / ".venv"
    return Path(os.path.expanduser(folder)).absolute()


def fingerprint(venv):
    """What an environment was made from; after any difference it is checked again."""
    files = [checkout.ROOT / "requirements.lock", checkout.ROOT / "pyproject.toml"]
    return {
        "made_from": [hashlib.sha256(file.read_bytes()).hexdigest() for file in files],
        "checkout": str(checkout.ROOT),
        "base": os.path.realpath(python_of(venv)),  # changes when the system's Python is upgraded
    }


def read_record(venv):
    """What is recorded; empty where nothing is, or it is damaged."""
    try:
        state = json.loads((venv / RECORD).read_text(encoding="utf-8"))
        extras = state.get("extras", [])
        good = isinstance(extras, list) and all(isinstance(name, str) for name in extras)
    except (OSError, ValueError, RecursionError, AttributeError):
        return {}
    return state if good else {}


def write_record(venv, state):
    """Replaces it as a whole."""
    write_json(venv / RECORD, state)


def is_complete(venv, extras):
    """Whether it has all that this checkout asks for, with those extras."""
    state, wanted = read_record(venv), fingerprint(venv)
    if owner := other_owner(venv):  # its packages serve both; each runs its own code
        wanted["checkout"] = str(owner)
    here = {*state.get("extras", [])}
    if here != {checkout.LIGHT}:  # the whole lab can do what the light one can
        here.add(checkout.LIGHT)
    return state.items() >= wanted.items() and {*extras} <= here and python_of(venv).exists()


def is_own(venv):
    """Whether the lab made an environment, and did not only complete one of somebody else's."""
    state = read_record(venv)
    return state.get("made", bool(state))  # only a record of the latter says anything of it


def is_light():
    """Whether this is the lab's own environment, set up without torch."""
    return read_record(Path(sys.prefix)).get("extras") == [checkout.LIGHT]


def other_owner(venv):
    """Another checkout whose labkit is installed in an environment outside this one, or None."""
    named = [editable_checkout(venv), read_record(venv).get("checkout")]
    owner = Path(next((str(name) for name in named if name), checkout.ROOT)).resolve()
    is_other = owner != checkout.ROOT and (owner / "pyproject.toml").exists()
    return owner if is_other and not venv.resolve().is_relative_to(checkout.ROOT) else None


def require_own(venv):
    """Nobody else's environment is changed."""
    if owner := other_owner(venv):
        raise LabError(
            f"The environment {venv} belongs to another checkout, {owner}, and does not have all "
            "that this one needs.",
            "Set LABKIT_VENV to another folder for this checkout, or bring both to the same "
            "version and start the same command in the other one first.",
        )
