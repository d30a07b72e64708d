"""The wall: what thirty have handed in, and what it shows of it."""

import json
import time

import pytest

from labkit.classroom.wall import figures
from labkit.classroom.wall.panel import VIEWS, class_panel
from labkit.classroom.wall.results import read_class
from labkit.errors import LabError

from .thirty import entry, notebook, write_class


@pytest.fixture
def folder(tmp_path):
    return write_class(tmp_path / "wall")


def test_thirty_are_read(folder):
    results = read_class(folder)
    assert len(results.learners) == 30 and results.left_out == ()
    assert results.guessed == ("decode_tokens_per_s",)
    assert len(results.votes.ballots) == 30 and len(results.votes.votes) == 120
    assert results.learners[1].exercises == (
        ("02_sampling", "in-a-row", True),
        ("02_sampling", "remaining", True),
        ("02_sampling", "sure", True),
    )


def test_a_copy_of_a_notebook_is_that_notebook(tmp_path):
    for name, index in (("02_sampling-Copy1", 0), ("02_sampling (2)", 0), ("02_sampling", 1)):
        (tmp_path / f"ada--{name}.ipynb").write_text(json.dumps(notebook(index)))
    (tmp_path / "ada--deep.ipynb").write_text('{"cells":' + "[" * 200_000)
    found = read_class(tmp_path)
    assert [solved for *_, solved in found.learners[0].exercises] == [True, True, True]
    assert len(found.left_out) == 1


def test_an_exercise_is_solved_in_the_notebook_or_in_the_assignment(tmp_path):
    for part, index in (("notebooks", 0), ("assignments", 1)):  # none is solved; all are
        file = tmp_path / "ada" / part / "02_sampling.ipynb"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(notebook(index)))
    (ada,) = read_class(tmp_path).learners
    assert [solved for *_, solved in ada.exercises] == [True, True, True]
    other = tmp_path / "ada" / "notebooks" / "03_speed.ipynb"
    content = notebook(0)
    other.write_text(json.dumps(content))  # tried, and none is solved
    assert len(figures.exercises_figure(read_class(tmp_path)).data[0].y) == 6
    for cell in content["cells"]:
        cell["outputs"] = []  # nobody has run it: nothing of it is shown
    other.write_text(json.dumps(content))
    assert len(figures.exercises_figure(read_class(tmp_path)).data[0].y) == 3
    assert figures.table_of_names(read_class(tmp_path)) == [
        ("ada", "02 in-a-row, 02 remaining, 02 sure")
    ]


def test_the_histogram_has_every_guess_and_the_truth_only_when_asked(folder):
    results = read_class(folder)
    figure = figures.guesses_figure(results, "decode_tokens_per_s")
    assert len(figure.data[0].x) == 30 and not figure.layout.annotations
    told = figures.guesses_figure(results, "decode_tokens_per_s", truth=True)
    assert "measured:" in told.layout.annotations[0].text


def test_a_guess_is_there_before_anything_was_measured(tmp_path):
    guess = {"name": "", "value": 20.0, "unit": "tokens/s", "date": "2026-11-27T10:00:00+00:00"}
    book = {"labkit_book": 1, "pages": [], "guesses": [guess | {"model": ""}]}
    (tmp_path / "ada" / "book").mkdir(parents=True)
    (tmp_path / "ada" / "book" / "guesses.json").write_text(json.dumps(book))
    results = read_class(tmp_path)
    assert results.guessed == ("any tokens/s",)
    assert list(figures.guesses_figure(results, "any tokens/s").data[0].x) == [20.0]


GUESS = {"name": "", "value": 40.0, "unit": "weeks", "date": "2026-11-27T10:00:00+00:00"}
FOUND = [("gpt-4", 12.8, 40.0), ("gpt-6-sol", 4.4, None), ("gpt-6-sol, shared", 8.78, None)]


def write_book(path, entries=(), guesses=()):
    page = {"notebook": "06_cost", "date": GUESS["date"], "machine": "", "versions": []}
    book = {"labkit_book": 1, "pages": [page | {"entries": entries}], "guesses": guesses}
    path.write_text(json.dumps(book))


@pytest.mark.parametrize(
    ("name", "model", "kept", "shown"),
    [
        ("break_even_weeks", "gpt-4", True, ["computed: 12.8 weeks"]),  # beside the number
        ("break_even_weeks", "gpt-4", False, ["computed: 12.8 weeks"]),  # made after it
        ("", "", True, ["computed: 12.8 weeks"]),
        ("", "gpt-9", False, []),
    ],
)
def test_the_truth_is_the_number_that_was_guessed(tmp_path, name, model, kept, shown):
    about = {"origin": "computed"}
    entries = [
        entry("break_even_weeks", f"of {model}", value, "weeks", guess if kept else None)
        | about
        | {"model": model}
        for model, value, guess in FOUND
    ]
    guess = GUESS | {"name": name, "model": model}
    write_book(tmp_path / "ada.json", entries, [guess])
    results = read_class(tmp_path)
    number = name or "any weeks"
    assert number in results.guessed
    figure = figures.guesses_figure(results, number, truth=True)
    assert [each.text for each in figure.layout.annotations] == shown
    label = "of gpt-4" if shown else number
    assert figure.layout.title.text == f"{label}: 1 learner guessed"


def test_a_guess_by_its_name_is_none_by_its_unit(tmp_path):
    named = GUESS | {"name": "break_even_weeks", "value": 7.0, "model": ""}
    write_book(tmp_path / "ada.json", guesses=[GUESS | {"model": ""}, named])
    (ada,) = read_class(tmp_path).learners
    assert (ada.guess("any weeks"), ada.guess("break_even_weeks")) == (40.0, 7.0)


def test_other_models_are_under_no_roof_of_this_one(tmp_path):
    entries = [
        entry("bandwidth_gb_per_s", "memory bandwidth", 30, "GB/s"),
        *(
            entry("decode_tokens_per_s", "writing speed", speed, "tokens/s") | {"model": model}
            for model, speed in (("smollm2-135m", 40), ("gpt-4 (openai)", 200))
        ),
    ]
    write_book(tmp_path / "ada.json", entries)
    assert list(figures.speeds_figure(read_class(tmp_path)).data[1].y) == [40]


def test_a_learner_is_one_however_the_files_are_written(tmp_path):
    for name in ("Ada--02_sampling.ipynb", "ada (1)--03_speed.ipynb", ".ada.json"):
        (tmp_path / name).write_text(json.dumps(notebook(1)))
    write_book(tmp_path / "ada.book.json")
    write_book(tmp_path / "ada.json")
    (tmp_path / "ADA").mkdir()
    assert [each.name for each in read_class(tmp_path).learners] == ["ada"]


def test_only_what_has_changed_is_read_again(folder, monkeypatch):
    read, known = [], {}
    monkeypatch.setattr(
        "labkit.classroom.wall.results.read_file",
        lambda path: read.append(path.name) or path.read_bytes(),
    )
    first = read_class(folder, known)
    assert len(read) == 90
    assert read_class(folder, known) == first and len(read) == 90
    (folder / "learner-03.json").write_text("{")
    for _ in range(2):
        assert len(read_class(folder, known).left_out) == 1 and read[90:] == ["learner-03.json"]


def test_every_machine_is_below_its_roof(folder):
    roof, dots = figures.speeds_figure(read_class(folder)).data
    slope = roof.y[1] / roof.x[1]
    assert len(dots.x) == 30 and dots.text[0] == "learner-00"
    assert all(y < slope * x for x, y in zip(dots.x, dots.y, strict=True))
    assert dots.mode == "markers", "names are shown only where the leader says so"


def test_type_is_large_everywhere(folder):
    results = read_class(folder)
    shown = [
        figures.guesses_figure(results, "decode_tokens_per_s", truth=True),
        figures.speeds_figure(results, names=True),
        figures.class_votes_figure(results),
        figures.exercises_figure(results),
    ]
    for figure in shown:
        assert figure.layout.font.size >= 22 and figure.layout.xaxis.tickfont.size >= 22


def test_files_of_others_do_no_harm(folder):
    (folder / "mallory.json").write_text("{")
    (folder / "eve.json").write_text('{"labkit_book": 1, "pages": "no"}')
    (folder / "trudy--02_sampling.ipynb").write_text('{"cells": [1]}')
    results = read_class(folder)
    assert len(results.learners) == 33 and len(results.left_out) == 3


def test_the_panel_follows_the_files(folder):
    panel = class_panel(folder, every_s=0.1)
    assert "30 learners" in panel.summary and "30 learners" in panel.status.value
    for view in VIEWS:
        panel.view.value = view
        assert len(panel.shown.children) == 1, view
    assert "learner-00" not in panel.status.value
    panel.names.value = True
    assert "learner-00" in panel.status.value
    write_class(folder, count=31)
    deadline = time.monotonic() + 20
    while "31 learners" not in panel.status.value and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "31 learners" in panel.status.value
    panel.widget.close()


def test_the_folder_of_a_class_means_its_learners_and_the_files_for_its_wall(tmp_path):
    (tmp_path / "class.json").write_text("{}")
    for part in ("handout", "collected", "course"):
        (tmp_path / part).mkdir()
    panel = class_panel(tmp_path, every_s=60)
    assert "0 learners." in panel.status.value
    write_class(tmp_path / "wall", count=1)
    panel.look()
    assert "1 learner." in panel.status.value and panel.summary.startswith("1 learner, ")
    write_class(tmp_path / "learners", count=2)
    panel.look()
    assert "2 learners." in panel.status.value  # one of them is in both
    panel.widget.close()


def test_a_damaged_notebook_does_not_count_in_part(tmp_path):
    content = notebook(1)
    content["cells"][2]["outputs"][0]["data"]["text/plain"] = 5
    (tmp_path / "ada--02_sampling.ipynb").write_text(json.dumps(content))
    results = read_class(tmp_path)
    assert results.learners[0].exercises == () and len(results.left_out) == 1


def test_an_empty_class_says_so(tmp_path):
    panel = class_panel(tmp_path)
    assert "0 learners. No guesses yet." in panel.status.value
    with pytest.raises(LabError, match="There is no folder"):
        class_panel(tmp_path / "missing")
    for given, sentence in (
        ({"folder": 3}, "folder must be a file's name or a Path; got 3"),
        ({"folder": []}, r"folder must be .*; got \[\]"),
        ({"folder": tmp_path, "names": "x"}, "names must be True or False; got 'x'"),
    ):
        with pytest.raises(ValueError, match=sentence):
            class_panel(**given)
