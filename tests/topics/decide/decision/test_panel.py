"""The panel by its controls: what is typed is decided on, kept, and said where it is wrong."""

import base64
import re

import pytest

import labkit as lab
from labkit.errors import LabError

from .test_recommend import MAIL, MINE

CODE = lab.decide.work("code", like="code", per_week=12_000, least_right=0.8, most_s=2.5)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "my-work.json"


def opened(file=None, kinds=(MAIL, CODE), **options):
    return lab.decide.decision_panel(kinds, file=file, book_of=MINE, **options)


def enter(panel, number, **texts):
    for name, text in texts.items():
        panel.kinds[number][name].value = text


def test_it_decides_as_recommend_does():
    panel = opened()
    expected = lab.decide.recommend([MAIL, CODE], book_of=MINE)
    assert panel.decision == expected and panel.summary == expected.summary
    assert panel.page.value == lab.plot(expected).html
    assert panel.static_form() == [panel.page.value]
    assert panel.book_entries == expected.book_entries


CHANGES = {
    "name": ("letters", "name", "letters"),
    "like": ("sentiment", "like", "sentiment"),
    "sensitivity": ("secret", "sensitivity", "secret"),
    "per_week": ("1,500", "per_week", 1500),
    "tokens_in": (" 20 ", "tokens_in", 20),
    "tokens_out": ("7", "tokens_out", 7),
    "least_right": ("95,5 %", "least_right", 0.955),
    "most_s": ("0.5", "most_s", 0.5),
}


@pytest.mark.parametrize("control", CHANGES)
def test_every_box_of_a_kind_counts(control):
    typed, field, value = CHANGES[control]
    panel = opened()
    before = panel.page.value
    enter(panel, 0, **{control: typed})
    assert getattr(panel.decision.choices[0].kind, field) == pytest.approx(value, abs=0)
    assert panel.page.value != before


def test_every_limit_counts():
    panel = opened()
    panel.limits["may_leave"].value = "nothing"
    panel.limits["offline"].value = True
    panel.limits["budget_usd"].value = "$2"
    limits = panel.decision.limits
    assert (limits.may_leave, limits.offline, limits.budget_usd) == ("nothing", True, 2)
    panel.limits["budget_usd"].value = ""
    assert panel.decision.limits.budget_usd is None


def test_an_empty_box_means_what_it_shows():
    panel = opened()
    enter(panel, 1, per_week="", tokens_in="", tokens_out="", least_right="", most_s="")
    assert panel.decision.choices[1].kind == lab.decide.work("code", like="code")
    shown = [panel.kinds[1][name].placeholder for name in ("per_week", "tokens_in", "tokens_out")]
    assert shown == ["100", "500", "200"]


def test_a_kind_begins_and_ends_with_its_name():
    panel = opened(kinds=())
    assert "type the name of one" in panel.status.value and panel.page.value == ""
    with pytest.raises(LabError, match="no decision yet"):
        _ = panel.decision
    boxes = [each["name"].layout.display for each in panel.kinds]
    assert boxes == ["", *["none"] * 4] or boxes == [None, *["none"] * 4]
    enter(panel, 0, name="ideas")
    enter(panel, 1, name="<b>mail</b>")
    assert [each.kind.name for each in panel.decision.choices] == ["ideas", "<b>mail</b>"]
    assert "<b>mail" not in panel.page.value and panel.kinds[2]["name"].layout.display != "none"
    enter(panel, 0, name=" ")
    assert [each.kind.name for each in panel.decision.choices] == ["<b>mail</b>"]


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("per_week", "often", "times a week of “mail” must be a number, such as 20; got"),
        ("per_week", "-1", "times a week of “mail” must be a number, 0 to 10,000,000; got -1"),
        ("tokens_in", "0", "tokens in of “mail” must be a whole number, 1 to 1,000,000; got 0"),
        ("tokens_out", "2.5", "tokens out of “mail” must be a whole number"),
        ("least_right", "170", "% right of “mail” must be a number, 0, or 1 to 100; got 170"),
        ("least_right", "0.7", "% right of “mail” must be a number, 0, or 1 to 100; got 0.7"),
        ("most_s", "0", "seconds of “mail” must be a number, above 0; got 0"),
        ("most_s", "9" * 200_000, "seconds must be at most"),
        ("name", "a" * 61, "must be a text of 1 to 60 characters"),
    ],
)
def test_a_slip_gets_a_sentence_and_the_page_stays(name, typed, sentence):
    panel = opened()
    page, decision = panel.page.value, panel.decision
    enter(panel, 0, **{name: typed})
    assert sentence in panel.status.value and "is from before" in panel.status.value
    assert panel.page.value == page and panel.decision is decision
    assert panel.static_form() == [panel.status.value, page]
    enter(panel, 0, **{name: "1" if name != "name" else "mail"})
    assert panel.decision is not decision and "alert" not in panel.status.value


def test_a_budget_below_nothing_is_said_with_its_label():
    panel = opened()
    panel.limits["budget_usd"].value = "-3"
    assert "$ a week must be a number, at least 0; got -3" in panel.status.value


def test_nothing_that_was_typed_is_lost(file):
    panel = opened(file)
    enter(panel, 2, name="ideas", per_week="1,000", least_right="half")
    panel.limits["offline"].value = True
    assert "must be a number" in panel.status.value
    again = opened(file, kinds=())
    assert again.kinds[2]["least_right"].value == "half" and again.limits["offline"].value
    assert "must be a number" in again.status.value and "As you left it" in again.status.value
    enter(again, 2, least_right="50")
    assert again.decision.choices[2].kind.least_right == 0.5 and "Kept in" in again.status.value
    assert "delete that file to begin anew" in opened(file).status.value


@pytest.mark.parametrize("texts", ["{}", '"labkit_work"', '{"labkit_work": 1, "kinds": 3}'])
def test_a_file_of_something_else_gets_a_sentence(file, texts):
    file.write_text(texts)
    with pytest.raises(LabError, match="does not hold kinds of work"):
        opened(file)
    assert file.read_text() == texts


def test_a_file_with_an_unknown_choice_or_too_many_kinds_gets_a_sentence(file):
    opened(file).limits["offline"].value = True
    good = file.read_text()
    for wrong in (good.replace('"triage"', '"poetry"'), good.replace('"internal"', '"x"')):
        file.write_text(wrong)
        with pytest.raises(LabError, match="a choice is unknown"):
            opened(file)
    kind = re.search(r"\{[^{}]*\},", good).group()
    file.write_text(good.replace(kind, 2 * kind, 1))
    with pytest.raises(LabError, match="more than 5"):
        opened(file)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    panel = opened(tmp_path / "missing" / "x.json")
    panel.limits["offline"].value = True
    assert panel.decision.limits.offline and "x.json" in panel.status.value
    enter(panel, 0, per_week="often")
    assert "must be a number" in panel.status.value and "x.json" in panel.status.value


def test_the_downloads_are_the_files_that_save_writes(tmp_path):
    panel = opened()
    for end, kind in (("html", "text/html"), ("md", "text/markdown")):
        pattern = rf'download="decision\.{end}" href="data:{kind};base64,([^"]+)"'
        text = base64.b64decode(re.search(pattern, panel.downloads.value).group(1)).decode()
        assert text == lab.save(panel.decision, tmp_path / f"d.{end}").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"kinds": [MAIL] * 6}, "kinds must be 1 to 5 kinds of work.*; got 6"),
        ({"kinds": ["mail"]}, "kinds must be 1 to 5 kinds of work"),
        ({"offline": True}, "options are clouds, cards, .*; got 'offline'"),
        ({"file": ""}, "file must be a file's name; got ''"),
        ({"file": 5}, "file must be a file's name"),
    ],
)
def test_bad_input_gets_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        opened(**arguments)


def test_one_kind_needs_no_list_and_a_generator_lasts():
    panel = opened(kinds=MAIL, clouds=(name for name in ["gpt-4.1"]))
    for times in ("1", "2"):
        enter(panel, 0, per_week=times)
        options = [each.option.name for each in panel.decision.choices[0].offers]
        assert options == ["smollm2-135m, here", "GPT-4.1"]
