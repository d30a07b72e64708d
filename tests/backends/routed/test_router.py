"""The router as a backend: who is asked, what it takes, and what no routing gets round."""

import threading

import numpy as np
import pytest

import labkit as lab
from labkit.backends.capabilities import Backend, HasAddress, Priced, runs_here
from labkit.backends.remote.budget import Budget, Meter
from labkit.backends.reply import Step, Stream
from labkit.backends.routed.plan import Calibrator, Neighbours, RoutingPlan
from labkit.backends.routed.route import RouteRule, question_of
from labkit.backends.routed.router import Router
from labkit.backends.settings import Settings
from labkit.errors import LabError

SECRET = "My key is sk-proj-" + "a1B2c3D4e5F6g7H8i9J0" * 2
ASKING = RoutingPlan(Calibrator(1.0, 0.0), None, 0.3)  # chance: 0.5 at logprob 0, 0.27 at -1


class Fake:
    """A backend that writes the same words each time, and counts how often it is asked."""

    def __init__(self, name, words=("good", " answer"), logprob=0.0, **known):
        self.name, self.words, self.logprob, self.known = name, words, logprob, known
        self.asked, self.closed = 0, 0
        self.refuses = self.fails = None

    def stream(self, prompt, *, raw=False, **settings):
        if self.refuses:
            raise self.refuses

        def steps(running):
            self.asked += 1
            try:
                for number, word in enumerate(self.words):
                    if self.fails and number == self.fails[0]:
                        raise self.fails[1]
                    yield Step(number, word, self.logprob, None, (), None, 0.1 * (number + 1))
                running.note(finish="stop")
            finally:
                self.closed += 1

        return Stream(Settings(**settings), steps, **self.known)


class FarFake(Fake):
    """The same behind an address."""

    base_url = "https://far.invalid/v1"


def pair(plan=ASKING, far=False, small_logprob=-9.0, **options):
    small = Fake("small", ("small",), small_logprob, price_usd=0.001, prompt_tokens=4)
    large = (FarFake if far else Fake)("large", ("large", " one"), price_usd=0.01, prompt_tokens=5)
    return small, large, Router(small, large, plan, **options)


def test_it_is_a_backend_for_every_verb(tmp_path):
    small, _, router = pair()
    assert isinstance(router, Backend) and runs_here(router) and not isinstance(router, Priced)
    _, _, away = pair(far=True)
    assert isinstance(away, HasAddress) and not runs_here(away)
    compared = lab.compare("Hi", {"alone": small, "routed": router}, sequential=True)
    assert [each.text for each in compared.replies] == ["small", "large one"]
    assert lab.measure(router, "Hi", repeats=5, warmup=0).model == router.name
    table = lab.comparison.run_batch(["a", "b"], {"routed": router}, max_concurrent=2)
    assert [each.text for each in table.rows] == ["large one"] * 2
    kept = lab.record(router, "Hi", folder=tmp_path)
    assert lab.generate(lab.replay(kept, speed=100), "Hi").text == "large one"


def test_a_sure_small_model_is_kept_and_an_unsure_one_is_paid_for_twice():
    small, large, router = pair(small_logprob=-0.1)
    reply = lab.generate(router, "Hi")
    assert (reply.text, reply.finish, reply.prompt_tokens) == ("small", "stop", 4)
    assert reply.price_usd == pytest.approx(0.001) and large.asked == 0
    assert router.routes[-1].asked == ("small",) and router.routes[-1].by == "confidence"
    small.logprob = -9.0
    reply = lab.generate(router, "Hi")
    assert (reply.text, reply.prompt_tokens) == ("large one", 5)
    assert reply.price_usd == pytest.approx(0.011)
    route = router.routes[-1]
    assert (route.to, route.asked) == ("large", ("small", "large")) and route.chance < 0.3
    assert reply.ttft_s >= 0.1 + route.small_s  # the small model's seconds come on top
    assert (small.closed, large.closed) == (2, 1)


def test_rules_come_before_neighbours_and_these_before_the_models():
    vectors, right = np.eye(2, dtype=np.float32).repeat(10, 0), np.arange(20) < 10
    plan = RoutingPlan(Calibrator(1.0, 0.0), Neighbours(vectors, right), 0.5)
    texts = []

    class Embedder:
        def embed(self, asked):
            texts.extend(asked)
            return np.array([[1.0, 0.0] if "easy" in asked[0] else [0.0, 1.0]], np.float32)

    rule = RouteRule(r"\bcode\b", "large")
    small, large, router = pair(plan, embedder=Embedder(), rules=[rule])
    assert lab.generate(router, "easy code").text == "large one" and not texts
    assert router.routes[-1].by == "rule" and small.asked == 0
    assert lab.generate(router, "easy").text == "small"
    assert lab.generate(router, "hard").text == "large one"
    assert [each.by for each in router.routes] == ["rule", "neighbours", "neighbours"]
    assert (small.asked, large.asked) == (1, 2)  # nobody was paid twice
    chat = [{"role": "user", "content": "hard"}, {"role": "assistant", "content": "…"}]
    assert question_of([*chat, {"role": "user", "content": "easy"}]) == "easy"


def test_a_secret_stays_with_the_small_model_whatever_rule_or_doubt_there_is():
    rule = RouteRule("key", "large")
    _, large, router = pair(far=True, rules=[rule])
    assert lab.generate(router, SECRET).text == "small"
    assert (router.routes[-1].by, large.asked) == ("policy", 0)
    assert lab.generate(router, "Which key opens it?").text == "large one"
    near_small, _, near = pair(rules=[rule])  # nothing leaves: both are in this process
    assert lab.generate(near, SECRET).text == "large one"
    assert near_small.asked == 0
    lab.generate(router, "Hi", stop=[SECRET])
    assert router.routes[-1].by == "policy"
    chat = [{"role": "user", "content": SECRET}, {"role": "assistant", "content": "Thanks."}]
    for prompt in ([*chat, {"role": "user", "content": "Which key?"}], [{**chat[1], "id": SECRET}]):
        lab.generate(router, prompt)
        assert router.routes[-1].by == "policy"


def test_the_large_model_s_own_policy_and_budget_stay_in_force():
    small, large, router = pair(far=True, policy="allow")
    large.refuses = LabError("Nothing was sent: the prompt holds a secret.", "…")
    assert lab.generate(router, SECRET).text == "small"
    assert (router.routes[-1].by, router.routes[-1].asked) == ("refused", ("small",))
    assert router.routes[-1].why == "Nothing was sent: the prompt holds a secret."
    large.refuses, large.fails = None, (0, LabError("Nothing was sent: $0 are left.", "…"))
    reply = lab.generate(router, "Hi")
    assert (reply.text, reply.prompt_tokens, reply.error) == ("small", 4, None)
    assert small.asked == 2  # its answer was there already
    always = Router(small, large, RoutingPlan(None, None, 1.0), rules=[RouteRule(".", "large")])
    assert lab.generate(always, "Hi").text == "small"
    assert always.routes[-1].by == "refused"


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0])
def test_a_real_budget_is_never_exceeded(threshold):
    """A large model with the lab's own meter: once the money is gone, the small one answers."""
    budget = Budget(0.001)
    meter = Meter("m", None, (1.0, 100.0), budget)  # $100 for a million tokens written

    class Metered(FarFake):
        def stream(self, prompt, *, raw=False, **settings):
            inner = super().stream(prompt, raw=raw, **settings)

            def steps(running):
                with meter.reserve("m", self.base_url, prompt, settings["max_tokens"]) as reserved:
                    yield from inner
                    reserved.price_usd = 0.0004
                    running.note(finish="stop", price_usd=0.0004)

            return Stream(inner.settings, steps)

        def estimate(self, prompt, *, max_tokens=128):
            return meter.estimate("m", self.base_url, prompt, max_tokens)

    large = Metered("large", ("large",))
    plan = RoutingPlan(Calibrator(1.0, 0.0), None, threshold)
    router = Router(Fake("small", ("small",), -9.0), large, plan)
    texts = [lab.generate(router, "Hi", max_tokens=5).text for _ in range(6)]
    assert budget.spent_usd <= budget.limit_usd
    assert texts == (["small"] * 6 if not threshold else ["large"] * 2 + ["small"] * 4)
    assert isinstance(router, Priced)


def test_a_failure_in_the_middle_is_the_end_and_what_came_is_kept():
    _, large, router = pair()
    large.fails = (1, LabError("It broke off.", "Ask again."))
    reply = lab.generate(router, "Hi")
    assert (reply.text, reply.finish) == ("large", "failed") and "broke off" in reply.error


def test_a_small_model_that_fails_is_as_one_that_is_unsure():
    small, large, router = pair(small_logprob=0.0)
    small.words, small.fails = ("sm", "all"), (1, LabError("It broke off.", "Ask again."))
    assert lab.generate(router, "Hi").text == "large one"
    assert router.routes[-1].asked == ("small", "large")
    assert router.routes[-1].why == "the small model failed: It broke off."
    large.refuses = LabError("Nothing was sent.", "…")
    reply = lab.generate(router, "Hi")
    assert (reply.text, reply.finish) == ("sm", "failed") and "broke off" in reply.error


def test_a_setting_that_only_the_large_model_refuses_raises_at_once():
    small, large, router = pair(small_logprob=0.0)
    large.refuses = ValueError("min_p must be left at 0.0; got 0.05")
    with pytest.raises(ValueError, match="min_p must be"):
        router.stream("Hi", min_p=0.05)
    assert small.asked == large.asked == 0


def test_an_interrupt_while_the_small_model_writes_asks_nobody_else():
    small, large, router = pair()

    def interrupted(running):
        yield Step(0, "sm", -9.0, None, (), None, 0.1)
        raise KeyboardInterrupt

    small.stream = lambda *_, raw, **settings: Stream(Settings(**settings), interrupted)
    reply = lab.generate(router, "Hi")
    assert (reply.text, reply.finish, large.asked) == ("sm", "interrupted", 0)


def test_closing_from_another_thread_asks_nobody_else():
    small, large, router = pair()
    writes, go_on = threading.Event(), threading.Event()

    def slow(_):
        writes.set()
        go_on.wait(5)
        yield Step(0, "sm", -9.0, None, (), None, 0.1)

    small.stream = lambda *_, raw, **settings: Stream(Settings(**settings), slow)
    running = router.stream("Hi")
    found = []
    reader = threading.Thread(target=lambda: found.extend(running))
    reader.start()
    assert writes.wait(5)
    running.close()
    go_on.set()
    reader.join(5)
    assert not reader.is_alive() and large.asked == 0


def test_bad_input_gets_a_sentence():
    small, large, router = pair()
    with pytest.raises(ValueError, match="prompt must"):
        router.stream("")
    with pytest.raises(ValueError, match="max_tokens must"):
        router.stream("Hi", max_tokens=0)
    with pytest.raises(ValueError, match="policy must be 'block' or 'allow'"):
        Router(small, large, ASKING, policy="redact")
    with pytest.raises(ValueError, match="regular expression"):
        RouteRule("(", "small")
    with pytest.raises(ValueError, match="to must be"):
        RouteRule("a", "medium")
    small.logprob = None
    with pytest.raises(LabError, match="no log-probabilities"):
        list(router.stream("Hi"))


def test_the_real_model_on_both_sides_writes_what_it_writes_alone(smollm2):
    alone = lab.generate(smollm2, "The sea is", temperature=0, max_tokens=5)
    for threshold in (0.0, 1.0):
        router = Router(smollm2, smollm2, RoutingPlan(Calibrator(1.0, 0.0), None, threshold))
        reply = lab.generate(router, "The sea is", temperature=0, max_tokens=5)
        assert reply.text == alone.text and reply.finish == alone.finish
        assert reply.prompt_tokens == alone.prompt_tokens
    assert router.routes[-1].asked == ("small", "large")
