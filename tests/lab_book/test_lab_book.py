"""The lab book: what is kept, shown, exported and forgotten; guesses; the card."""

import json
import math
import subprocess
import sys
from copy import copy
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labkit
from labkit import display
from labkit.errors import LabError
from labkit.formatting import digits
from labkit.lab_book import store
from labkit.lab_book.entry import BookEntry
from labkit.lab_book.guess_panel import beside, read_number
from labkit.topics.privacy.network.connection_log import Attempt, NetworkLog
from labkit.ui.html import HtmlFigure
from labkit.ui.panel import RunPanel

SPEED = BookEntry("decode_tokens_per_s", "writing speed", 12.5, "tokens/s", 11.0, 13.0, model="m")
OTHER = Path(__file__).with_name("book.json")


class Result:
    def __init__(self, *entries, summary="a sentence"):
        self.book_entries, self.summary = entries, summary


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_BOOK", str(tmp_path / "book"))
    return tmp_path / "book"


# -- the book --------------------------------------------------------------------------------------


def test_a_page_is_kept_and_shown():
    store.keep("03_speed", [SPEED])
    store.keep("my-own", [replace(SPEED, value=14.0, note="disturbed")])
    book = labkit.book()
    assert [page.notebook for page in book.pages] == ["03_speed", "my-own"]
    assert book.pages[0].entries == (SPEED,)
    assert dict(book.pages[0].versions)["torch"]
    assert store.this_machine() in repr(book) and "12.5 tokens/s (11 to 13) measured" in repr(book)
    assert "14 tokens/s" in book._repr_html_() and "disturbed" in book._repr_html_()
    assert len(book.of("my-own").pages) == 1


def test_two_machines_stand_side_by_side(tmp_path):
    store.keep("03_speed", [SPEED])
    labkit.book().export(tmp_path / "mine.json")
    book = labkit.book(OTHER, tmp_path / "mine.json")
    assert len(book.pages) == 2, "a page that is here already counts once"
    assert len(book.columns) == 2
    (row,) = [line for line in repr(book).splitlines() if line.startswith("writing speed (m)")]
    assert "12.5 tokens/s" in row
    assert "A processor, 2 cores, 16 GiB" in book._repr_html_()
    assert store.latest("decode_tokens_per_s")[0] == SPEED


def test_save_and_open_result_take_a_book(tmp_path):
    store.keep("03_speed", [SPEED])
    labkit.save(labkit.book(), tmp_path / "book.json")
    assert labkit.open_result(tmp_path / "book.json").pages == labkit.book().pages


def test_the_latest_is_of_this_machine_and_of_that_model(folder):
    folder.mkdir()
    (folder / "03_speed.json").write_text(OTHER.read_text())
    assert store.latest("decode_tokens_per_s") is None
    store.keep("03_speed", [SPEED])
    store.keep("03_speed", [replace(SPEED, value=15.0, model="n")])
    assert store.latest("decode_tokens_per_s")[0].value == 15.0
    assert store.latest("decode_tokens_per_s", "m")[0].value == 12.5
    assert store.latest("load_s") is None


def test_what_is_forgotten_is_gone(folder):
    folder.mkdir()
    (folder / "03_speed.json").write_text(OTHER.read_text())
    store.keep("03_speed", [SPEED])
    store.keep("my-own", [SPEED])
    today = labkit.book().pages[-1].day
    assert len(labkit.book().forget(before=today).pages) == 2
    assert [page.notebook for page in labkit.book().forget("03_speed").pages] == ["my-own"]
    assert not (folder / "03_speed.json").exists()
    for wrong in ("27.11.2026", "last week", 7):
        with pytest.raises(ValueError, match="before must be a date such as"):
            labkit.book().forget(before=wrong)
    assert labkit.book().forget(before=date(2000, 1, 1)).pages
    for bad in ({}, {"notebook": "04_compare"}):
        with pytest.raises(ValueError, match="notebook"):
            labkit.book().forget(**bad)


def test_labels_are_escaped_in_html_alone():
    store.keep("my-own", [replace(SPEED, label="reading & <writing>", model="<m>")])
    book = labkit.book()
    assert "reading & <writing> (<m>): 12.5" in repr(book)
    assert "reading &amp; &lt;writing&gt; (&lt;m&gt;)" in book._repr_html_()


def test_an_empty_book_says_how_it_is_filled():
    assert "last cell of each notebook" in repr(labkit.book())
    assert "last cell of each notebook" in labkit.book()._repr_html_()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"labkit_book": 2, "pages": []}', "\0" * 50])
def test_damaged_older_and_foreign_files_are_passed_over(folder, content):
    store.keep("03_speed", [SPEED])
    (folder / "01_tokens.json").write_text(content)
    book = labkit.book()
    assert len(book.pages) == 1 and len(book.passed_over) == 1
    assert "01_tokens.json" in repr(book) and "01_tokens.json" in book._repr_html_()
    store.keep("01_tokens", [SPEED])  # set aside, not lost
    assert len(labkit.book().pages) == 2
    (aside,) = folder.glob("01_tokens.*.damaged")
    assert aside.read_text() == content


def test_only_the_newest_pages_stay(monkeypatch):
    monkeypatch.setattr(store, "MOST_PAGES", 3)
    for value in range(5):
        store.keep("03_speed", [replace(SPEED, value=value)])
    assert [page.entries[0].value for page in labkit.book().pages] == [2, 3, 4]


def test_kernels_that_write_at_once_lose_nothing(folder):
    script = (
        "from labkit.lab_book import store; from labkit.lab_book.entry import BookEntry\n"
        "for n in range(5): store.keep('03_speed', [BookEntry('n', 'n', n)])"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert len(labkit.book().pages) == 15


def test_a_folder_that_cannot_be_written_is_a_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABKIT_BOOK", str(tmp_path / "file" / "book"))
    with pytest.raises(LabError, match="cannot be written"):
        store.keep("03_speed", [SPEED])
    assert "cannot be written" in labkit.summarize("03_speed", {"measured": Result(SPEED)}).kept
    assert labkit.book().pages == ()


def test_numbers_of_numpy_are_kept_and_what_is_not_finite_is_left_out(folder):
    store.keep("03_speed", [SPEED])
    numbers = {"value": np.float32(1.5), "low": np.int64(1), "high": math.inf, "guess": math.nan}
    odd = [replace(SPEED, value=each) for each in (math.nan, -math.inf, None)]
    labkit.summarize("03_speed", {"measured": Result(replace(SPEED, **numbers), *odd[:2])})
    store.keep("03_speed", odd)
    first, second, third = (page.entries for page in labkit.book().pages)
    assert first == (SPEED,) and third == ()
    assert second == (replace(SPEED, value=1.5, low=1.0, high=None),)
    store.keep("03_speed", [SPEED])
    assert len(labkit.book().pages) == 4 and not list(folder.glob("*.damaged"))


def test_two_results_with_one_number_are_both_kept():
    results = {"first": Result(SPEED), "second": Result(replace(SPEED, value=9.0))}
    labkit.summarize("own", results)
    page = labkit.book().pages[-1]
    assert [each.label for each in page.entries] == [SPEED.label, f"{SPEED.label}: second"]
    assert len(labkit.book().last(page.machine, page.day)) == 2


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "a" * 70, None, 5, "x\n"])
def test_a_bad_name_is_refused(name):
    with pytest.raises(ValueError, match="notebook must be a name"):
        labkit.summarize(name, {})


# -- guesses ---------------------------------------------------------------------------------------


def test_a_guess_stands_beside_the_number():
    field = labkit.guess("decode_tokens_per_s", unit="tokens/s")
    field.field.value = "20"
    assert field.value == 20 and field.summary == "guessed: 20 tokens/s"
    (entry,) = store.with_guesses([SPEED])
    assert entry.guess == 20
    title = beside(go.Figure(), (entry,)).layout.title.subtitle.text
    assert title == "writing speed: you guessed 20 tokens/s, it is 12.5 tokens/s"
    assert "you guessed 20" in beside(HtmlFigure("<p>"), (entry,)).html
    card = labkit.summarize("03_speed", {"measured": Result(SPEED)})
    assert "you guessed 20" in repr(card) and "you guessed 20" in card._repr_html_()
    assert labkit.book().pages[-1].entries[0].guess == 20
    assert labkit.guess("decode_tokens_per_s", unit="tokens/s").field.value == "20"


def test_a_guess_without_a_name_goes_by_its_unit():
    labkit.guess(unit="tokens/s").field.value = "7"
    labkit.guess("load_s", unit="s").field.value = "9"
    assert [each.guess for each in store.with_guesses([SPEED, replace(SPEED, unit="s")])] == [
        7,
        None,
    ]


def test_a_guess_about_one_model_stands_beside_no_other():
    labkit.guess("decode_tokens_per_s", unit="tokens/s", model="n").field.value = "20"
    assert store.with_guesses([SPEED])[0].guess is None
    assert store.with_guesses([SPEED, replace(SPEED, model="n")])[1].guess == 20
    assert beside(go.Figure(), store.with_guesses([SPEED])).layout.title.subtitle.text is None
    assert labkit.guess("decode_tokens_per_s", unit="tokens/s").field.value == ""


def test_a_guess_stands_beside_the_first_number_that_it_is_about():
    labkit.guess("decode_tokens_per_s", unit="tokens/s").field.value = "20"
    later = replace(SPEED, value=14.0)
    card = labkit.summarize("own", {"one": Result(SPEED), "two": Result(later)})
    assert [each.guess for each in card.entries] == [20, None]


def test_a_figure_of_a_later_result_shows_no_guess_but_its_own_cell_does(monkeypatch):
    shell = SimpleNamespace(get_parent=lambda: {"metadata": {"cellId": "one"}})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr(display, "_FIRST", {})
    labkit.guess("connections_tried", unit="connections").field.value = "7"
    local, called, again = (
        NetworkLog(
            tuple(Attempt("connection", None, "127.0.0.1", n) for n in range(tried)), 1, 1, ()
        )
        for tried in (1, 2, 3)
    )

    def shows(log):
        return "you guessed 7" in labkit.plot(log).html

    assert shows(local) and shows(again)  # the cell was run again
    for message in ({"metadata": {"cellId": "two"}}, {"metadata": {}}, {}, None):
        shell.get_parent = partial(copy, message)
        assert shows(again) and not shows(called) and not shows(local)
    card = labkit.summarize("own", {"called": called})
    assert card.entries[0].guess == 7
    labkit.guess("connections_tried", unit="connections").field.value = "8"
    assert "you guessed 8" in labkit.plot(called).html


def test_money_and_a_single_one_are_written_as_people_do():
    labkit.guess(unit="USD").field.value = "50"
    week = BookEntry("cloud_week_usd", "a week", 60.0, "USD")
    one = BookEntry("leaked_attacks", "attacks", 1, "attacks")
    card = labkit.summarize("own", {"week": Result(week), "one": Result(one)})
    assert "a week: $60.00, measured, you guessed $50.00" in repr(card)
    assert "attacks: 1 attack, measured" in repr(card)
    assert "guessed $50.00" in labkit.book()._repr_html_()


def test_an_emptied_field_and_a_slip_leave_no_guess():
    field = labkit.guess("load_s", unit="s")
    for typed in ("", "2 or 3"):
        field.field.value = "9"
        assert store.read_guesses()[0].value == 9 and "Kept" in field.status.value
        field.field.value = typed
        assert field.value is None and store.read_guesses() == ()
        assert ("No guess" in field.status.value) == (typed == "")


def test_no_guess_changes_nothing():
    figure = beside(go.Figure(), store.with_guesses([SPEED]))
    assert figure.layout.title.subtitle.text is None
    assert "guess" not in repr(labkit.summarize("own", {"measured": Result(SPEED)}))


@pytest.mark.parametrize(
    "typed",
    ["many", "1e999", "nan", "--", "1 or 2", "9" * 40, "1,000,5", "1,00,5", "1,0,000", "1.5,000"],
)
def test_what_is_not_a_number_is_a_sentence(typed):
    field = labkit.guess("load_s", unit="s")
    field.field.value = typed
    assert field.value is None and "must be a number" in field.status.value
    assert store.read_guesses() == ()


def test_a_guess_below_zero_is_of_a_difference_alone():
    field = labkit.guess(unit="tokens/s")
    field.field.value = "-5"
    assert field.value is None and store.read_guesses() == ()
    assert "must be 0 or more tokens/s; got &#x27;-5&#x27;" in field.status.value
    difference = labkit.guess(unit="points")
    difference.field.value = "-5"
    assert difference.value == -5 and "Kept" in difference.status.value


@given(st.floats(-1e12, 1e12))
def test_numbers_are_read_as_they_are_typed(number):
    assert read_number(f"{number:.4f}") == pytest.approx(number, abs=1e-4)
    assert read_number(f"{number:,.4f}") == pytest.approx(number, abs=1e-4)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        *[("0,125", 0.125), ("-0,125", -0.125), (",125", 0.125), ("1,125", 1125), ("10,000", 1e4)],
        *[("1\u00a0000", 1000), ("1\u202f234,5", 1234.5), ("1,234,567.5 %", 1_234_567.5)],
    ],
)
def test_no_thousands_begin_with_zero_and_spaces_part_them_too(typed, number):
    assert read_number(typed) == number


def test_a_kept_guess_is_shown_as_it_was_typed():
    labkit.guess("requests").field.value = "1234567"
    assert labkit.guess("requests").field.value == "1234567"


@given(st.floats(0, 1e12))
def test_a_short_number_is_near_and_has_no_power_of_ten(number):
    text = digits(number)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(number, rel=6e-3, abs=1e-9)


def test_a_guess_needs_a_name_or_a_unit():
    for bad in ({}, {"unit": 5}, {"name": None, "unit": ""}, {"unit": "s", "model": 5}):
        with pytest.raises(ValueError, match="guess needs"):
            labkit.guess(**bad)


# -- the card --------------------------------------------------------------------------------------


def test_a_card_ticks_the_goals_and_names_what_was_skipped():
    results = {"measured": Result(SPEED), "roof": Result(summary="under a roof"), "check": None}
    card = labkit.summarize("03_speed", results)
    assert [goal.reached for goal in card.goals] == [True, False, False]
    assert card.entries == (SPEED,) and card.lines == ("under a roof",)
    assert "7 · How long will my request take?" in card.skipped
    assert not any("Measure it" in section for section in card.skipped)
    assert "Not run: " in repr(card) and card.kept in card._repr_html_()


def test_a_panel_without_a_result_was_not_run():
    class Idle(RunPanel):
        no_result = "not asked"

        def __init__(self):
            pass

    panel = Idle()
    assert labkit.summarize("own", {"panel": panel}).lines == ()
    panel.result = Result(SPEED)
    assert labkit.summarize("own", {"panel": panel}).entries == (SPEED,)


def test_a_cards_html_is_safe():
    entry = replace(SPEED, label="<img src=x>", model="<b>", unit="&")
    page = labkit.summarize(
        "own", {"one": Result(entry), "two": Result(summary="<i>")}
    )._repr_html_()
    assert "<img" not in page and "<b>" not in page and "<i>" not in page
    store.keep("own", [entry])
    assert "<img" not in labkit.book()._repr_html_()


def test_results_must_have_names():
    with pytest.raises(TypeError, match="globals"):
        labkit.summarize("03_speed", [Result(SPEED)])


def test_no_prompt_is_kept(folder, smollm2):
    secret = "my very own question"
    reply = labkit.generate(smollm2, secret, max_tokens=4, seed=1)
    labkit.summarize("own", {"reply": reply, "prediction": labkit.predict(smollm2, secret)})
    kept = (folder / "own.json").read_text()
    assert "decode_tokens_per_s" in kept and "top_probability" in kept
    assert secret not in kept and reply.text not in kept
    assert json.loads(kept)["labkit_book"] == 1
