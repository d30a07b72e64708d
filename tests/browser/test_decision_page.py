"""The page of a decision, in a browser: it prints on one sheet of A4 and fits a phone."""

import re

import labkit as lab
from labkit.lab_book.book import LabBook
from labkit.lab_book.entry import BookEntry
from labkit.lab_book.store import Page, this_machine

from .chromium import new_page, start_chromium


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
