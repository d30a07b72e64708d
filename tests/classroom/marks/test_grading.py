"""Real nbgrader on submissions of six kinds, each in the sandbox."""

import json
import os
import socket
import subprocess

import nbformat
import psutil
import pytest

pytest.importorskip("nbgrader", reason="pip install 'labkit[class]'")

from labkit.classroom.marks.assignment import ANSWERS as ANSWERS_FILE
from labkit.classroom.marks.assignment import BEGIN, as_text, is_exercise, source_notebook
from labkit.classroom.marks.course import release
from labkit.classroom.marks.grading import grade
from labkit.models.storage.store import home
from labkit.sandbox import sandbox

NAME = "tiny"
SLEEP = ["sleep", "86399"]
IMPORT = "import os\nfrom labkit.topics.comparison import exercises"
EXERCISE = "my_votes = None\nexercises.check_votes_needed(my_votes, share=0.6, undecided=0.2)"
ANSWERS = {"votes": "my_votes = 243"}
FORGED = """
class _Forged:
    right, why = True, ""
import labkit.topics.comparison.exercises as module
exercises.check_votes_needed = module.check_votes_needed = lambda *_, **__: _Forged
my_votes = None
"""
BROKEN_IN = b"broken in"
HOSTILE = """
found = []
import shutil, socket, subprocess, sys
def attempt(name, attack):
    try:
        attack()
        found.append(name)
    except (OSError, ImportError, subprocess.CalledProcessError):
        pass
attempt("other", lambda: open({other!r}).read())
attempt("marks", lambda: open({marks!r}, "r+b"))
attempt("", lambda: open({marks!r}, "ab").write({broken_in!r}))  # a file of its own, in memory
found = [name for name in found if name]
attempt("process", lambda: os.kill({pid}, 0))
attempt("network", lambda: socket.create_connection(("127.0.0.1", {port}), 2))
attempt("source", lambda: open({source!r}).read())
attempt("answers", lambda: open({answers!r}).read())
attempt("namespace", lambda: subprocess.run(["unshare", "--user", "true"], check=True))
found += sorted(set(os.listdir({home!r})) - {{"models", "cpu_tuning.json"}})
subprocess.run([sys.executable, "-c", "print(1)"], check=True)  # its own may be started
subprocess.Popen(["sleep", "86399"])
import labkit as lab
run = lab.limits.run_code("print(1)")  # as 08 and 11 run what a model wrote
assert run.output == "1\\n", run
shutil.rmtree("/", ignore_errors=True)
assert not found, found
my_votes = 243
"""


@pytest.fixture
def course(tmp_path):
    """A course with one exercise, released."""
    if reason := sandbox.namespace_refusal():
        pytest.skip(f"nothing is graded here: {reason}")
    lesson = nbformat.v4.new_notebook()
    lesson.metadata["kernelspec"] = {
        "name": "python3",
        "language": "python",
        "display_name": "Python 3 (ipykernel)",
    }
    exercise = nbformat.v4.new_code_cell(EXERCISE)
    exercise.metadata["nbgrader"] = {
        "grade": False,
        "solution": True,
        "locked": False,
        "task": False,
        "grade_id": "votes",
        "schema_version": 3,
        "cell_type": "code",
    }
    lesson.cells = [nbformat.v4.new_code_cell(IMPORT), exercise]
    file = tmp_path / "tiny.ipynb"
    file.write_text(json.dumps(lesson))
    release(tmp_path / "course", NAME, as_text(source_notebook(file, ANSWERS)))
    return tmp_path / "course"


def hand_in(course, learner, answer):
    """Puts the released notebook into the course as that learner's, with their answer."""
    notebook = nbformat.read(course / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    (cell,) = filter(is_exercise, notebook.cells)
    cell.source = cell.source.replace("my_votes = None", answer)
    folder = course / "submitted" / learner / NAME
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{NAME}.ipynb")


def test_the_learners_copy_has_no_solution(course):
    text = (course / "release" / NAME / f"{NAME}.ipynb").read_text()
    assert BEGIN not in text and "243" not in text and "my_votes = None" in text


def test_nbgraders_own_command_runs_where_an_environment_was_moved(course):
    """Whose scripts name the place where it was made."""
    done = subprocess.run([course / "jupyter" / "alembic", "--version"], capture_output=True)
    assert done.returncode == 0


@pytest.fixture
def listening():
    """A port of this machine that answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_submissions_of_all_kinds(course, listening):
    right = ANSWERS["votes"]
    marks_file = course / "gradebook.db"
    hostile = HOSTILE.format(
        other=str(course / "submitted" / "right" / NAME / f"{NAME}.ipynb"),
        marks=str(marks_file),
        broken_in=BROKEN_IN,
        source=str(course / "source" / NAME / f"{NAME}.ipynb"),
        answers=str(ANSWERS_FILE),
        home=str(home()),
        pid=os.getpid(),
        port=listening.getsockname()[1],
    )
    answers = {
        "right": right,
        "unforeseen": "from fractions import Fraction\nmy_votes = sum([100, 100, 43])",
        "wrong": "my_votes = 3",
        "blank": "my_votes = None",
        "crashing": "my_votes = 1 / 0",
        "dying": "os.kill(os.getpid(), 9)",
        "hostile": hostile,
        "forged": FORGED,
    }
    before = sorted(os.listdir(course))
    for learner, answer in answers.items():
        hand_in(course, learner, answer)
    marks = grade(course, NAME)
    points = {each.learner: each.points for each in marks.marks}
    assert points == {
        "right": 1,
        "unforeseen": 1,
        "wrong": 0,
        "blank": 0,
        "crashing": 0,
        "dying": None,
        "hostile": 1,
        "forged": 0,
    }, (marks, [(course / "grading").iterdir()])
    assert set(before) <= set(os.listdir(course)) and marks_file.stat().st_size
    assert BROKEN_IN not in marks_file.read_bytes()
    rows = marks.file.read_text().splitlines()
    assert rows[0] == "learner,points,most,problem,feedback" and len(rows) == 9
    pages = {each.learner: each.feedback for each in marks.marks}
    assert not [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == SLEEP]
    assert "That is too few" in pages["wrong"].read_text()  # what the check says
