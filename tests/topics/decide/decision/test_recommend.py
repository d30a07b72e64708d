"""A decision from a lab book: only what stands in it, each number with its origin."""

import math
import re
from dataclasses import replace

import mistune
import pytest
from bs4 import BeautifulSoup

import labkit as lab
from labkit.errors import LabError
from labkit.lab_book.book import LabBook
from labkit.lab_book.entry import BookEntry
from labkit.lab_book.store import Page, this_machine
from labkit.topics.cost.facts import RangedNumber
from labkit.topics.decide import exercises
from labkit.topics.decide.decision import wording
from labkit.topics.decide.decision.figures import TITLE
from labkit.topics.decide.decision.options import NO_MODEL
from labkit.topics.decide.decision.quality import GRADED
from labkit.topics.decide.decision.recommend import recommend, work
from labkit.topics.decide.decision.sensitivity import Sensitivity, TurningPoint
from labkit.topics.decide.routing import graded

SMALL = {"model": "smollm2-135m"}
SPEEDS = (
    BookEntry("decode_tokens_per_s", "writing speed", 20, "tokens/s", 18, 22, **SMALL),
    BookEntry("prefill_tokens_per_s", "reading speed", 200, "tokens/s", **SMALL),
)
RIGHT = (
    BookEntry("right_answers_percent", "right answers, sentiment", 90, "%", 80, 95, **SMALL),
    BookEntry("right_answers_percent", "right answers, triage", 70, "%", 56, 81, **SMALL),
)
MAIL = work("mail", like="triage", per_week=400, tokens_in=200, tokens_out=5, least_right=0.6)
EMPTY = LabBook(())


class Measured:
    def __init__(self, *entries):
        self.book_entries = entries


def page(notebook, *entries, machine=None, day="2026-11-27"):
    machine = this_machine() if machine is None else machine
    return Page(notebook, f"{day}T10:00:00+00:00", machine, (), entries)


MINE = LabBook((page("03_speed", *SPEEDS), page("07_prompts", *RIGHT)))


def offer(decision, name, number=0):
    return next(e for e in decision.choices[number].offers if e.option.name == name)


def test_numbers_are_those_of_the_book_with_their_origin():
    found = offer(recommend([MAIL], book_of=MINE), "smollm2-135m, here")
    assert found.verdict == "recommended"
    assert (found.right.low, found.right.likely) == (pytest.approx(0.56), pytest.approx(0.7))
    assert found.right.origin == "measured here" and "07_prompts" in found.right.source
    assert found.seconds == pytest.approx(200 / 200 + 5 / 20)
    assert wording.numbers_of(found)[:2] == ("70% (56% to 81%) [m]", "1.25 s [m]")
    assert wording.numbers_of(found)[2].endswith("[a]")  # the watts are assumed


def test_with_an_empty_book_the_page_says_what_to_run_and_fills_nothing_in():
    decision = recommend([MAIL], book_of=EMPTY)
    assert decision.taken == () and decision.headline.startswith("Not decided")
    here = next(e for e in decision.choices[0].offers if not e.option.leaves)
    assert (here.option.name, here.verdict, here.seconds) == (NO_MODEL, "unknown", None)
    assert any("lab.measure" in each for each in decision.to_run)
    html = lab.plot(decision).html
    assert "lab.measure" in html and "No model was measured on this machine yet" in html
    assert "No model was measured" not in lab.plot(recommend([MAIL], book_of=MINE)).html
    assert "What turns it: nothing, until more is known" in html
    assert "[a] assumed: electricity" not in html
    [count] = decision.book_entries
    assert (count.value, count.unit) == (0, "of 1")


def test_what_has_no_option_is_not_called_unmet():
    ideas = work("ideas", like="general")
    mine = work("mine", like="triage", sensitivity="secret", least_right=0.9)
    decision = recommend([ideas, MAIL, mine], book_of=EMPTY)
    assert decision.headline == "Cloud, and 2 of 3 without an option"
    decision = recommend([MAIL, ideas, mine], book_of=MINE)
    assert decision.headline == "Local, and 1 of 3 not met"


def test_what_was_measured_on_another_machine_is_no_speed_of_this_one():
    book = LabBook((page("03_speed", *SPEEDS, machine="another, 64 cores"), *MINE.pages[1:]))
    found = offer(recommend([MAIL], book_of=book), "smollm2-135m, here")
    assert found.right is not None and found.seconds is None and found.verdict == "unknown"


def test_the_newest_number_counts_and_a_stand_in_is_no_model_here():
    newer = BookEntry("right_answers_percent", "right answers, triage", 75, "%", **SMALL)
    stand_in = BookEntry(
        *("decode_tokens_per_s", "writing speed", 99, "tokens/s"),
        origin="stand-in",
        model="smollm2-135m (stand-in)",
    )
    pages = (*MINE.pages, page("07_prompts", newer, stand_in, day="2026-11-28"))
    decision = recommend([MAIL], book_of=LabBook(pages))
    found = offer(decision, "smollm2-135m, here")
    assert found.right.likely == pytest.approx(0.75)
    assert found.option.write_tokens_per_s.likely == 20
    assert sum(not e.option.leaves for e in decision.choices[0].offers) == 1


def test_what_calibration_gained_in_notebook_07_counts():
    calibrated = BookEntry("calibrated_percent", "calibrated, triage", 72, "%", 58, 83, **SMALL)
    pages = (*MINE.pages, page("07_prompts", RIGHT[1], calibrated, day="2026-11-28"))
    found = offer(recommend([MAIL], book_of=LabBook(pages)), "smollm2-135m, here").right
    assert found.likely == pytest.approx(0.72) and "calibrated, triage" in found.source


def test_a_share_measured_elsewhere_is_said_to_be_and_counts_after_ones_own():
    theirs = BookEntry("right_answers_percent", "right answers, triage", 75, "%", **SMALL)
    other = page("07_prompts", theirs, machine="another, 64 cores", day="2026-11-28")
    decision = recommend([MAIL], book_of=LabBook((MINE.pages[0], other)))
    found = offer(decision, "smollm2-135m, here")
    assert wording.numbers_of(found)[0] == "75% [e]"
    [line] = [each for each in wording.sources(decision) if each.startswith("[e]")]
    assert line.startswith("[e] measured elsewhere: notebook 07") and "another, 64 cores" in line
    mine = offer(recommend([MAIL], book_of=LabBook((*MINE.pages, other))), "smollm2-135m, here")
    assert (mine.right.likely, mine.right.origin) == (pytest.approx(0.7), "measured here")


def test_the_speed_of_other_weights_or_behind_an_address_is_not_that_of_the_model():
    fast = BookEntry("decode_tokens_per_s", "x", 99, "tokens/s", model="smollm2-135m (llama.cpp)")
    pages = (*MINE.pages, page("03_speed", fast, day="2026-11-28"))
    found = offer(recommend([MAIL], book_of=LabBook(pages)), "smollm2-135m, here")
    assert found.option.write_tokens_per_s.likely == 20


def test_the_speed_of_several_runs_counts_before_that_of_one_answer():
    once = BookEntry("decode_tokens_per_s", "writing speed", 3, "tokens/s", **SMALL)
    pages = (*MINE.pages, page("00_start", once, day="2026-11-28"))
    found = offer(recommend([MAIL], book_of=LabBook(pages)), "smollm2-135m, here")
    assert found.option.write_tokens_per_s.likely == 20
    alone = LabBook((page("00_start", once, SPEEDS[1]),))
    found = offer(recommend([MAIL], book_of=alone), "smollm2-135m, here")
    assert found.option.write_tokens_per_s.likely == 3


def test_only_what_grade_asks_is_said_to_be_known_by_grading():
    assert set(GRADED) == set(graded.TESTS)
    code, mail = work("code", like="code", least_right=0.5), MAIL
    decision = recommend([code, mail], clouds=["gpt-6-sol"], book_of=EMPTY)
    why = [offer(decision, "GPT-6 Sol", number).why for number in (0, 1)]
    assert "grade" not in why[0] and "right=" in why[0] and "lab.decide.grade" in why[1]


def test_what_is_computed_has_its_letter_and_the_watts_their_origin():
    decision = recommend([MAIL], book_of=MINE)
    assert "a week [c]" in wording.title(decision)
    lines = "\n".join(wording.sources(decision))
    assert "[c] computed: the cost of the week" in lines
    assert "nothing is charged" not in lines
    assert "45 W (assumed) at $0.19/kWh (recorded)" in lines
    assert "[c]" not in lab.plot(recommend([MAIL], book_of=EMPTY)).html


def test_a_measured_nothing_has_its_source():
    none = BookEntry("code_passed_percent", "pass@1, HumanEval", 0, "%", 0, 16, **SMALL)
    pages = (*MINE.pages, page("08_limits", none))
    decision = recommend([work("code", like="code")], book_of=LabBook(pages))
    assert wording.numbers_of(offer(decision, "smollm2-135m, here"))[0] == "0% (0% to 16%) [m]"
    assert "notebook 08_limits, pass@1, HumanEval" in "".join(wording.sources(decision))


def test_a_cloud_has_list_prices_published_scores_and_what_you_give():
    code = work("code", like="code", tokens_in=1000, tokens_out=1000, per_week=100)
    given = {"gpt-6-sol": {"code": (0.8, 0.9, 0.95)}}
    decision = recommend([code], clouds=("gpt-4", "gpt-6-sol"), right=given, book_of=EMPTY)
    article = offer(decision, "GPT-4")
    assert article.usd == pytest.approx(100 * (0.03 + 0.06))
    assert (article.right.likely, article.right.origin) == (0.67, "published")
    assert article.seconds == pytest.approx(6.0, abs=0.02)  # the middle of the article's 2 to 10
    assert offer(decision, "GPT-6 Sol").right.origin == "assumed"


@pytest.mark.parametrize(
    ("low", "high", "counts"),
    [(80.5, 99.3, 0.7), (90.2, 98.4, 0.96), (None, None, 0.7)],  # 25, 100; the test itself: 50
)
def test_of_a_test_and_a_routers_items_of_it_that_with_more_items_counts(low, high, counts):
    graded = BookEntry("triage_graded_percent", "x", 96, "%", low, high, **SMALL)
    later = page("10_decide", graded, day="2026-11-28")
    found = recommend([MAIL], book_of=LabBook((*MINE.pages, later)))
    assert offer(found, "smollm2-135m, here").right.likely == pytest.approx(counts)
    alone = recommend([MAIL], book_of=LabBook((page("03_speed", *SPEEDS), later)))
    assert offer(alone, "smollm2-135m, here").right.likely == pytest.approx(0.96)
    old = page("07_prompts", *RIGHT, machine="an old laptop")
    away = recommend([MAIL], book_of=LabBook((page("03_speed", *SPEEDS), old, later)))
    assert offer(away, "smollm2-135m, here").right.origin == "measured here"
    assert offer(away, "smollm2-135m, here").right.likely == pytest.approx(0.96)


def test_what_a_graded_cloud_got_right_counts_for_it():
    graded = BookEntry("triage_graded_percent", "x", 96, "%", model="gpt-6-sol (openai)")
    book = LabBook((*MINE.pages, page("10_decide", graded)))
    found = offer(recommend([MAIL], book_of=book), "GPT-6 Sol")
    assert found.right.likely == pytest.approx(0.96) and found.right.origin == "measured here"


def test_a_card_costs_its_price_over_its_life_and_its_idle_power():
    """$750, 4.5 years, resale and idle watts by the list; computed anew from its own numbers."""
    card = lab.cost.hardware("rtx-3090")
    chat = work("chat", like="general")
    found = offer(recommend([chat], cards=[card], book_of=EMPTY), f"{card.model} on {card.title}")
    bought = card.price_usd.likely * (1 - card.resale_share.likely)
    weeks = card.life_years.likely * 365.25 / 7
    idle = card.idle_w.likely * 168 / 1000 * lab.cost.tariff("United States").likely
    assert found.option.fixed_usd.likely == pytest.approx(bought / weeks + idle, rel=0.01)


@pytest.mark.parametrize("model", ["claude-haiku-5-5", "gpt-6-sol", "gpt-4.1"])
def test_a_long_prompt_has_its_own_price(model):
    sizes = {"tokens_in": 600_000, "tokens_out": 1000}
    long = work("long", like="general", per_week=10, **sizes)
    (cloud,) = (e for e in recommend(long, clouds=model).choices[0].offers if e.option.leaves)
    week = lab.cost.week(model=model, questions_per_hour=10, hours=1, **sizes)
    assert cloud.usd == pytest.approx(week.total_usd)


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_card_at_two_prices_the_cheaper_one_is_recommended(order):
    cards = ["rtx-3090", lab.cost.hardware("rtx-3090", price_usd=100)][::order]
    secret = work("contracts", like="general", sensitivity="secret", least_right=0.6)
    decision = recommend(secret, clouds=[], cards=cards, book_of=MINE)
    owned = [each for each in decision.choices[0].offers if each.option.fixed_usd.likely]
    assert len({each.option.name for each in owned}) == 2
    cheap = min(owned, key=lambda each: each.alone_usd)
    assert decision.taken == (cheap,) and decision.week_usd == pytest.approx(cheap.alone_usd)


def test_of_many_measured_models_the_newest_and_those_given_stay():
    names = [f"m{n}" for n in range(12)]
    pages = [page("03_speed", *(replace(e, model=name) for e in SPEEDS)) for name in names]
    again = page("03_speed", replace(SPEEDS[0], model="m1"), day="2026-11-28")
    decision = recommend(MAIL, right={"m0": 0.5}, book_of=LabBook((*pages, again)))
    options = [each.option.name for each in decision.choices[0].offers]
    here = ["m0", "m5", "m6", "m7", "m8", "m9", "m10", "m11", "m1"]
    assert options[:9] == [f"{name}, here" for name in here] and len(options) == 12
    assert decision.notes[-1].endswith("12 options are the most: m2, m3, m4")
    assert decision.notes[-1] in lab.plot(decision).html
    alone = recommend(MAIL, clouds=[], book_of=EMPTY)
    assert [each.option.name for each in alone.choices[0].offers] == [NO_MODEL]


def test_one_needs_no_list_and_a_generator_loses_nothing():
    known = Measured(*SPEEDS, *RIGHT)
    decisions = [
        recommend(each(MAIL), clouds=each("gpt-4.1"), cards=each("rtx-3090"), measured=each(known))
        for each in (lambda one: one, lambda one: [one], lambda one: (n for n in [one]))
    ]
    assert decisions[0] == decisions[1] == decisions[2]
    assert len(decisions[0].choices[0].offers) == 3
    twice = recommend(MAIL, clouds=["gpt-4.1", "gpt-4.1"], book_of=MINE)
    assert len(twice.choices[0].offers) == 2


def test_a_card_whose_speed_was_measured_says_so():
    speed = RangedNumber(20, 20, 20, "measured", "one short answer, measured now")
    card = replace(lab.cost.hardware("rtx-3090"), decode_tokens_per_s=speed)
    card = replace(card, prefill_tokens_per_s=speed)
    decision = recommend(MAIL, clouds=[], cards=card, book_of=EMPTY)
    found = offer(decision, f"{card.model} on {card.title}")
    assert wording.numbers_of(found)[1].endswith("[m]")
    decision = recommend(work("chat", like="general"), clouds=[], cards=card, book_of=EMPTY)
    assert "[m] measured here: one short answer, measured now" in wording.sources(decision)


@pytest.mark.parametrize("right", [65.0, 70.31, 64.51, 99.96])
def test_what_the_page_says_of_a_turning_point_turns_it_as_it_is_typed(right):
    known = Measured(*SPEEDS, replace(RIGHT[1], value=right, low=None, high=None))
    options = {"clouds": [], "measured": known, "book_of": EMPTY}
    before = recommend(MAIL, **options)
    lines = wording.turns(before.choices[0], before.sensitivities[0])
    arguments = {"share that must be right": "least_right", "seconds it may take": "most_s"}
    found = [
        re.fullmatch(r"(.*?) (from|above|down to|below) ([\d.]+)(%| s) → .*", e) for e in lines
    ]
    assert {each[1] for each in found if each} == set(arguments)
    for what, word, text, unit in (each.groups() for each in found if each):
        number = float(text) / (100 if unit == "%" else 1)
        typed = {name: getattr(MAIL, name) for name in ("per_week", "tokens_in", "tokens_out")}
        typed |= {"like": "triage", "least_right": MAIL.least_right}
        step = {"above": 1.001, "below": 0.999}.get(word, 1.0)
        turned, not_yet = (
            exercises.check_turn(
                before, recommend(work("mail", **typed | {arguments[what]: each}), **options)
            ).right
            for each in (number * step, number)
        )
        assert turned and not_yet == (step == 1.0)


@pytest.mark.parametrize(
    ("now", "at", "unit", "sentence"),
    [
        (0.6, 0.65000000002, "", "above 65%"),
        (0.6, 0.7031, "", "from 70.4%"),
        (10, 2.74999999999, "s", "below 2.75 s"),
        (10, 2.7412, "s", "down to 2.74 s"),
        (400, 123_456, "a week", "from 124,000 a week"),
        (1, 0.00260712, "USD a week", "down to $0.0026 a week"),
        (1, 2.5000000001, "USD a week", "above $2.50 a week"),
        (5, 7.2, "tokens", "from 8 tokens"),
        (5, 1.5, "tokens", "down to 1 token"),
    ],
)
def test_a_turning_point_is_rounded_away_from_what_it_is_now(now, at, unit, sentence):
    turn = TurningPoint("it", now, at, unit, "x")
    (choice,) = recommend(MAIL, book_of=EMPTY).choices
    (line,) = wording.turns(choice, Sensitivity((turn,), (), ()))
    assert line == f"it {sentence} → x"


def test_the_limits_of_the_learner_are_kept():
    secret = work("letters", like="triage", sensitivity="secret", least_right=0.9)
    right = {"gpt-4.1": 0.99}
    decision = recommend([MAIL, secret], right=right, book_of=MINE)
    assert offer(decision, "GPT-4.1", 1).verdict == "policy"
    assert not decision.choices[1].is_met
    assert "the nearest is smollm2-135m, here (20 points too few right)" in repr(decision).replace(
        "\n", " "
    )
    offline = recommend([MAIL], offline=True, right=right, book_of=MINE)
    assert offer(offline, "GPT-4.1").verdict == "offline"
    poor = recommend([MAIL], budget_usd=0.0, right=right, book_of=MINE)
    assert offer(poor, "GPT-4.1").verdict == "budget"


def test_what_the_budget_does_not_reach_is_said_to_the_cent():
    """1,000 tokens of GPT-4o mini in and out are $0.00075: 100 a week fit, 200 of them do not."""
    sizes = {"tokens_in": 1000, "tokens_out": 1000, "like": "general"}
    kinds = [work(name, least_right=0.5, **sizes) for name in ("one", "two")]
    decision = recommend(kinds, clouds=["gpt-4o-mini"], budget_usd=0.1, book_of=EMPTY)
    assert decision.lines == ("one: GPT-4o mini", "two: the budget goes to other work")
    poor = recommend(kinds[:1], clouds=["gpt-4o-mini"], budget_usd=0.07, book_of=EMPTY)
    assert offer(poor, "GPT-4o mini").why == "$0.075 a week alone"
    assert poor.lines == ("one: no option within the limits is known",)


def test_what_is_barred_or_dominated_is_struck_out_and_what_is_not_known_is_not():
    right = {"gpt-4.1": 0.6, "gpt-4o-mini": 0.9}
    secret = work("a", like="triage", sensitivity="secret", least_right=0.6)
    page = lab.plot(recommend([MAIL, secret], right=right, book_of=MINE)).html
    assert "<s>GPT-4.1</s>: dominated (by GPT-4o mini)" in page
    assert "<s>GPT-4.1, GPT-4o mini, GPT-6 Sol</s>: must not leave (the data are secret)" in page
    assert "✗ GPT-6 Sol: not known" in page


def test_the_same_page_in_html_and_in_markdown(tmp_path):
    hostile = work("<script>alert(1)</script> | x", like="triage", least_right=0.6)
    decision = recommend([MAIL, hostile], book_of=MINE)
    page, record = (lab.save(decision, tmp_path / f"d.{end}") for end in ("html", "md"))
    html, text = page.read_text(), record.read_text()
    assert "<script" not in html and "&lt;script&gt;" in html and "http-equiv" in html
    assert "default-src 'none'" in html and "@page{size:A4" in html
    for words in ("Where the numbers come from", "smollm2-135m, here", "notebook 07_prompts"):
        assert words in html and words in text
    assert (
        "**recommended**" in text
        and "What turns it" in text
        and "What turns it" in html
        and "Status: proposed" in text
    )
    with pytest.raises(ValueError, match=r"\.html or \.md"):
        lab.save(decision, tmp_path / "d.pdf")


@pytest.mark.parametrize(
    "name",
    [
        r"a*b* _c_ `d` | <script>e</script> [f](http://g) \ ~~h~~ i_j",
        "AT&T &amp; &copy; &#38; &lt;b&gt;",
        "[f [x] g](http://g) ![a](b) [1]: c",
        "costs $a$ and $b$ &amp^;",
    ],
)
def test_a_records_markdown_shows_a_name_as_it_was_typed(name, tmp_path):
    decision = recommend([work(name, like="triage", least_right=0.6)], book_of=MINE)
    text = lab.save(decision, tmp_path / "d.md").read_text()
    soup = BeautifulSoup(mistune.html(text), "html.parser")
    assert not re.search(r"(?<!\\)\$", text), "JupyterLab would read a formula"
    assert soup.h1.text == f"{TITLE}: {wording.title(decision)}"
    assert soup.h2.text == f"{name}: {decision.choices[0].verdict}"
    assert not soup.find_all(["a", "img", "script", "em", "code", "del"])
    assert {len(row.find_all(["td", "th"])) for row in soup.find_all("tr")} == {5}
    assert [row.td.text for row in soup.tbody.find_all("tr")] == [
        each.option.name for each in decision.choices[0].offers
    ]


def test_a_name_is_one_line_without_control_characters():
    assert work(" a\n## b\t\x1b[31m ", like="triage").name == "a ## b \ufffd[31m"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: work("", like="triage"), "name must be"),
        (lambda: work(" \n", like="triage"), "name must be"),
        (lambda: work("a", like="poetry"), "like must be one of triage"),
        (lambda: work("a", like="code", sensitivity="high"), "sensitivity must be one of public"),
        (lambda: work("a", like="code", per_week=math.nan), "per_week must be"),
        (lambda: work("a", like="code", tokens_out=0), "tokens_out must be"),
        (lambda: work("a", like="code", least_right=80), "least_right must be"),
        (lambda: work("a", like="code", most_s=0), "most_s must be"),
        (lambda: work("a", like=["triage"]), "like must be one of triage"),
        (lambda: recommend([]), "kinds must be 1 to 5"),
        (lambda: recommend("mail"), "kinds must be 1 to 5"),
        (lambda: recommend([MAIL], right=0.8), "right must be shares by name"),
        (lambda: recommend([MAIL], clouds=None), "clouds must be names"),
        (lambda: recommend([MAIL], cards=[3]), "cards must be names"),
        (lambda: recommend([MAIL], measured=["x"]), "measured must be results"),
        (
            lambda: recommend([MAIL], clouds=[f"gpt-{n}" for n in range(12)], book_of=EMPTY),
            "clouds and cards must be at most 11 together; got 12",
        ),
        (lambda: recommend([MAIL] * 6), "kinds must be 1 to 5"),
        (lambda: recommend([MAIL], may_leave="all"), "may_leave must be one of nothing"),
        (lambda: recommend([MAIL], budget_usd=-1), "budget_usd must be"),
        (lambda: recommend([MAIL], right={"gpt-0": 0.5}, book_of=EMPTY), "right must be for one"),
        (lambda: recommend([MAIL], right={"gpt-4.1": 5}, book_of=EMPTY), "right"),
        (lambda: recommend([MAIL], right={"gpt-4.1": {"x": 1}}, book_of=EMPTY), "a test must be"),
    ],
)
def test_bad_input_gets_a_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_an_unknown_cloud_gets_a_sentence():
    with pytest.raises(LabError, match="price list has no model"):
        recommend([MAIL], clouds=("gpt-0",), book_of=EMPTY)
