"""A class of thirty in a folder of files, as learners would hand them in."""

import json
import random

from labkit.filesystem.write import write_json

DATE = "2026-11-27T10:{:02}:00+00:00"
VERSIONS = [["labkit", "0.1.0"]]


def write_class(folder, count=30):
    """Writes lab books, votes and a notebook for each; a machine is as fast as its memory."""
    rng = random.Random(16)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        name, bandwidth = f"learner-{index:02}", rng.uniform(8, 90)
        speed = bandwidth / 0.54 * rng.uniform(0.6, 0.95)
        entries = [
            entry("bandwidth_gb_per_s", "memory bandwidth", bandwidth, "GB/s"),
            entry("decode_tokens_per_s", "writing speed", speed, "tokens/s", rng.gauss(20, 6))
            | {"model": "smollm2-135m"},
        ]
        page = {"notebook": "03_speed", "date": DATE.format(index), "machine": "a laptop"}
        page |= {"versions": VERSIONS, "entries": entries}
        write_json(folder / f"{name}.json", {"labkit_book": 1, "pages": [page], "guesses": []})
        write_json(folder / f"{name}--votes.json", votes(name, rng))
        (folder / f"{name}--02_sampling.ipynb").write_text(json.dumps(notebook(index)))
    return folder


def entry(name, label, value, unit, guess=None):
    return {
        "name": name,
        "label": label,
        "value": value,
        "unit": unit,
        "low": None,
        "high": None,
        "origin": "measured",
        "model": "",
        "note": "",
        "guess": guess,
    }


def votes(name, rng):
    cast = [
        {"prompt": "p", "a": "local", "b": "cloud", "choice": rng.choice(("A", "B", "B", "tie"))}
        for _ in range(4)
    ]
    ballot = {"ballot_id": name, "voter": "", "votes": cast}
    return {"labkit_votes": 1, "names": ["local", "cloud"], "ballots": [ballot]}


def notebook(index):
    """With three exercises, of which some are solved."""
    cells = []
    for number, grade_id in enumerate(("remaining", "in-a-row", "sure")):
        text = "✓ Right. Yes." if index % (number + 2) else "✗ Not yet. No."
        output = {"output_type": "execute_result", "data": {"text/plain": [text]}}
        marks = {"nbgrader": {"solution": True, "grade_id": grade_id}}
        cells.append({"cell_type": "code", "metadata": marks, "outputs": [output]})
    return {"cells": cells, "nbformat": 4}
