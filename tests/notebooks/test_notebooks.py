"""Notebooks: their form, and each executed whole without a network."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

import labkit
from labkit.classroom.marks.assignment import BEGIN, as_text, read_answers, source_notebook
from labkit.data import read_data

from ..browser.lab_server import can_be_offline
from ..browser.notebook_page import assert_no_warnings, has_output

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
EXERCISE = re.compile(r"^my_", re.M)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def test_it_is_valid_and_saved_without_outputs(notebook):
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert not any(cell.get("execution_count") for cell in notebook.cells)
    assert "widgets" not in notebook.metadata


def test_its_length_is_that_of_a_lesson(notebook):
    guesses = [source for source in code(notebook) if source.startswith("lab.guess(")]
    assert 20 <= len(notebook.cells) - len(guesses) <= 35


def test_its_card_has_the_goals_and_sections_of_the_notebook(request, notebook):
    name = request.node.callspec.id
    card = read_data("goals.json")[name]
    goals = [goal["text"] for goal in card["goals"]]
    assert goals == [goal.rstrip(",.") for goal in re.findall(r"^- (.+)", prose(notebook)[0], re.M)]
    assert f'lab.summarize("{name}", globals())' in code(notebook)[-1]
    section, sections = "", {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            section = next(iter(re.findall(r"^## (.+)$", cell.source, re.M)), section)
        for result in re.findall(r"^(?:with .* as )?(\w+)(?: = |:$)", cell.source, re.M):
            sections.setdefault(result, section)
    assert card["sections"].items() <= sections.items()
    assert {result for goal in card["goals"] for result in goal["results"]} <= sections.keys()


def test_exercises_carry_nbgraders_metadata(notebook):
    """Each is an answer cell, and its name is there once."""
    names = []
    for cell in notebook.cells:
        is_exercise = cell.cell_type == "code" and bool(EXERCISE.search(cell.source))
        marks = cell.metadata.get("nbgrader", {})
        assert bool(marks) == is_exercise, cell.source
        if is_exercise:
            assert marks.solution and not marks.grade and marks.schema_version == 3
            names.append(marks.grade_id)
    assert len(set(names)) == len(names)


def test_the_answer_key_has_each_exercise_and_no_other(request, notebook):
    """That the answers are right is checked where the notebook is run whole: `assert_ran_whole`."""
    marks = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    exercises = [each["grade_id"] for each in marks if each]
    answers = read_answers(request.node.callspec.id)
    assert list(answers) == exercises
    source = as_text(source_notebook(FOLDER / f"{request.node.callspec.id}.ipynb"))
    assert source.count(BEGIN) == len(exercises)


def test_a_guess_stands_between_its_question_and_its_answer(notebook):
    for before, cell in pairwise(notebook.cells):
        if cell.source.startswith("lab.guess("):
            assert "**Predict.**" in before.source
            assert re.fullmatch(
                r'lab\.guess\("\w+", unit="[\w/%]+"(, model="[\w.-]+")?\)', cell.source
            )


def test_it_opens_with_a_question_and_what_it_takes(notebook):
    title, line = re.match(r"# (.+)\n\n\*\*(.+)\*\*", prose(notebook)[0]).groups()
    assert title.endswith("?")
    assert re.search(r"\d+ minutes", line)
    assert "MB" in line or "no download" in line
    assert "key" in line
    assert len(re.findall(r"^- ", prose(notebook)[0], re.M)) == 3
    assert len(code(notebook)[0].splitlines()) <= 4


def test_cells_are_verbs_of_a_few_lines(notebook):
    for source in code(notebook):
        assert len(source.splitlines()) <= 5, source
        assert not re.search(r"^\s*(def|class) |^[!%]|plotly|pip install", source, re.M), source


def test_each_section_has_its_five_beats(notebook):
    text = "\n".join(prose(notebook))
    sections = re.split(r"^## ", text, flags=re.M)[1:]
    lessons = [section for section in sections if re.match(r"\d", section)]
    assert lessons
    for section in lessons:
        for beat in ("**Idea.**", "**Predict.**", "**Notice**", "**Try.**"):
            assert beat in section, (section[:40], beat)
        notices = section.split("**Notice**")[1].split("**Try.**")[0]
        assert 2 <= len(re.findall(r"^- ", notices, re.M)) <= 3, section[:40]
    assert "## Exercises" in text
    assert "## What you measured" in text
    assert 2 <= sum(bool(EXERCISE.search(source)) for source in code(notebook)) <= 3


def test_no_two_dollars_begin_a_formula(notebook):
    """JupyterLab takes `$40 to $80` for a formula, however the dollars are escaped."""
    for text in prose(notebook):
        for block in re.split(r"\n\s*\n|\n- ", re.sub(r"`[^`]*`", "", text)):
            assert block.count("$") < 2, block


def test_it_names_what_comes_next_and_whether_it_is_there(request, notebook):
    """Notebook 11 is the last."""
    number, is_coming = int(request.node.callspec.id[:2]) + 1, "coming" in prose(notebook)[-1]
    assert number == 12 or re.search(rf"notebook \[?{number:02}", prose(notebook)[-1])
    assert is_coming == (not list(FOLDER.glob(f"{number:02}_*"))) or number == 12


def test_it_links_to_nothing_that_is_not_there(notebook):
    for target in re.findall(r"\]\(([^)#]+)", "\n".join(prose(notebook))):
        assert target.startswith("https://") or (FOLDER / target).exists(), target


EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=900, resources={"metadata": {"path": sys.argv[2]}}).execute()
nbformat.write(notebook, sys.argv[3])
"""


@pytest.fixture(scope="session")
def run(notebook_files):
    """Runs a Python program without a network, where the kernel can do that; else as it is."""
    is_offline = labkit.privacy.prove_offline(None).holds

    def run(*command):
        if is_offline:
            ran = labkit.privacy.run_offline(["python", *command], timeout_s=3600)
            return ran.status, ran.output
        env = os.environ | {"PYTHONPATH": str(FOLDER.parent)}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        ran = subprocess.run([sys.executable, *command], env=env, **options)
        return ran.returncode, ran.stdout

    return run


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_run_whole_in_a_browser(path):
    """There too without a network, where the lab and its browser can share a namespace."""
    tests = [test.read_text() for test in (FOLDER.parent / "tests" / "browser").glob("test_*.py")]
    own = [test for test in tests if f'NOTEBOOK = "{path.stem}"' in test]
    assert sum("assert_ran_whole(ran, figures=" in test for test in own) == 1


@pytest.mark.slow
@pytest.mark.skipif(can_be_offline(), reason="tests/browser runs it whole, without a network")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_whole_and_without_a_network(run, path, tmp_path):
    """The kernel, the model servers and the notebook are all in a namespace of their own."""
    status, output = run("-c", EXECUTE, path, FOLDER, written := tmp_path / path.name)
    assert status == 0, output
    notebook = nbformat.read(written, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert_no_warnings(outputs)
    assert has_output(outputs, "application/vnd.jupyter.widget-view+json")
    assert has_output(outputs, "application/vnd.plotly.v1+json")
