"""A table of answers: its order, its files, and that nothing in it can do harm."""

import csv
import io
import json
import tempfile
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import labkit
from labkit.errors import LabError
from labkit.topics.comparison.batch.figures import MOST_ROWS, batch_table, save_batch, to_page
from labkit.topics.comparison.batch.files import FORMULA, read, to_csv
from labkit.topics.comparison.batch.table import COLUMNS, BatchTable, Row

HARM = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


def row(place=0, backend="near", text="fine", **more):
    told = {"key": f"{place}-{backend}", "prompt": f"prompt {place}", "finish": "stop", **more}
    return Row(place=place, backend=backend, text=text, **told)


texts = st.text(st.characters(codec="utf-8"))
rows = st.builds(
    row,
    place=st.integers(0, 5),
    backend=st.sampled_from(["near", "far"]),
    text=texts,
    prompt=texts,
    elapsed_s=st.none() | st.floats(0, 1e6),
    output_tokens=st.none() | st.integers(0, 10**6),
    error=st.none() | texts,
)
tables = st.lists(rows, max_size=8).map(lambda rows: BatchTable(("near", "far"), tuple(rows)))


@pytest.fixture
def table():
    cells = [
        row(0, "near", "b", elapsed_s=2.0, price_usd=0.001),
        row(0, "far", "A", elapsed_s=None),
        row(1, "near", "c", elapsed_s=1.0, finish="failed", error="no net"),
    ]
    return BatchTable(("near", "far"), tuple(cells), missing=2, stopped=("far is asked no more.",))


@given(tables)
def test_json_comes_back_as_it_was(table):
    with tempfile.TemporaryDirectory() as folder:
        assert read(save_batch(table, Path(folder) / "answers.json")) == table


@given(tables)
def test_csv_has_every_row_and_no_formula(table):
    told = list(csv.DictReader(io.StringIO(to_csv(table), newline="")))
    assert len(told) == len(table.rows)
    for cells, one in zip(told, table.rows, strict=True):
        assert cells["text"].removeprefix("'") == one.text.removeprefix("'")
        for value in cells.values():
            assert not value.lstrip(" ").startswith(FORMULA)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\n=1", "＝1"])
def test_what_looks_like_a_formula_gets_an_apostrophe(text):
    told = next(csv.DictReader(io.StringIO(to_csv(BatchTable(("near",), (row(text=text),))))))
    assert told["text"].startswith("'") and told["text"].lstrip("'").strip() == text.strip()


def test_numbers_stay_numbers(table):
    told = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert [cells["elapsed_s"] for cells in told] == ["2.0", "", "1.0"]


@given(tables, st.sampled_from(list(COLUMNS)), st.booleans())
def test_sorting_keeps_all_rows_and_puts_the_unknown_last(table, column, descending):
    ordered = table.sorted_by(column, descending=descending)
    assert sorted(map(repr, ordered.rows)) == sorted(map(repr, table.rows))
    values = [COLUMNS[column][1](each) for each in ordered.rows]
    known = [value for value in values if value is not None]
    assert values[: len(known)] == known
    keys = [value.casefold() if isinstance(value, str) else value for value in known]
    assert keys == sorted(keys, reverse=descending)


@given(tables, st.text(max_size=2), st.sampled_from([None, "near", "far"]))
def test_filtering_keeps_what_fits(table, text, backend):
    kept = table.filtered(text, backend=backend).rows
    for each in table.rows:
        whole = f"{each.prompt}\n{each.text}\n{each.error or ''}".casefold()
        assert (each in kept) == (text.casefold() in whole and backend in (None, each.backend))


def test_a_column_that_is_none_is_named(table):
    with pytest.raises(ValueError, match=r"^column must be one of .*elapsed_s.*; got 'speed'"):
        table.sorted_by("speed")


@pytest.mark.parametrize("ending", [".json", ".csv", ".html"])
def test_files_by_their_ending(table, tmp_path, ending):
    path = labkit.save(table, tmp_path / f"answers{ending}")
    held = path.read_text(encoding="utf-8-sig")
    assert "prompt 1" in held and "no net" in held
    if ending == ".json":
        assert read(path) == table


def test_another_ending_or_folder_is_refused(table, tmp_path):
    with pytest.raises(ValueError, match="path must end in"):
        save_batch(table, tmp_path / "answers.xlsx")
    with pytest.raises(LabError, match="cannot be written"):
        save_batch(table, tmp_path / "nowhere" / "answers.csv")


@pytest.mark.parametrize("held", ["", "[]", "{}", '{"labkit_batch": 2}', "notes", "\x00\x01"])
def test_a_file_of_another_kind_is_refused_in_a_sentence(tmp_path, held):
    path = tmp_path / "answers.json"
    path.write_text(held)
    with pytest.raises(LabError, match=r"no (table|file of a batch)"):
        read(path)
    with pytest.raises(LabError, match="cannot be read"):
        read(tmp_path / "nowhere.json")


def test_a_damaged_row_is_refused(table, tmp_path):
    path = save_batch(table, tmp_path / "answers.json")
    for wrong in ('"place": "0"', '"place": null', '"elapsed_s": "fast"'):
        told = json.loads(path.read_text())
        told["rows"][0].update(json.loads("{" + wrong + "}"))
        damaged = tmp_path / "damaged.json"
        damaged.write_text(json.dumps(told))
        with pytest.raises(LabError, match="no table"):
            read(damaged)


def test_model_text_is_escaped_everywhere():
    table = BatchTable((HARM,), (row(backend=HARM, text=HARM, prompt=HARM, error=HARM,
                                     origin=HARM),), stopped=(HARM,))  # fmt: skip
    for page in (to_page(table), batch_table(table).html):
        assert "<img" not in page and "alert(2)</script>" not in page
        assert page.count("<script>") == ("<!DOCTYPE" in page)
        assert HARM in unescape(page)


def test_a_page_loads_nothing_and_runs_its_own_script_alone(table):
    page = to_page(table)
    assert "default-src 'none'" in page and "script-src 'sha256-" in page
    assert "http" not in page.replace("http-equiv", "")


def test_columns_that_say_nothing_are_left_out(table):
    bare = replace(table, rows=tuple(replace(each, price_usd=None) for each in table.rows))
    assert "price" in batch_table(table).html and "price" not in batch_table(bare).html


def test_a_long_table_is_cut_in_the_notebook_and_whole_in_a_file():
    table = BatchTable(("near",), tuple(row(place) for place in range(MOST_ROWS + 7)))
    assert batch_table(table).html.count("<tr data-backend") == MOST_ROWS
    assert "7 more rows" in batch_table(table).html
    assert to_page(table).count("<tr data-backend") == MOST_ROWS + 7


def test_plot_draws_it(table):
    drawn = labkit.plot(table).html
    assert "no net" in drawn and "far is asked no more." in drawn
    assert table.summary.startswith("2 prompts: near 1 answer, median 2.00 s; far 1 answer;")
