"""Every verb that writes a file, in a process that is killed, or finds no space, as it writes.

Arguments: a folder; a key that the results hold. Prints, by verb, what each moment left.
"""

import json
import os
import resource
import signal
import sys
from dataclasses import replace
from pathlib import Path

import labkit
from labkit.backends.remote.api_keys import use_key
from labkit.commands.notebooks import pages
from labkit.errors import LabError
from labkit.install import record
from labkit.lab_book import store as book
from labkit.lab_book.entry import BookEntry
from labkit.models.cpu import record as tuning
from labkit.models.storage import pack, store

EARLIER = Path(__file__).parents[1] / "files_of_0_1"
OLD = "what stood there before"


class Parrot:
    """A model whose name is the key."""

    def __init__(self, key):
        self.name = f"model {key}"

    def stream(self, prompt, *, raw=False, **settings):
        shipped = labkit.replay("stand-in-ocean", speed=float("inf"))
        return shipped.stream(shipped.prompts[0])


def with_key(key):
    measurement = labkit.open_result(EARLIER / "measurement.json")
    table = labkit.open_result(EARLIER / "batch.json")
    votes = labkit.open_result(EARLIER / "votes.json")
    rows = [replace(row, text=f"<{key}>", prompt=key, error=f'"{key}"') for row in table.rows]
    runs = [replace(run, text=f"so {key}", error=key) for run in measurement.runs]
    ballots = [replace(ballot, voter=f"I, {key}") for ballot in votes.ballots]
    return (
        replace(measurement, prompt=[{"role": "user", "content": key}], runs=tuple(runs)),
        replace(table, rows=tuple(rows), stopped=(f"stopped: {key}",)),
        replace(votes, ballots=tuple(ballots)),
    )


def verbs(folder, key):
    """By the name of the file that each writes."""
    measurement, table, votes = with_key(key)
    with store.new_part("small", "gguf", "a test") as part:
        (part / "a.gguf").write_bytes(bytes(100_000))
    parts = [pack._stored_part("small", "gguf")]
    noted = [book.Page("mine", book.now(), key, ((key, key),), (BookEntry(key, key, 1.0),))]
    tuning._file = lambda: folder / "cpu_tuning.json"
    return {
        "measurement.json": lambda file: labkit.save(measurement, file),
        "batch.json": lambda file: labkit.save(table, file),
        "batch.csv": lambda file: labkit.save(table, file),
        "batch.html": lambda file: labkit.save(table, file),
        "votes.json": lambda file: labkit.save(votes, file),
        "book.json": lambda file: book.export(noted, file),
        "recording.json": lambda file: labkit.record(
            Parrot(key), key, name=file.stem, folder=folder
        ),
        "lab.zip": lambda file: pack.pack(file, parts),
        "page.html": lambda file: pages.write_text(file, f"{key} " * 1000),
        record.RECORD: lambda file: record.write_record(folder, {"extras": [key] * 100}),
        "cpu_tuning.json": lambda file: tuning.remember(key, tuning.CpuTuning(key * 99, True, 1)),
    }


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def fill_disk():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


MOMENTS = {
    "flush": lambda: setattr(os, "fsync", die),
    "move": lambda: setattr(os, "replace", die),
    "full disk": fill_disk,
    "whole": lambda: None,
}


def left(file, write, moment):
    """How a child ended that wrote the file at that moment, and whether the old one stands."""
    file.write_text(OLD)
    if pid := os.fork():
        status = os.waitpid(pid, 0)[1]
        return [os.waitstatus_to_exitcode(status), file.read_bytes() == OLD.encode()]
    MOMENTS[moment]()
    code = 1
    try:
        write(file)
        code = 0
    except LabError as error:
        code = 2 if "cannot be written" in str(error) else 3
    finally:
        os._exit(code)


if __name__ == "__main__":
    here = Path(sys.argv[1])
    each = verbs(here, use_key(sys.argv[2]).reveal()).items()
    ends = {name: [left(here / name, write, moment) for moment in MOMENTS] for name, write in each}
    print(json.dumps(ends))
