"""The checkout: where it is, and what its ``pyproject.toml`` requires.

Uses the standard library alone, like `bootstrap`.
"""

import re
import tomllib
from pathlib import Path

from labkit.errors import LabError

ROOT = Path(__file__).resolve().parents[2]
LIGHT = "light"  # the set-up that runs models in llama.cpp alone, in place of an optional part


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
