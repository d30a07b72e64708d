"""The kernel in which a learner's notebook is graded: behind the wall of the lab's sandbox.

It reads the lab, its Python and the models, and writes to memory and to the folder through which
nbgrader speaks to it. nbgrader itself, its marks, the answer key and the other learners' notebooks
are outside.
"""

import os
import sys
from pathlib import Path
from typing import Any

from labkit.filesystem.write import write_json
from labkit.install.checkout import ROOT
from labkit.models.storage.store import home
from labkit.sandbox.inside import WORK, run
from labkit.sandbox.sandbox import INSIDE

MIB = 1024**2
# Address space, which torch takes far more of than it uses; files, in memory; seconds of processor.
MEMORY_MIB, FILES_MIB, CPU_S = 16_384, 64, 3600
OF_HOME = ("models", "cpu_tuning.json")  # the class itself may be there too
ANSWER_KEY = "tests/notebooks/answers.json"
CLOSED = ("tests", ".git")
MODULE = "labkit.classroom.marks.kernel"


def write_kernelspec(folder: Path, runtime: Path) -> None:
    """Writes the kernel that nbgrader starts; an interrupt comes as a message, through the wall."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(
        folder / "kernel.json",
        {
            "argv": [sys.executable, "-m", MODULE, str(runtime), "{connection_file}"],
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "interrupt_mode": "message",
            "env": {"PYTHONPATH": os.pathsep.join(_import_paths())},
        },
    )


def _import_paths() -> list[str]:
    """Where this Python finds what it imports, for one that starts elsewhere."""
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return list(dict.fromkeys(paths))


def _shown(folder: Path) -> list[str]:
    """What a submission may read of a folder: of a checkout, neither the answer key nor history."""
    if not (folder / ANSWER_KEY).exists():
        return [str(folder)]
    return [str(each) for each in sorted(folder.iterdir()) if each.name not in CLOSED]


def task(runtime: str, connection_file: str, *options: str) -> dict[str, Any]:
    """What the sandbox is to run."""
    python = Path(sys.executable).absolute()
    folders = [sys.prefix, sys.base_prefix, sys.base_exec_prefix, *_shown(ROOT)]
    folders += [str(home() / name) for name in OF_HOME]
    for path in filter(Path.is_dir, map(Path, sys.path)):
        folders += _shown(path)
    readable = [path for path in folders if os.path.exists(path)]
    linked = [os.path.realpath(path) for path in readable]
    environment = {
        "HOME": WORK,
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(_import_paths()),
        "LABKIT_HOME": str(home()),
        "LABKIT_BOOK": f"{WORK}/book",
        "HF_HUB_OFFLINE": "1",
        "JUPYTER_RUNTIME_DIR": runtime,
        "OMP_NUM_THREADS": "1",
        INSIDE: "1",  # so that code of a model runs: 08 and 11
    }
    return {
        "wall": "namespaces",
        "report": os.dup(2),
        "command": [str(python), "-m", "ipykernel_launcher", "-f", connection_file, *options],
        "environment": environment,
        "readable": list(dict.fromkeys([*readable, *linked])),
        "writable": [runtime],
        "timeout_s": CPU_S,
        "memory_bytes": MEMORY_MIB * MIB,
        "file_bytes": FILES_MIB * MIB,
        "open_files": 1024,
        "threads": 1024,  # and processes, of all that it starts
    }


if __name__ == "__main__":
    run(task(*sys.argv[1:]))
