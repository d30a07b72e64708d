"""Grading, learning and judging a router, with answers whose outcome is known."""

from dataclasses import replace

import numpy as np
import pytest

import labkit as lab
from labkit.backends.routed.plan import LEVEL
from labkit.backends.routed.route import NOTHING, answer_logprob
from labkit.errors import LabError
from labkit.models.prices import request_price
from labkit.stats import share_interval
from labkit.topics.decide.routing import learn
from labkit.topics.decide.routing.evaluate import ALWAYS_RIGHT
from labkit.topics.decide.routing.graded import HALVES, GradedAnswer, GradedItems, questions
from labkit.topics.decide.routing.result import CONFIDENCE, NEIGHBOURS, ROUTER
from labkit.topics.prompts.tasks.task import load_task


def missing_minilm(_):
    raise LabError("all-minilm-l6-v2 is not here.", "python3 -m labkit models get minilm")


@pytest.fixture(autouse=True)
def without_minilm(monkeypatch):
    """As on a machine that has not fetched it, whatever this one has."""
    monkeypatch.setattr(learn, "require_stored", missing_minilm)


def graded(half="practice", count=40, large=True, seed=0):
    """The small model is right on what it is sure of; the large one on nine of ten."""
    draw = np.random.default_rng([seed, HALVES.index(half)])
    logprobs = -4 * draw.random(count)
    small = draw.random(count) < np.exp(logprobs)
    asked = questions(["triage"], count, half, 0)
    mine = [
        GradedAnswer("a", bool(r), float(p), 0.5, 100, 2)
        for r, p in zip(small, logprobs, strict=True)
    ]
    its = [GradedAnswer("b", bool(r), None, 2.0, 100, 2) for r in draw.random(count) < 0.9]
    return GradedItems(
        ("tiny", "big" if large else None),
        half,
        tuple(asked),
        tuple(mine),
        tuple(its) if large else (),
        1.0,
    )


@pytest.mark.parametrize("test", ["triage", "sentiment", "arithmetic", "facts"])
def test_no_question_of_one_half_stands_in_the_other(test):
    practice = {each.text for each in questions([test], 50, HALVES[0], 1)}
    for count, seed in ((30, 7), (5, 1), (50, 0)):  # whatever was drawn for practice
        first, second = (questions([test], count, half, seed) for half in HALVES)
        assert not practice & {each.text for each in second}
        assert len(first) == len(second) == count
        texts = [{each.messages[-1]["content"] for each in half} for half in (first, second)]
        assert len(texts[0]) == count and not texts[0] & texts[1]
        assert all(each.messages[0]["role"] in ("system", "user") for each in first)
        shown = {m["content"] for m in first[0].messages[:-1]}
        assert not shown & texts[0]


def test_items_of_notebook_07_are_its_own_halves():
    task = load_task("triage")
    for half in HALVES:
        asked = [each.question.text for each in questions(["triage"], 50, half, 0)]
        assert asked == [item.text for item in task.half(half)[:50]]


def test_a_learned_route_says_what_it_goes_by_and_what_is_missing():
    learned = lab.decide.learn_route(graded(), to_large=0.5)
    assert learned.plan.neighbours is None and "models get minilm" in learned.missing
    below = [learned.plan.chance((0, 1), each.logprob) for each in graded().small]
    assert sum(each < learned.plan.threshold for each in below) == 20
    assert lab.decide.learn_route(graded(), to_large=0).plan.threshold == 0
    assert lab.decide.learn_route(graded(), to_large=1).plan.threshold == 1


def test_a_kernel_on_a_shared_server_imports_no_torch_for_it(monkeypatch):
    monkeypatch.setattr(learn, "require_stored", lambda _: None)  # it is on this machine
    monkeypatch.setenv(learn.SERVER, "http://127.0.0.1:1")
    assert "does without" in lab.decide.learn_route(graded()).missing


def test_the_shares_are_what_a_loop_over_the_questions_finds():
    learned, held = lab.decide.learn_route(graded()), graded("held out")
    pair = lab.decide.evaluate(learned, held).pairs[0]
    right = seconds = sent = 0
    for small, large in zip(held.small, held.large, strict=True):
        escalates = learned.plan.chance((0, 1), small.logprob) < learned.plan.threshold
        sent += escalates
        right += large.right if escalates else small.right
        seconds += small.seconds + (large.seconds if escalates else 0)  # a cascade pays twice
    mine = pair.share(ROUTER)
    assert mine.to_large == pytest.approx(sent / 40) and mine.right == pytest.approx(right / 40)
    assert mine.seconds == pytest.approx(seconds / 40)
    small, large = (sum(held.right(each)) / 40 for each in (held.small, held.large))
    assert pair.share("always small").right == pytest.approx(small)
    assert pair.share("always large").right == pytest.approx(large)
    assert pair.share("always large").seconds == pytest.approx(2.0)
    mixed = pair.share("random mix")
    assert mixed.right == pytest.approx(small + sent / 40 * (large - small))
    assert mixed.seconds == pytest.approx(0.5 + sent / 40 * 1.5)
    assert pair.over_random[0] == pytest.approx(right / 40 - mixed.right)
    either = sum(s.right or b.right for s, b in zip(held.small, held.large, strict=True))
    helped = sum(b.right and not s.right for s, b in zip(held.small, held.large, strict=True))
    oracle = pair.share("oracle")  # knows whom to ask, so that nobody is paid twice
    assert oracle.right == pytest.approx(either / 40)
    assert oracle.seconds == pytest.approx((40 - helped) / 40 * 0.5 + helped / 40 * 2.0)
    assert set(pair.measures) == {ROUTER, CONFIDENCE}  # no neighbours without MiniLM
    assert pair.measures[ROUTER]["APGR"].value > 0.5


def test_the_upper_bound_is_always_right_at_a_list_price_and_says_that_it_is_assumed():
    evaluation = lab.decide.evaluate(lab.decide.learn_route(graded()), graded("held out"))
    bound = evaluation.pairs[-1]
    assert bound.origin == "assumed" and bound.large.startswith(ALWAYS_RIGHT)
    assert bound.share("always large").right == 1.0
    assert bound.share("always large").usd == pytest.approx(request_price("gpt-4.1", 100, 2))
    assert {each.origin for each in evaluation.book_entries} == {"computed", "assumed"}


def test_without_a_large_model_it_says_what_it_would_need_and_judges_the_rest():
    learned = lab.decide.learn_route(graded(large=False))
    evaluation = lab.decide.evaluate(learned, graded("held out", large=False))
    assert [each.origin for each in evaluation.pairs] == ["assumed"]
    assert "models get coder" in repr(evaluation).replace("\n", " ")
    for kind in ("share", "cost", "measures", "confidence"):
        assert lab.plot(evaluation, kind=kind)


def test_two_models_that_are_alike_are_not_told_apart():
    held = graded("held out")
    alike = replace(held, large=tuple(replace(each, logprob=None) for each in held.small))
    pair = lab.decide.evaluate(lab.decide.learn_route(graded()), alike).pairs[0]
    assert pair.measures[ROUTER]["APGR"].text == "too alike to tell"
    assert pair.verdict == "small and large are too alike to tell"


def test_neighbours_are_learned_without_the_item_itself(monkeypatch):
    """Each question has its own direction, so that what is near says nothing."""

    class Embedder:
        def embed(self, texts):
            return np.eye(40, dtype=np.float32)[: len(texts)]

    monkeypatch.setattr(learn, "_open_embedder", Embedder)
    practice = graded()
    learned = lab.decide.learn_route(practice)
    near = learned.plan.neighbours
    others = share_interval(sum(practice.right(practice.small)[1:11]) / 10, 10, LEVEL)
    assert near.interval(near.vectors[0], without=0) == others
    assert learned.missing == "" and learned.overhead_s > 0
    evaluation = lab.decide.evaluate(learned, graded("held out"))
    assert NEIGHBOURS in evaluation.pairs[0].curves


def test_whom_the_neighbours_send_on_is_not_paid_for_twice(monkeypatch):
    """Two directions: the small model is right on all of the one, and on none of the other."""
    directions = np.eye(2, dtype=np.float32)[np.arange(40) % 2]

    class Embedder:
        def embed(self, texts):
            return directions[: len(texts)]

    monkeypatch.setattr(learn, "_open_embedder", Embedder)

    def known(half):
        made = graded(half)
        return replace(
            made, small=tuple(replace(e, right=not n % 2) for n, e in enumerate(made.small))
        )

    learned, held = lab.decide.learn_route(known("practice")), known("held out")
    seconds = sent = 0.0
    for number, (small, large) in enumerate(zip(held.small, held.large, strict=True)):
        interval = learned.plan.interval(directions[number])
        first = learned.plan.first_asked(interval)
        chance = learned.plan.chance(interval, small.logprob)
        escalates = first == "large" or (first == "ask" and chance < learned.plan.threshold)
        sent += escalates
        seconds += (first != "large") * small.seconds + escalates * large.seconds
    mine = lab.decide.evaluate(learned, held).pairs[0].share(ROUTER)
    assert mine.to_large == pytest.approx(sent / 40) and sent
    assert mine.seconds == pytest.approx(seconds / 40 + learned.overhead_s)
    assert mine.seconds < 0.5 + sent / 40 * 2.0  # somebody was sent on without being asked first


def test_figures_show_the_numbers_of_the_evaluation():
    learned, held = lab.decide.learn_route(graded()), graded("held out")
    evaluation = lab.decide.evaluate(learned, held)
    curve = lab.plot(evaluation)
    router = next(each for each in curve.data if each.name == ROUTER)
    assert tuple(router.x) == evaluation.pairs[0].curves[ROUTER][0]
    dots = [each for each in lab.plot(evaluation, kind="cost").data if each.name == "oracle"]
    assert dots[0].y[0] == evaluation.pairs[0].share("oracle").right
    assert lab.plot(held).data[1].y[0] == sum(held.right(held.large)) / 40
    assert "too alike" in lab.plot(evaluation, kind="measures").html or "random mix" in repr(
        evaluation
    )
    assert "<script" not in lab.plot(_with_script(held), kind="answers").html


def _with_script(held):
    return replace(held, small=tuple(replace(e, text="<script>x</script>") for e in held.small))


def test_what_was_graded_goes_into_the_book_and_into_the_decision():
    names = {(each.name, each.model) for each in graded("held out").book_entries}
    assert names == {("triage_graded_percent", "tiny"), ("triage_graded_percent", "big")}


def test_a_router_is_made_of_what_was_learned(smollm2):
    learned = lab.decide.learn_route(graded())
    with pytest.raises(ValueError, match="small must be tiny"):
        lab.decide.router(smollm2, smollm2, learned)
    mine = replace(learned, small=smollm2.name)
    router = lab.decide.router(smollm2, smollm2, mine, rules=[("sea", "large")])
    lab.generate(router, "The sea", max_tokens=2)
    assert router.routes[-1].by == "rule"
    for rules in (("sea", "large"), ["sea"], [("sea",)], None):
        with pytest.raises(ValueError, match="rules must be pairs, as in"):
            lab.decide.router(smollm2, smollm2, mine, rules=rules)
    with pytest.raises(ValueError, match="one model, not a router"):
        lab.payload(router, "The sea")


@pytest.mark.slow
def test_the_real_model_is_graded_in_batches_as_it_is_one_by_one(smollm2):
    items = lab.decide.grade(smollm2, tests=["arithmetic"], items=6)
    assert len(items.small) == 6 and items.large == () and items.names == ("smollm2-135m", None)
    for asked, answer in zip(items.questions, items.small, strict=True):
        how = {"temperature": 0, "max_tokens": 14, "stop": "\n"}
        reply = lab.generate(smollm2, asked.messages, **how)
        assert reply.text.strip() == answer.text
        assert answer_logprob(reply.steps) == pytest.approx(answer.logprob, abs=1e-2)
        assert answer.tokens_in == reply.prompt_tokens
        assert answer.right == asked.question.accepts(reply.text)
    assert answer_logprob([]) == NOTHING


class Cloud:
    """A backend that knows the right answers of the task."""

    name = "cloud"

    def __init__(self, known):
        self.known = known

    def stream(self, prompt, *, raw=False, **settings):
        from labkit.backends.reply import Step, Stream
        from labkit.backends.settings import Settings

        def steps(running):
            yield Step(None, self.known[prompt[-1]["content"]], None, None, (), None, 0.3)
            running.note(finish="stop", price_usd=0.002, chunked=True, prompt_tokens=50)

        return Stream(Settings(**settings), steps)


def test_any_backend_can_be_the_large_one_and_its_price_counts(smollm2):
    asked = questions(["arithmetic"], 5, "practice", 0)
    cloud = Cloud({each.messages[-1]["content"]: each.question.answer for each in asked})
    items = lab.decide.grade(smollm2, cloud, tests=["arithmetic"], items=5)
    assert all(each.right and each.usd == 0.002 and each.seconds == 0.3 for each in items.large)
    with pytest.raises(LabError, match="no log-probabilities"):
        lab.decide.grade(cloud, tests=["arithmetic"], items=5)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: lab.decide.grade(None, half="both"), "half must be"),
        (lambda: lab.decide.grade(None, tests=["poems"]), "tests must be of triage"),
        (lambda: lab.decide.grade(None, items=4), "items must be"),
        (lambda: lab.decide.learn_route([]), "practice must come from"),
        (lambda: lab.decide.learn_route(graded(), to_large=2), "to_large must be"),
        (lambda: lab.decide.evaluate(None, None), "learned must come from"),
        (
            lambda: lab.decide.evaluate(lab.decide.learn_route(graded()), graded()),
            "of the half 'held out'",
        ),
        (lambda: lab.decide.router(None, None, None), "learned must come from"),
    ],
)
def test_bad_input_gets_a_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


class Interrupted(Cloud):
    """A backend with log-probabilities, at whose sixth question somebody presses Stop."""

    asked = 0

    def stream(self, prompt, *, raw=False, **settings):
        from labkit.backends.reply import Step, Stream
        from labkit.backends.settings import Settings

        def steps(running):
            self.asked += 1
            if self.asked > 5:
                raise KeyboardInterrupt
            yield Step(0, "19", -0.5, None, (), None, 0.1)
            running.note(finish="stop")

        return Stream(Settings(**settings), steps)


@pytest.mark.parametrize("tests", [("triage", "triage"), (e for e in ["triage"])])
def test_a_test_is_graded_once_however_it_is_named(tests):
    backend = Interrupted({})
    items = lab.decide.grade(backend, tests=tests, items=5)
    assert items.tests == ("triage",) and len(items.questions) == len(items.small) == 5
    assert backend.asked == 5 and "triage" in repr(items)


def test_what_was_stopped_keeps_the_tests_that_are_complete():
    items = lab.decide.grade(Interrupted({}), tests=["arithmetic", "triage"], items=5)
    assert items.tests == ("arithmetic",) and len(items.small) == 5
    with pytest.raises(LabError, match="nothing was graded"):
        lab.decide.grade(Interrupted({}), tests=["triage"], items=6)
