"""A learner's server: in the learner's name it copies the notebooks and becomes JupyterLab."""

import os
import sys
from pathlib import Path

from labkit.filesystem.write import replaced
from labkit.install.checkout import ROOT
from labkit.install.frugal import LEAN_START

from .learners.fresh_lesson import freshened

LESSONS = "[0-9]*.ipynb"  # beside which the teacher's own notebooks lie
MIB = 1024**2
START = f"""{LEAN_START}
from jupyterhub.singleuser import main
main()
"""


def main(arguments: list[str]) -> None:
    """Prepares the learner's folder and limits, and becomes the server."""
    os.umask(0o077)
    copy_notebooks(ROOT / "notebooks", Path.home() / "notebooks")
    if handout := os.environ.get("LABKIT_CLASS_HANDOUT"):
        copy_notebooks(Path(handout), Path.home() / "assignments", "*.ipynb")
    os.environ["LABKIT_BOOK"] = str(Path.home() / "book")
    limit_memory(int(os.environ.get("LABKIT_CLASS_MEMORY_MIB") or 0))
    os.execv(sys.executable, [sys.executable, "-c", START, *arguments])


def copy_notebooks(source: Path, target: Path, pattern: str = LESSONS) -> None:
    """Gives the learner each notebook that they have not; what is there is theirs, and stays."""
    target.mkdir(parents=True, exist_ok=True)
    for notebook in sorted(source.glob(pattern)):
        own = target / notebook.name
        if not own.exists():
            with replaced(own) as file:
                file.write(freshened(notebook.read_bytes()))


def limit_memory(mib: int) -> None:
    """Bounds what each process may write in memory of its own; models mapped from disk are not."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if mib and sys.platform.startswith("linux"):
        resource.setrlimit(resource.RLIMIT_DATA, (mib * MIB, mib * MIB))


if __name__ == "__main__":
    main(sys.argv[1:])
