"""What stands in a virtual environment: its Python, its packages, and whose labkit.

Uses the standard library alone, like `bootstrap`.
"""

import json
import os
import shutil
import subprocess
from urllib.parse import urlsplit
from urllib.request import url2pathname


def python_of(venv):
    """The path of its interpreter."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_packages(venv):
    """The folder of its packages."""
    found = [venv / "Lib/site-packages", *venv.glob("lib/python3.*/site-packages")]
    return next((folder for folder in found if folder.is_dir()), found[0])


def editable_checkout(venv):
    """The checkout that the labkit of an environment runs from, as pip recorded it, or None."""
    try:
        info = next(site_packages(venv).glob("labkit-*.dist-info"))
        record = json.loads((info / "direct_url.json").read_text(encoding="utf-8"))
        url = record["url"] if isinstance(record, dict) else None
        return url2pathname(urlsplit(url).path) if isinstance(url, str) else None
    except (StopIteration, OSError, KeyError, ValueError, RecursionError):  # none, or damaged
        return None


def is_sound(venv):
    """Whether an environment can be completed: its Python runs and its pip is intact."""
    is_new = runs(venv, "import sys; sys.exit(sys.version_info < (3, 11))")
    return is_new and len([*site_packages(venv).glob("pip-*.dist-info")]) == 1


def remove_half_installed(venv):
    """Removes the record of each half-installed package, so that pip installs it again.

    For the lab's own environments alone: other installers than pip write other records.
    """
    for info in site_packages(venv).glob("*.dist-info"):
        record = info / "RECORD"  # pip writes it last, with INSTALLER in it
        if not record.exists() or b"INSTALLER" not in record.read_bytes():
            shutil.rmtree(info)


def runs(venv, code="pass"):
    """Whether its Python runs a program without an error."""
    command = [python_of(venv), "-I", "-c", code]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False
