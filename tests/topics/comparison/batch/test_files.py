"""A table of answers: its order, its files, and that no text in it can do harm."""

import csv
import io
import json
import re
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
from labkit.topics.comparison.batch.files import read, to_csv
from labkit.topics.comparison.batch.table import COLUMNS, BatchRow, BatchTable

HARM = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


def row(index=0, backend="local", text="fine", **more):
    values = {"key": f"{index}-{backend}", "prompt": f"prompt {index}", "finish": "stop", **more}
    return BatchRow(prompt_index=index, backend=backend, text=text, **values)


texts = st.text(st.characters(codec="utf-8"))
rows = st.builds(
    row,
    index=st.integers(0, 5),
    backend=st.sampled_from(["local", "remote"]),
    text=texts,
    prompt=texts,
    elapsed_s=st.none() | st.floats(0, 1e6),
    output_tokens=st.none() | st.integers(0, 10**6),
    error=st.none() | texts,
)
tables = st.lists(rows, max_size=8).map(lambda rows: BatchTable(("local", "remote"), tuple(rows)))


@pytest.fixture
def table():
    cells = [
        row(0, "local", "b", elapsed_s=2.0, price_usd=0.001),
        row(0, "remote", "A", elapsed_s=None),
        row(1, "local", "c", elapsed_s=1.0, finish="failed", error="no net"),
    ]
    return BatchTable(
        ("local", "remote"), tuple(cells), missing=2, stopped=("remote gets no further requests.",)
    )


@given(tables)
def test_json_is_read_back_without_loss(table):
    with tempfile.TemporaryDirectory() as folder:
        assert read(save_batch(table, Path(folder) / "answers.json")) == table


FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # begins one


@given(tables)
def test_csv_has_every_row_and_no_formula(table):
    records = list(csv.DictReader(io.StringIO(to_csv(table), newline="")))
    assert len(records) == len(table.rows)
    for cells, one in zip(records, table.rows, strict=True):
        assert cells["text"].replace("'", "") == one.text.replace("'", "")
        for value in cells.values():
            assert not value.lstrip(" ").startswith(FORMULA)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\n=1", "＝1"])
def test_what_looks_like_a_formula_gets_an_apostrophe(text):
    record = next(csv.DictReader(io.StringIO(to_csv(BatchTable(("local",), (row(text=text),))))))
    assert record["text"].startswith("'")
    assert record["text"].replace("'", "").strip() == text.strip()


@pytest.mark.parametrize("text", ["a;=1", 'a; "=1"', "a\n=1", "a\t@b", "a;-1+cmd|' /C calc'!A0"])
def test_no_formula_begins_where_another_separator_splits(text):
    cells = re.split("[;\t\r\n]", to_csv(BatchTable(("local",), (row(text=text),))))
    assert not any(cell.lstrip(' "').startswith(FORMULA) for cell in cells)
    listed = to_csv(BatchTable(("local",), (row(text="two:\n- one\n- two"),)))
    assert "two:\n- one\n- two" in listed


@pytest.mark.parametrize("unseen", ["\xa0", "\ufeff", "\u200b", "\0", "\u3000", "\xad "])
def test_nothing_unseen_hides_a_formula(unseen):
    for text, cell in ((f"{unseen}=1", f'"\'{unseen}=1"'), (f"a;{unseen}=1", f";{unseen}'=1")):
        assert cell in to_csv(BatchTable(("local",), (row(text=text),)))


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_no_formula_begins_a_line_of_any_kind(end):
    assert f"{end}'=1" in to_csv(BatchTable(("local",), (row(text=f"a{end}=1"),)))


def test_numbers_stay_numbers(table):
    records = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert [cells["elapsed_s"] for cells in records] == ["2.0", "", "1.0"]


@given(tables, st.sampled_from(list(COLUMNS)), st.booleans())
def test_sorting_keeps_all_rows_and_puts_the_unknown_last(table, column, descending):
    ordered = table.sorted_by(column, descending=descending)
    assert sorted(map(repr, ordered.rows)) == sorted(map(repr, table.rows))
    values = [COLUMNS[column][1](each) for each in ordered.rows]
    known = [value for value in values if value is not None]
    assert values[: len(known)] == known
    keys = [value.casefold() if isinstance(value, str) else value for value in known]
    assert keys == sorted(keys, reverse=descending)


@given(tables, st.text(max_size=2), st.sampled_from([None, "local", "remote"]))
def test_filtering_keeps_what_fits(table, text, backend):
    view = table.filtered(text, backend=backend)
    found = view.rows
    assert view.backends == ((backend,) if backend else table.backends)
    for each in table.rows:
        whole = f"{each.prompt}\n{each.text}\n{each.error or ''}".casefold()
        assert (each in found) == (text.casefold() in whole and backend in (None, each.backend))


def test_an_unknown_column_is_named(table):
    with pytest.raises(ValueError, match=r"^column must be one of .*elapsed_s.*; got 'speed'"):
        table.sorted_by("speed")


@pytest.mark.parametrize("ending", [".json", ".csv", ".html"])
def test_files_by_their_ending(table, tmp_path, ending):
    path = labkit.save(table, tmp_path / f"answers{ending}")
    content = path.read_text(encoding="utf-8-sig")
    assert "prompt 1" in content and "no net" in content
    if ending == ".json":
        assert read(path) == table


def test_another_ending_or_folder_is_refused(table, tmp_path):
    with pytest.raises(ValueError, match="path must end in"):
        save_batch(table, tmp_path / "answers.xlsx")
    with pytest.raises(LabError, match="cannot be written"):
        save_batch(table, tmp_path / "nowhere" / "answers.csv")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"labkit_batch": 2}', "notes", "\x00\x01"])
def test_a_file_of_another_kind_is_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "answers.json"
    path.write_text(content)
    with pytest.raises(LabError, match=r"not (hold a table|a batch file)"):
        read(path)
    with pytest.raises(LabError, match="cannot be read"):
        read(tmp_path / "nowhere.json")


# A journal of labkit 0.1.0: these keys are on learners' disks.
EARLIER = """{"labkit_batch": 1}
{"key": "4f", "place": 1, "prompt": "Hi", "backend": "m", "text": "Hello", "finish": "stop", \
"error": null, "origin": "measured", "asked_at": "2026-11-20T10:00:00.000+00:00", "tries": 2, \
"waited_s": 1.5, "ttft_s": 0.1, "elapsed_s": 0.4, "prompt_tokens": 5, "output_tokens": 2, \
"decode_tokens_per_s": 3.3, "price_usd": null}
"""


def test_files_of_earlier_versions_are_read_and_written_with_the_same_keys(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text(EARLIER)
    table = labkit.open_result(path)
    assert table.rows[0] == row(
        0,  # prompts are numbered anew
        "m",
        "Hello",
        key="4f",
        prompt="Hi",
        asked_at="2026-11-20T10:00:00.000+00:00",
        tries=2,
        waited_s=1.5,
        ttft_s=0.1,
        elapsed_s=0.4,
        prompt_tokens=5,
        output_tokens=2,
        decode_tokens_per_s=3.3,
    )
    saved = json.loads(save_batch(table, tmp_path / "answers.json").read_text())
    assert saved["rows"] == [json.loads(EARLIER.splitlines()[1]) | {"place": 0}]


def test_a_damaged_row_is_refused(table, tmp_path):
    path = save_batch(table, tmp_path / "answers.json")
    for wrong in ('"place": "0"', '"place": null', '"elapsed_s": "fast"'):
        record = json.loads(path.read_text())
        record["rows"][0].update(json.loads("{" + wrong + "}"))
        damaged = tmp_path / "damaged.json"
        damaged.write_text(json.dumps(record))
        with pytest.raises(LabError, match="not hold a table"):
            read(damaged)


def test_model_text_is_escaped_everywhere():
    table = BatchTable(
        (HARM,),
        (row(backend=HARM, text=HARM, prompt=HARM, error=HARM, origin=HARM),),
        stopped=(HARM,),
    )
    for page in (to_page(table), batch_table(table).html):
        assert "<img" not in page and "alert(2)</script>" not in page
        assert page.count("<script>") == ("<!DOCTYPE" in page)
        assert HARM in unescape(page)


def test_a_page_loads_nothing_and_runs_its_own_script_alone(table):
    page = to_page(table)
    assert "default-src 'none'" in page and "script-src 'sha256-" in page
    assert "http" not in page.replace("http-equiv", "")


def test_columns_without_information_are_left_out(table):
    bare = replace(table, rows=tuple(replace(each, price_usd=None) for each in table.rows))
    assert "price" in batch_table(table).html and "price" not in batch_table(bare).html


def test_a_long_table_is_cut_in_the_notebook_and_whole_in_a_file():
    table = BatchTable(("local",), tuple(row(place) for place in range(MOST_ROWS + 7)))
    assert batch_table(table).html.count("<tr data-backend") == MOST_ROWS
    assert "7 more rows" in batch_table(table).html
    assert to_page(table).count("<tr data-backend") == MOST_ROWS + 7


def test_plot_draws_it(table):
    drawn = labkit.plot(table).html
    assert "no net" in drawn and "remote gets no further requests." in drawn
    assert table.summary.startswith("2 prompts: local 1 answer, median 2.00 s; remote 1 answer;")


def test_a_thought_is_kept_apart_and_only_where_there_is_one(tmp_path):
    thought = {"thinking": "Hm", "thinking_tokens": 9, "thinking_s": 0.5}
    table = BatchTable(("local",), (row(0, **thought, thinking_price_usd=0.1), row(1)))
    path = save_batch(table, tmp_path / "answers.json")
    assert read(path) == table
    first, second = json.loads(path.read_text())["rows"]
    assert first["thinking"] == "Hm" and not any("thinking" in name for name in second)
    assert "thinking_tokens" in to_csv(table).splitlines()[0]
    assert "tokens of thinking" in to_page(table)
