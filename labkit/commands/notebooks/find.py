"""Notebooks by name or path.

Standard library alone: one that there is not is said before anything is installed for it.
"""

import difflib
import os
from pathlib import Path

from labkit.errors import LabError
from labkit.formatting import shell_quoted
from labkit.install.checkout import ROOT


def find_notebooks(names: list[str]) -> list[Path]:
    """The files of notebooks given as paths, or as names of the lab's own.

    Raises:
        LabError: there is no such notebook; the hint names the nearest.
    """
    found = [find_notebook(name) for name in names] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    if not found:
        raise LabError("There is no notebook in notebooks/.", "Name one: run PATH.ipynb")
    return list(dict.fromkeys(found))  # the same notebook twice is run once


def find_notebook(name: str) -> Path:
    """The file of one notebook, or a LabError whose hint names the nearest."""
    for folder in (Path(), ROOT, ROOT / "notebooks"):
        for file in (folder / name, folder / f"{name}.ipynb"):
            if os.path.isfile(file):
                return file.resolve()
    near = {*(ROOT / "notebooks").glob("*.ipynb"), *Path(name).parent.glob("*.ipynb")}
    stems, stem = {path.stem: path for path in sorted(near) if path.is_file()}, Path(name).stem
    closest = [each for each in stems if stem.isdecimal() and each.startswith(stem.zfill(2))]
    closest = closest or difflib.get_close_matches(stem, stems, n=1, cutoff=0.5)
    hint = f"There are: {', '.join(stems) or 'none'}."
    if closest:
        hint = f"Did you mean {shell_quoted(short_path(stems[closest[0]]))}?"
    raise LabError(f"There is no notebook {name!r}.", hint)


def short_path(path: Path) -> str:
    """The shortest path of a file, as it can be typed here."""
    for folder in (Path.cwd(), ROOT):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return str(path)
