"""What a teacher has run and answered in a lesson does not reach the learners."""

import json
import os
import subprocess
import sys

import pytest

from labkit.classroom.learner_server import copy_notebooks
from labkit.classroom.learners.fresh_lesson import freshened, unanswered
from labkit.classroom.marks.assignment import as_text, source_notebook
from labkit.install.checkout import ROOT

FOLDERS = ("notebooks", "assignments")
LESSONS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
MINE = "17.4  # the teacher's"


@pytest.fixture(params=LESSONS, ids=lambda file: file.stem)
def run_by_the_teacher(request, tmp_path):
    """A lesson that the teacher has run and solved, and the lesson as it was."""
    notebook = json.loads(request.param.read_bytes())
    notebook["metadata"]["widgets"] = {"state": {"theirs": MINE}}
    output = {"output_type": "stream", "name": "stdout", "text": [MINE]}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [output], "execution_count": 3}
            cell["source"] = [line.replace(" = None", f" = {MINE}") for line in cell["source"]]
    (tmp_path / "lessons").mkdir()
    file = tmp_path / "lessons" / request.param.name
    file.write_text(json.dumps(notebook))
    return file, request.param


def test_a_learner_gets_the_lesson_as_it_was(run_by_the_teacher, tmp_path):
    run, lesson = run_by_the_teacher
    assert MINE in run.read_text()
    copy_notebooks(run.parent, tmp_path / "learners")
    assert (tmp_path / "learners" / run.name).read_bytes() == lesson.read_bytes()
    assert freshened(lesson.read_bytes()) == lesson.read_bytes()


def test_those_who_come_later_get_each_assignment_and_no_notebook_of_the_teachers(tmp_path):
    for folder in ("notebooks", "handout"):
        (tmp_path / folder).mkdir()
        for name in ("02_sampling", "intro"):
            (tmp_path / folder / f"{name}.ipynb").write_text("{}")
    home = tmp_path / "home"
    env = os.environ | {"HOME": str(home), "LABKIT_CLASS_HANDOUT": str(tmp_path / "handout")}
    command = f"""
import os
from pathlib import Path
from labkit.classroom import learner_server
learner_server.ROOT, os.execv = Path({str(tmp_path)!r}), lambda *_: None
learner_server.main([])
"""
    subprocess.run([sys.executable, "-c", command], env=env, check=True, cwd=ROOT)
    found = {each: sorted(file.stem for file in (home / each).iterdir()) for each in FOLDERS}
    assert found == {"notebooks": ["02_sampling"], "assignments": ["02_sampling", "intro"]}


def test_an_assignment_has_the_keys_answers_alone(run_by_the_teacher):
    run, lesson = run_by_the_teacher
    assert as_text(source_notebook(run)) == as_text(source_notebook(lesson))


def test_an_answer_is_what_begins_with_my():
    answered = (
        "limits = {'a': 1}\nmy_a, my_b = 1, 2\nmy_c: int = (\n    3\n)\nmy_c += 1\ncheck(my_a)"
    )
    assert unanswered(answered) == (
        "limits = {'a': 1}\nmy_a = None\nmy_b = None\nmy_c = None\nmy_c = None\ncheck(my_a)"
    )
    assert unanswered("my_a = (") == "my_a = ("
    assert unanswered("a = '\f'\nmy_a = 1\n") == "a = '\f'\nmy_a = None\n"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"cells": [3]}', b'{"worksheets": []}'])
def test_what_is_no_notebook_of_this_format_stays(content):
    assert freshened(content) == content
