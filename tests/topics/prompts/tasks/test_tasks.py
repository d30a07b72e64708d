"""The lab's tasks, a learner's own files, checkers, and prompts by their parts."""

import json
from collections import Counter

import pytest

import labkit
from labkit.data import FOLDER
from labkit.errors import LabError
from labkit.topics.prompts.tasks.checkers import has_form, has_same_fields, is_same_text
from labkit.topics.prompts.tasks.prompt import PARTS
from labkit.topics.prompts.tasks.task import HELD_OUT, NAMES, PRACTICE, SolvedExample

load_task, full_prompt = labkit.prompts.load_task, labkit.prompts.full_prompt


@pytest.mark.parametrize("name", NAMES)
def test_the_labs_tasks_are_balanced_and_half_held_out(name):
    task = load_task(name)
    assert 60 <= len(task.items) <= 150
    assert len({item.text for item in task.items}) == len(task.items)
    assert len(task.half(PRACTICE)) == len(task.half(HELD_OUT)) == len(task.items) / 2
    shown = {example.text for example in task.examples}
    assert not shown & {item.text for item in task.items}
    if name != "fields":
        for half in (PRACTICE, HELD_OUT):
            assert len(set(Counter(item.answer for item in task.half(half)).values())) == 1


@pytest.mark.parametrize("name", ["fields", "format"])
def test_the_examples_of_written_tasks_are_right_themselves(name):
    task = load_task(name)
    if name == "fields":
        for each in (*task.examples, *task.items):
            assert set(json.loads(each.answer)) == {"name", "people", "day"}
            fields = json.loads(each.answer)
            assert fields["name"] in each.text or fields["name"].split()[0] in each.text
    else:
        patterns = {item.text.split("? ", 1)[-1]: item.pattern for item in task.items}
        for each in task.examples:
            how = next(p for text, p in patterns.items() if text.split(". ")[-1] in each.text)
            assert has_form(each.answer, "", how), each


def test_a_csv_of_ones_own_is_halved_label_by_label(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("text,answer,more\n" + "".join(f"text {n},{'ab'[n % 2]},x\n" for n in range(8)))
    task = load_task(path, instruction="Which letter?")
    assert task.options == ("a", "b") and task.checker == "options"
    assert Counter((item.answer, item.half) for item in task.items) == {
        (answer, half): 2 for answer in "ab" for half in (PRACTICE, HELD_OUT)
    }
    assert "mine" in repr(task) and full_prompt(task).instruction == "Which letter?"


def test_many_answers_are_written_and_a_json_list_is_read(tmp_path):
    path = tmp_path / "mine.json"
    rows = [{"text": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(30)]
    path.write_text(json.dumps(rows))
    assert load_task(path).checker == "exact" and not load_task(path).options


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", "columns none"),
        ("a.csv", "text,answer\n", "no items"),
        ("a.csv", "text,label\nx,y\n", "columns label, text"),
        ("a.csv", "text,answer\nx,\n", "item 1: its text or its answer is empty"),
        ("a.csv", b"text,answer\n\xff,y\n", "not UTF-8"),
        ("a.csv", f"text,answer\n{'x' * 10_000_000},y\nz,w\n", "10,000,000 characters"),
        ("a.csv", "text,answer\nx,y\nz,y\n", "two or more"),
        ("a.json", "[]", "no items"),
        ("a.json", '[{"text": NaN, "answer": "y"}]', "damaged"),
        ("a.json", '[{"text": 5, "answer": "y"}]', "text"),
        ("a.json", "{}", "damaged"),
        ("a.json", "[" * 100_000, "damaged"),
    ],
)
def test_files_that_hold_no_task_get_a_sentence(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LabError, match=words):
        load_task(path)


def test_labels_that_do_not_match_the_options_are_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,answer\nx,yes\ny,maybe\n")
    with pytest.raises(LabError, match="item 2: its answer 'maybe' is not one of yes, no"):
        load_task(path, options=("yes", "no"))
    with pytest.raises(LabError, match="no task 'sentimental'"):
        load_task("sentimental")
    with pytest.raises(LabError, match="cannot be read"):
        load_task(tmp_path / "none.csv")


def test_checkers_take_what_is_right_and_nothing_else():
    assert is_same_text("Paris.", "paris") and not is_same_text("Paris, France", "Paris")
    right = '{"name": "A B", "people": 2}'
    assert has_same_fields('{"people": "2", "name": "a b"}', right)
    for wrong in ('{"name": "A B"}', "A B, 2", "[1]", '{"name": "A B", "people": 2, "day": 1}'):
        assert not has_same_fields(wrong, right)
    assert not has_same_fields("[" * 100_000, right)
    assert has_form("- a\n- b", "", r"- .+\n- .+") and not has_form("a", "", "json")


def test_parts_are_left_out_one_by_one():
    task = load_task("sentiment")
    whole = full_prompt(task)
    assert whole.parts == PARTS
    for part in PARTS:
        assert whole.without(part).parts == tuple(each for each in PARTS if each != part)
    bare = whole.without(*PARTS)
    assert bare.text(task, "Fine.") == "Review: Fine.\nSentiment:"
    assert bare.label == "the item alone"
    messages = whole.messages(task, "Fine.")
    assert [m["role"] for m in messages] == ["system", *["user", "assistant"] * 6, "user"]
    assert whole.instruction in messages[1]["content"]
    assert whole.changed(instruction="So?").instruction == "So?"
    with pytest.raises(ValueError, match="a part must be one of"):
        whole.without("colour")
    with pytest.raises(ValueError, match="the parts of a prompt"):
        whole.changed(colour="red")
    with pytest.raises(ValueError, match="instruction must be a text"):
        whole.changed(instruction=5)
    for many in (7, 2.0, True):
        with pytest.raises(ValueError, match="examples must be a whole number, 0 to 6"):
            full_prompt(task, examples=many)
    for examples in ("ab", [("a", "b")]):
        with pytest.raises(ValueError, match="examples must be a tuple of solved examples"):
            full_prompt(task, examples=examples)
    own = iter([SolvedExample("Fine.", "positive")])
    assert full_prompt(task, examples=own).examples == (SolvedExample("Fine.", "positive"),)


def test_options_are_read_once_and_each_counts_once(tmp_path):
    """A space after a word, as spreadsheets leave it, makes no option of its own."""
    path = tmp_path / "mine.csv"
    path.write_text("text,answer\nGood,yes \nBad,no\nFine,yes\n")
    assert load_task(path).options == ("yes", "no")
    options = (each for each in ["yes", "no", " yes", "maybe"])
    task = load_task(path, options=options)
    assert task.options == ("yes", "no", "maybe") and task.chance == 1 / 3
    for options in ("yes", 5, [], [5]):
        with pytest.raises(ValueError, match="options must be one or more texts, as in "):
            load_task(path, options=options)


@pytest.mark.parametrize("argument", [{"instruction": "X"}, {"options": ("a", "b")}])
def test_what_a_task_has_itself_is_not_given(tmp_path, argument):
    for name in ("triage", written(tmp_path, "triage", {})):
        with pytest.raises(
            ValueError, match=f"{next(iter(argument))} must be left out: .* its own"
        ):
            load_task(name, **argument)


def written(tmp_path, name, changes):
    task = json.loads((FOLDER / "tasks" / f"{name}.json").read_text())
    (tmp_path / "task.json").write_text(json.dumps(task | changes))
    return tmp_path / "task.json"


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        ("format", {"max_tokens": 0}, "max_tokens: it must be 1 to 4,096"),
        ("format", {"max_tokens": 10**18}, "max_tokens: it must be 1 to 4,096"),
        ("format", {"items": [{"text": "a", "answer": "b", "pattern": "(("}]}, "its pattern is wr"),
        ("fields", {"items": [{"text": "a", "answer": "{no"}]}, "is not a JSON object"),
        ("fields", {"items": [{"text": "a", "answer": "{}"}]}, "is not a JSON object"),
        ("format", {"name": "a\x1b[31m"}, "name: it holds control characters"),
        ("format", {"options": ["a", "b"]}, "with the checker pattern there must be none"),
        ("sentiment", {"options": ["positive", "negative"] * 2}, "each must be there once"),
    ],
)
def test_a_task_that_would_fail_later_fails_as_it_is_opened(tmp_path, name, changes, problem):
    with pytest.raises(LabError, match=problem):
        load_task(written(tmp_path, name, changes))


def test_a_pattern_that_would_never_end_is_not_matched():
    """Python's own re tries 2^40 ways here, and cannot be interrupted."""
    assert not has_form("a" * 40 + "!", "", "(a+)+$")
    assert not has_form("a" * 30_000 + "!", "", "(a|aa)+?[^!]$")


def test_a_task_from_a_table_shows_no_control_characters(tmp_path):
    (tmp_path / "a.csv").write_text("text,answer\none,\x1b]0;x\x07\ntwo,y\n")
    assert "\x1b" not in repr(load_task(tmp_path / "a.csv"))
