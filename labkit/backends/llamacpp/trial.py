"""A file of unknown origin is tried in a process of its own: llama.cpp ends its process at some."""

import subprocess
import sys
from pathlib import Path

from labkit.errors import LabError
from labkit.models.storage import store

_SCRIPT = """
import os, sys, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.n_ctx, parameters.verbosity = sys.argv[1], 64, 0
parameters.chat_template = "chatml"
parameters.warmup, parameters.hostnames = False, ["127.0.0.1"]
try:
    server = xllamacpp.Server(parameters)
finally:
    os._exit(0)  # what it raises, it raises here too; and a server may wait when it is closed
"""


def require_survivable(file: Path) -> None:
    """Raises a LabError for a file that ends llama.cpp; those of the store have known checksums."""
    if file.resolve().is_relative_to(store.models_folder().resolve()):
        return
    ran = subprocess.run([sys.executable, "-c", _SCRIPT, str(file)], capture_output=True)
    if status := ran.returncode:
        how = f"signal {-status}" if status < 0 else f"status {status}"  # the latter on Windows
        raise LabError(
            f"{file} is damaged: llama.cpp ends at it with {how}.", "Download or copy it again."
        )
