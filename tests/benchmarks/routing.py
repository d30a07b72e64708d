"""What a router takes itself: the same question to a backend, and to a router in front of it.

    python tests/benchmarks/routing.py [--rounds 25] [--threads 2]

The backends write one word at once, so what is left is the router: policy, a rule, MiniLM, the
nearest of 80 items, and the passing on of the answer. Both are asked in turn, each of 16 questions
of the four tests once a round, after a round that is thrown away. The scanner of the policy runs
too, as the large model has an address.
"""

import argparse
import time

import torch
from turns import spread

import labkit
from labkit.backends.local.embedding import Embedder
from labkit.backends.reply import Step, Stream
from labkit.backends.routed.plan import Calibrator, Neighbours, RoutingPlan
from labkit.backends.routed.route import RouteRule
from labkit.backends.routed.router import Router
from labkit.backends.settings import Settings
from labkit.models.machine import inspect_machine
from labkit.topics.decide.routing.graded import TESTS, questions
from labkit.topics.decide.routing.learn import embed

CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


class OneWord:
    """A backend that answers at once."""

    name = "one word"

    def stream(self, prompt, *, raw=False, **settings):
        def steps(running):
            yield Step(0, "word", 0.0, None, (), None, 0.0)
            running.note(finish="stop")

        return Stream(Settings(**settings), steps)


class FarWord(OneWord):
    """The same behind an address."""

    base_url = "https://far.invalid/v1"


def main():
    """Asks both in turn and prints the milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    embedder = Embedder()
    graded = questions(tuple(TESTS), 20, "practice", 0)
    right = torch.arange(len(graded)).remainder(3).eq(0).numpy()
    plan = RoutingPlan(Calibrator(1.0, 0.0), Neighbours(embed(embedder, graded), right), 0.4)
    rules = [RouteRule(r"\bnever in these questions\b", "large")]
    router = Router(OneWord(), FarWord(), plan, embedder=embedder, rules=rules)
    asked = questions(tuple(TESTS), 4, "held out", 1)
    for clock, now in CLOCKS.items():
        alone, routed = [], []
        for number in range(args.rounds + 1):
            for each in asked:
                for backend, times in ((router.small, alone), (router, routed)):
                    began = now()
                    labkit.generate(backend, each.messages)
                    if number:
                        times.append(1000 * (now() - began))
        own = [b - a for a, b in zip(alone, routed, strict=True)]
        p95 = sorted(own)[int(0.95 * len(own))]
        print(f"{clock}, ms of the router itself: {spread(own, 1)}, p95 {p95:.1f}")
    here = inspect_machine()
    print(f"{here.cpu}, {here.cores} cores, {torch.get_num_threads()} threads, torch", end=" ")
    print(torch.__version__)


if __name__ == "__main__":
    main()
