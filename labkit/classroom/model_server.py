"""The model that a class shares: llama.cpp's own server, with a slot for each learner.

``python -m labkit.classroom.model_server FOLDER`` is the one of that class.
"""

import signal
import sys
import threading

from labkit.backends.llamacpp.file_template import is_of_catalogue
from labkit.backends.llamacpp.model import get_gguf
from labkit.models.machine import inspect_machine

from .settings import ClassSettings, read_settings


def main(folder: str) -> None:
    """Serves until it is stopped."""
    import xllamacpp

    settings = read_settings(folder)
    server = xllamacpp.Server(parameters(xllamacpp, settings))
    print(f"The model answers at {server.listening_address}.", flush=True)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    stopped.wait()


def parameters(xllamacpp, settings: ClassSettings):
    """Each slot has the whole context: llama.cpp divides what it is given by their number."""
    file = get_gguf(settings.model)
    chosen = xllamacpp.CommonParams()
    chosen.model.path, chosen.model_alias = str(file), {settings.model}
    chosen.n_parallel, chosen.n_ctx = settings.slots, settings.slots * settings.context
    chosen.kv_unified = False
    chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = inspect_machine().cores
    chosen.n_threads_http = settings.slots + 8  # each waiting answer holds one; and `status`
    chosen.endpoint_metrics = chosen.endpoint_slots = True
    chosen.hostnames, chosen.port, chosen.verbosity = ["127.0.0.1"], settings.model_port, 0
    if not is_of_catalogue(file):
        chosen.chat_template = "chatml"
    return chosen


if __name__ == "__main__":
    main(sys.argv[1])
