"""Notebook 10 in JupyterLab: run whole; and its page, which prints on one sheet of A4."""

import re

import pytest

import labkit as lab
from labkit.lab_book.book import LabBook
from labkit.lab_book.entry import BookEntry
from labkit.lab_book.store import Page, this_machine

from .chromium import CHROMIUM, new_page, start_chromium
from .notebook_page import assert_ran_whole, assert_readable

NOTEBOOK = "10_decide"


@pytest.mark.slow
def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=3)


@pytest.mark.slow
def test_its_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


@pytest.mark.slow
def test_what_must_not_leave_stayed_and_the_rest_went(ran):
    ran.get_by_text("small, by policy (it holds what must not leave)").first.wait_for()
    ran.get_by_text("large, by rule").first.wait_for()


@pytest.mark.slow
def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []


def full_decision():
    """Five kinds of work with eight options each: as much as a page may have to hold."""
    numbers = [("decode_tokens_per_s", 20, "tokens/s"), ("prefill_tokens_per_s", 200, "tokens/s")]
    numbers += [(f"{name}_right_percent", 30, "%") for name in ("arithmetic", "facts", "letters")]
    entries = tuple(
        BookEntry(name, "", value, unit, 0.9 * value, 1.1 * value, model=model)
        for model in ("smollm2-135m", "qwen2.5-coder-0.5b", "gemma-3-270m")
        for name, value, unit in numbers
    )
    book = LabBook((Page("03_speed", "2026-11-27T10:00:00+00:00", this_machine(), (), entries),))
    kinds = [
        lab.decide.work(
            f"a kind of work with a long name, {like}",
            like=like,
            per_week=1234,
            least_right=0.25,
            most_s=100,
            sensitivity=sensitivity,
        )
        for like, sensitivity in (
            ("facts", "public"),
            ("arithmetic", "internal"),
            ("letters", "secret"),
            ("code", "internal"),
            ("general", "secret"),
        )
    ]
    cards = ["rtx-3090", "rtx-4090"]
    return lab.decide.recommend(kinds, cards=cards, budget_usd=20, book_of=book)


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")
def test_the_fullest_page_prints_on_one_sheet_of_a4(tmp_path):
    file = lab.save(full_decision(), tmp_path / "decision.html")
    with start_chromium() as browser:
        page = new_page(browser)
        page.goto(file.as_uri())
        sheet = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b(?!s)", sheet)) == 1
        width, height = map(float, re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)", sheet).groups())
        assert (round(width), round(height)) == (595, 842)  # points: 210 by 297 mm
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.requests == [file.as_uri()]
