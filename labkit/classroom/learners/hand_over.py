"""Moves files between the class and a learner's home, in the learner's name.

Root never opens a path that a learner has made: a process of that learner does, and the system
keeps it from all that is not theirs.
"""

import os
import subprocess
import sys
from pathlib import Path

from labkit.classroom.settings import NAME, ClassSettings
from labkit.errors import LabError
from labkit.filesystem.read import read_file
from labkit.filesystem.write import replaced
from labkit.install.checkout import ROOT

LONGEST_S = 60


def learners(settings: ClassSettings) -> list[str]:
    """All who have a home in this class."""
    folders = settings.learners.iterdir() if settings.learners.is_dir() else ()
    return sorted(each.name for each in folders if NAME.fullmatch(each.name) and each.is_dir())


def hand_out(settings: ClassSettings, learner: str, name: str, content: bytes) -> None:
    """Puts a file into the learner's home, unless one of that name is there already.

    Raises:
        LabError: it cannot be written.
    """
    _as_learner(settings, learner, "put", name, content)


def hand_back(settings: ClassSettings, learner: str, name: str, content: bytes) -> None:
    """Puts a file into the learner's home, in place of an older one of that name.

    Raises:
        LabError: it cannot be written.
    """
    _as_learner(settings, learner, "replace", name, content)


def hand_in(settings: ClassSettings, learner: str, name: str) -> bytes | None:
    """A file of the learner's home; None: it is missing.

    Raises:
        LabError: it is not a plain file, or too large.
    """
    return _as_learner(settings, learner, "get", name) or None


def list_files(settings: ClassSettings, learner: str, pattern: str) -> list[str]:
    """Files of the learner's home, by their paths in it, such as ``"notebooks/*.ipynb"``.

    Raises:
        LabError: the learner or the home is gone.
    """
    return _as_learner(settings, learner, "list", pattern).decode().splitlines()


def _as_learner(
    settings: ClassSettings, learner: str, verb: str, name: str, content: bytes = b""
) -> bytes:
    home = settings.learners / learner
    try:
        done = subprocess.run(
            [sys.executable, "-m", "labkit.classroom.learners.hand_over", verb, name],
            input=content,
            capture_output=True,
            timeout=LONGEST_S,
            cwd=home,
            env={"PYTHONPATH": str(ROOT), "HOME": str(home), "PATH": os.defpath},
            **_identity(settings, learner),
        )
    except KeyError:
        raise LabError("There is no such user any more.") from None
    except OSError as error:
        raise LabError(f"The home cannot be entered: {error.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{name} was not there after {LONGEST_S} s.") from None
    if done.returncode:
        raise LabError(done.stderr.decode(errors="replace").strip() or f"{name} cannot be read.")
    return done.stdout


def _identity(settings: ClassSettings, learner: str) -> dict:
    if not settings.system_users:
        return {}
    import pwd

    account = pwd.getpwnam(learner)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "umask": 0o077}


def main(verb: str, name: str) -> None:
    """The learner's side."""
    try:
        _act(verb, Path.home(), name)
    except LabError as error:
        sys.exit(f"{error.problem}")
    except OSError as error:
        sys.exit(f"{name} cannot be reached: {error.strerror}.")


def _act(verb: str, home: Path, name: str) -> None:
    path = home / name
    if verb == "list":
        found = sorted(each for each in home.glob(name) if each.is_file())
        sys.stdout.writelines(f"{each.relative_to(home).as_posix()}\n" for each in found)
    elif verb == "get" and path.exists():
        sys.stdout.buffer.write(read_file(path))
    elif verb == "replace" or (verb == "put" and not path.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as file:
            file.write(sys.stdin.buffer.read())


if __name__ == "__main__":
    main(*sys.argv[1:])
