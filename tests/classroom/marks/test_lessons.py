"""A real lesson from the command line: assignment, collect, grade; what learners get of it."""

import csv
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="pip install 'labkit[class]'")

from labkit.classroom.marks.assignment import is_exercise, read_answers
from labkit.classroom.settings import ClassSettings, write_settings
from labkit.models.storage.store import home
from labkit.sandbox import sandbox

ROOT = Path(__file__).resolve().parents[3]
LESSON = "02_sampling"
RIGHT = read_answers(LESSON)
SURE = """\
my_temperature = 1.0
while exercises.check_sure(prediction, my_temperature).right is False:
    my_temperature *= 0.97"""
# Each learner's answers, and the points they are worth.
LEARNERS = {
    "right": (RIGHT, 3),
    "unforeseen": ({**RIGHT, "sure": SURE}, 3),
    "wrong": ({"remaining": "my_settings = {'top_k': 10}", "in-a-row": "my_probability = 0"}, 0),
    "blank": ({}, 0),
    "crashing": ({**RIGHT, "in-a-row": "my_probability = 1 / 0"}, 2),
    "hostile": ({"sure": "import os; os.kill(1, 9); os._exit(0)"}, None),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A class with a home for each learner; no hub is needed for marks."""
    if reason := sandbox.refusal():
        pytest.skip(f"nothing is graded here: {reason}")
    texts = dict.fromkeys(("host", "model", "server", "word", "token"), "")
    numbers = dict.fromkeys(("port", "hub_port", "proxy_port", "model_port"), 1)
    numbers |= {"students": 9, "memory_mib": 1024, "slots": 1}
    folder = tmp_path_factory.mktemp("class")
    made = ClassSettings(str(folder), names=(), store=str(home()), **texts, **numbers)
    made = replace(made, host="127.0.0.1", model="smollm2-135m", word="abcd-efgh")
    write_settings(made)
    for learner in LEARNERS:
        (made.learners / learner).mkdir(parents=True)
    return made


def ask(settings, *arguments):
    """What an action of ``python3 -m labkit class`` prints."""
    command = [sys.executable, "-m", "labkit", "class", *arguments, "--folder", settings.folder]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answer(path, answers):
    """Puts a learner's answers into their copy, and leaves out what the exercises do not need."""
    notebook = nbformat.read(path, as_version=4)
    first = [cell for cell in notebook.cells if cell.cell_type == "code"][:3]
    first[2].source = first[2].source.splitlines()[0]  # its figure takes long
    marked = [cell for cell in notebook.cells if cell.metadata.get("nbgrader")]
    for cell in filter(is_exercise, marked):
        if code := answers.get(cell.metadata.nbgrader.grade_id):
            cell.source = re.sub(r"^my_\w+ = None\n", lambda _, code=code: f"{code}\n", cell.source)
    notebook.cells = [first[0], first[2], *marked]
    nbformat.write(notebook, path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_real_lesson_is_handed_out_collected_and_graded(notebook_files, settings):
    assert "of those who are here (6)" in ask(settings, "assignment", LESSON)
    for learner, (answers, _) in LEARNERS.items():
        path = settings.learners / learner / "assignments" / f"{LESSON}.ipynb"
        text = path.read_text()
        assert "SOLUTION" not in text and "ranked = " not in text and "my_settings = None" in text
        answer(path, answers)
    everybody = ", ".join(sorted(LEARNERS))
    collected = f"{LESSON} is collected of 6 learners: {everybody}.\n"
    assert ask(settings, "collect", LESSON) == collected
    said = ask(settings, "grade", LESSON)
    rows = list(csv.DictReader((settings.course / f"{LESSON}.csv").open()))
    points = {row["learner"]: float(row["points"]) if row["points"] else None for row in rows}
    assert points == {name: points for name, (_, points) in LEARNERS.items()}, said
    assert "right: 3 of 3 points" in said and "hostile: not graded" in said
    page = (settings.learners / "wrong" / "feedback" / f"{LESSON}.html").read_text()
    assert "it is too easy" in page  # what the check says
    assert not (settings.learners / "hostile" / "feedback").exists()
