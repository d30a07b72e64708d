"""Maps of what a model gets right: the questions are right, and so is the counting."""

import dataclasses
from itertools import combinations

import pytest

import labkit
from labkit.topics.limits.accuracy import accuracy_map
from labkit.topics.limits.accuracy.accuracy_map import AccuracyMap, Answer, MapPlan
from labkit.topics.limits.accuracy.ask import Question
from labkit.topics.limits.accuracy.countries import INVENTED, countries
from labkit.topics.limits.accuracy.letters import FRUITS, WORDS
from labkit.topics.limits.accuracy.repeat import RepeatedMistakes, RepeatedQuestion


@pytest.fixture(scope="module")
def sums(untrained):
    return labkit.limits.arithmetic(untrained, digits=(1, 3), operations="+*", items=4)


@pytest.fixture(scope="module")
def capitals(untrained, notebook_files):
    return labkit.limits.facts(untrained, items=2)


def test_every_calculation_is_right_and_asked_once(untrained):
    asked = labkit.limits.arithmetic(untrained, digits=(1, 2), items=12, seed=3)
    texts = [each.question.text for each in asked.answers]
    assert len(set(texts)) == len(texts) == 6 * 12
    for each in asked.answers:
        left, sign, right, _ = each.question.text.split()
        value = {"+": int.__add__, "-": int.__sub__, "×": int.__mul__}[sign](int(left), int(right))
        assert each.question.answer == str(value) and value >= 0
        assert {len(left), len(right)} == {int(each.question.column.split()[0])}
        assert each.right == (each.text.strip(" .") in (str(value), f"{value:,}"))


def test_the_answer_is_that_of_the_model_alone(smollm2):
    asked = labkit.limits.arithmetic(smollm2, digits=(1,), operations="+", items=2)
    each = asked.answers[0]
    prompt = asked.plan.prompt(each.question)
    alone = labkit.generate(smollm2, prompt, raw=True, temperature=0, max_tokens=10).text
    assert alone.strip().split("\n")[0].strip() == each.text


def test_cells_are_counted_with_their_interval(sums):
    assert sums.rows == ("+", "×") and sums.columns == ("1 digit", "3 digits")
    cells = [sums.cell(row, column) for row in sums.rows for column in sums.columns]
    assert [cell.count for cell in cells] == [4] * 4
    assert sum(cell.right for cell in cells) == sums.cell().right == sum(sums.marks.values())
    figure = labkit.plot(sums)
    assert figure.data[0].z[0][0] == cells[0].share
    assert figure.data[0].text[0][0].startswith(f"{cells[0].right} of 4<br>(")


def test_the_tokens_beside_it_are_those_that_the_model_reads(untrained, sums):
    assert ["".join(each).strip() for each in sums.tokens] == list(sums.plan.samples)
    assert [len(each.strip()) for each in sums.plan.samples] == [1, 3]
    assert "each frame is a token" in labkit.plot(sums, kind="tokens").html


def test_what_a_model_writes_is_escaped():
    question = Question("<i>?", "a", "r", "c")
    plan = MapPlan("x", "<b>", ("x", "y"), (question,), (), "Do.", 4, ("<u>",))
    made = AccuracyMap("<m>", plan, (Answer(question, "<script>", False),), (("<u>",),), 1.0)
    assert "<script>" not in labkit.plot(made, kind="answers").html
    assert "<u>" not in labkit.plot(made, kind="tokens").html
    assert "<b>:" not in labkit.plot(made).layout.title.text


def test_letters_ask_what_is_true(untrained):
    asked = labkit.limits.letters(untrained, items=3)
    assert len(asked.answers) == 5 * 4 * 3 and len(set(asked.marks)) > 50
    assert [len(words) for words in WORDS] == [20] * 4 and all(w.islower() for w in sum(WORDS, ()))
    for each in asked.answers:
        question = each.question
        if question.row == "write backwards":
            assert f'"{question.answer[::-1]}"' in question.text
        elif question.row == "sort words":
            words = question.text.partition(": ")[2].split(", ")
            assert question.answer == ", ".join(sorted(words)) and set(words) <= set(FRUITS)
        elif question.row == "count a letter":
            letter, word = question.text.split('"')[1::2]
            assert question.answer == str(word.count(letter)) != "0"


def test_countries_fall_into_tenths_by_people(notebook_files):
    known = countries()
    assert known[0].name == "China" and known[0].decile == 1 and known[-1].decile == 10
    sizes = [sum(each.decile == n for each in known) for n in range(1, 11)]
    assert max(sizes) - min(sizes) <= 1 and min(sizes) >= 23
    capital = {each.name: each.capital for each in known}
    assert capital["Burundi"] == "Gitega" and capital["Eswatini"] == "Mbabane"
    assert "Netherlands Antilles" not in capital and "Equatorial Guinea" not in capital
    assert not set(INVENTED) & set(capital)


def capital_of(name):
    country = next(each for each in countries() if each.name == name)
    return Question(name, country.capital, "exist", "1", country.also)


@pytest.mark.parametrize(
    ("country", "answers"),
    [
        ("Ukraine", ("Kiev", "Kyiv.")),
        ("Yemen", ("Sana'a", "Sana’a", "Sanaa")),
        ("Chad", ("N’Djamena", "N'Djaména", "Ndjamena")),
        ("New Caledonia", ("Nouméa",)),
        ("Sao Tome and Principe", ("São Tomé",)),
        ("Faroe Islands", ("Tórshavn",)),
        ("Guam", ("Hagåtña",)),
        ("Kiribati", ("South Tarawa",)),
        ("Western Sahara", ("Laayoune", "Laâyoune", "El Aaiún")),
        ("Macao", ("Macau",)),
        ("Kosovo", ("Prishtina",)),
        ("Moldova", ("Chișinău", "Chisinau")),
        ("Grenada", ("St. George’s", "Saint George's")),
        ("Curacao", ("Willemstad",)),
    ],
)
def test_a_capital_counts_as_right_in_its_usual_spellings(notebook_files, country, answers):
    question = capital_of(country)
    assert all(map(question.accepts, answers)) and not question.accepts("Paris")


def test_no_capital_has_a_spelling_twice_or_spaces_around_it(notebook_files):
    for country in countries():
        for name in (country.name, country.capital, *country.also):
            assert name == name.strip()
        for one, other in combinations((country.capital, *country.also), 2):
            assert not Question("?", one, "exist", "1").accepts(other), country


def test_facts_count_what_is_made_up(capitals):
    assert capitals.known.count == 20 and capitals.invented.count == 2
    assert {each.name for each in capitals.book_entries} == {
        "facts_right_percent",
        "facts_invented_percent",
    }
    figure = labkit.plot(capitals)
    assert list(figure.data[1].y) == [capitals.invented.share]
    assert len(figure.data[0].x) == 10
    shown = {text for text, _ in capitals.plan.solved}
    assert not shown & {each.question.text for each in capitals.answers}


def test_permission_is_part_of_the_prompt(untrained, notebook_files):
    allowed = labkit.limits.facts(untrained, items=1, allow_unknown=True)
    assert 'answer "there is no such country"' in allowed.plan.instruction
    assert sum(answer == "there is no such country" for _, answer in allowed.plan.solved) == 2
    assert {each.name for each in allowed.book_entries} == {
        "facts_allowed_right_percent",
        "facts_allowed_invented_percent",
    }


def test_mistakes_are_the_same_every_time_at_temperature_0(untrained, sums):
    repeated = labkit.limits.repeat_mistakes(untrained, sums, items=3, times=3)
    assert repeated.same_share == 1 and len(repeated.questions) == 3
    was = {each.question: each.text for each in sums.answers}
    for each in repeated.questions:
        assert set(each.cold) == {was[each.question]} and len(each.warm) == 3
    assert "3 × " in labkit.plot(repeated).html


def test_mistakes_are_asked_as_they_were_the_first_time(untrained, sums, monkeypatch):
    """By the copy that reads long prompts, and cut where the plan ends an answer."""
    readers = []

    def write_answers(model, prompts, **_):
        readers.append(model)
        yield from ((number, "8113. The code") for number in range(len(prompts)))

    monkeypatch.setattr(accuracy_map, "write_answers", write_answers)
    monkeypatch.setattr(accuracy_map, "reading_copy", lambda model: "copy")
    plan = dataclasses.replace(sums.plan, stop=".", is_long=True)
    first = accuracy_map.ask_map(untrained, plan)
    repeated = labkit.limits.repeat_mistakes(untrained, first, items=2, times=2)
    assert first.model == untrained.name and readers == ["copy"] * 3
    texts = {each.text for each in first.answers}
    for each in repeated.questions:
        assert {*each.cold, *each.warm} == texts == {"8113"}


def test_an_interrupt_keeps_what_came(untrained, monkeypatch):
    def stopped(*args, **options):
        yield 1, "5"
        raise KeyboardInterrupt

    monkeypatch.setattr(accuracy_map, "write_answers", stopped)
    asked = labkit.limits.arithmetic(untrained, digits=(1,), items=2)
    assert len(asked.answers) == 1 and "stopped; 6 were to be asked" in asked.summary
    assert "measured, stopped; 6 were to be asked" in labkit.plot(asked).layout.title.text
    nothing = dataclasses.replace(asked, answers=())
    assert "stopped before" in nothing.summary and nothing.book_entries == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"digits": (0,)}, "each number of digits must be a whole number, 1 to 18; got 0"),
        ({"digits": ()}, r"digits must be one or more numbers of digits, .*; got \(\)"),
        ({"digits": 3}, "digits must be one or more numbers of digits, .*; got 3"),
        ({"operations": "/"}, "operations must be one or more of .*; got '/'"),
        ({"operations": ()}, "operations must be one or more of"),
        ({"operations": None}, "operations must be one or more of .*; got None"),
        ({"items": 41}, "items must be a whole number, 1 to 40; got 41"),
    ],
)
def test_bad_input_gets_a_sentence(untrained, options, message):
    with pytest.raises(ValueError, match=message):
        labkit.limits.arithmetic(untrained, **options)


def test_a_stopped_run_says_so_in_summary_and_title(capitals):
    (real, *_, invented), how = capitals.answers, "measured, stopped; 22 were to be asked"
    begun = dataclasses.replace(capitals, answers=(real, invented))
    for text in (begun.summary, labkit.plot(begun).layout.title.text):
        assert how in text
    for text in (capitals.summary, labkit.plot(capitals).layout.title.text):
        assert "measured" in text and "stopped" not in text
    repeated = RepeatedMistakes("m", 1.0, (RepeatedQuestion(real.question, ("",), ("",)),), 2)
    assert "m, 1 question it got" in repeated.summary and "stopped; 2 were" in repeated.summary


@pytest.mark.parametrize("verb", ["arithmetic", "letters"])
def test_no_question_stands_solved_in_its_own_prompt(monkeypatch, verb):
    monkeypatch.setattr(f"labkit.topics.limits.accuracy.{verb}.ask_map", lambda _, plan: plan)
    for seed in range(20):
        plan = getattr(labkit.limits, verb)(None, items=20, seed=seed)
        assert not {each.text for each in plan.questions} & dict(plan.solved).keys()


def test_no_question_is_asked_twice_in_a_cell(monkeypatch):
    monkeypatch.setattr("labkit.topics.limits.accuracy.letters.ask_map", lambda _, plan: plan)
    for seed in range(5):
        questions = labkit.limits.letters(None, items=20, seed=seed).questions
        assert len({(each.text, each.column) for each in questions}) == 5 * 4 * 20


@pytest.mark.parametrize("seed", [None, -1, [1], "x", 0.5, 2**63])
def test_a_seed_is_a_whole_number(untrained, sums, seed):
    ask, again = labkit.limits, {"answered": sums}
    verbs = {ask.arithmetic: {}, ask.letters: {}, ask.facts: {}, ask.repeat_mistakes: again}
    verbs |= {ask.long_text: {}, ask.calibration: {}, ask.write_code: {}}
    for verb, more in verbs.items():
        with pytest.raises(ValueError, match="seed must be a whole number, 0 to 9,223"):
            verb(untrained, **more, seed=seed)


def test_numbers_of_digits_may_come_from_a_generator(monkeypatch):
    monkeypatch.setattr("labkit.topics.limits.accuracy.arithmetic.ask_map", lambda _, plan: plan)
    plan = labkit.limits.arithmetic(None, digits=(n for n in (1, 2)), items=1)
    assert plan.samples[0] and len(plan.samples) == 2 and len(plan.questions) == 6


def test_more_bad_input(untrained, sums):
    with pytest.raises(ValueError, match="items must be a whole number, 1 to 20"):
        labkit.limits.letters(untrained, items=21)
    with pytest.raises(ValueError, match="items must be a whole number, 1 to 22"):
        labkit.limits.facts(untrained, items=0)
    with pytest.raises(ValueError, match=r"answered must come from .*; got 'x'"):
        labkit.limits.repeat_mistakes(untrained, "x")
    right = tuple(dataclasses.replace(each, right=True) for each in sums.answers)
    with pytest.raises(ValueError, match="answered must hold a wrong answer"):
        labkit.limits.repeat_mistakes(untrained, dataclasses.replace(sums, answers=right))
    with pytest.raises(ValueError, match="temperature must be a number, above 0 and at most 5"):
        labkit.limits.repeat_mistakes(untrained, sums, temperature=0)
    with pytest.raises(labkit.LabError, match="Limits are measured with all probabilities"):
        labkit.limits.arithmetic("gpt-5")
