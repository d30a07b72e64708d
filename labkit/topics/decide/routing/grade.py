"""`grade`: the same questions to a small and a large model, and who was right."""

import time
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from labkit.backends.capabilities import Backend, ScoringModel, check_backend
from labkit.backends.generate import generate
from labkit.backends.loaded.decoding import option_logprobs, padded_answers
from labkit.backends.routed.route import NOTHING, answer_logprob
from labkit.checks import check_one_of, check_seed, check_whole, checked_several
from labkit.errors import LabError
from labkit.interrupts.cell import progress

from .graded import HALVES, MOST_ITEMS, TESTS, GradedAnswer, GradedItems, RoutedQuestion, questions

MAX_TOKENS = 14
TIMED = 2  # requests of each test that are made one by one, to be timed


def grade(
    small: Backend,
    large: Backend | None = None,
    *,
    half: str = "practice",
    tests: Iterable[str] = tuple(TESTS),
    items: int = 20,
    seed: int = 0,
) -> GradedItems:
    """The same questions to a small and a large model: who is right, how sure, how fast.

    Triage and sentiment are the items of notebook 07 in its own halves; calculations and capitals
    are drawn anew, of the kinds of notebook 08. They are answered in a line at temperature 0. A
    model from ``labkit.load`` answers them in batches, and a few one by one, to be timed; any
    other, such as a cloud, one by one. An interrupt keeps the tests that are complete.

    Args:
        small: from ``labkit.load`` or any other backend that reports log-probabilities.
        large: the same, or any backend; None: the small one alone.
        half: ``"practice"``, by which a router learns, or ``"held out"``, by which it is judged.
        tests: of triage, sentiment, arithmetic and facts.
        items: questions of each test, 5 to 50.
        seed: of the choice of calculations and countries.
    Raises:
        ValueError: an argument is out of range.
        LabError: a model has no chat template, reports no log-probabilities, or fails.
    """
    check_one_of("half", half, HALVES)
    what = f"of {', '.join(TESTS)}"
    tests = tuple(dict.fromkeys(checked_several("tests", tests, str, what)))
    if not set(tests) <= set(TESTS):
        raise ValueError(f"tests must be {what}; got {tests!r}")
    check_whole("items", items, 5, MOST_ITEMS)
    check_seed(seed)
    check_backend("small", small)
    if large is not None:
        check_backend("large", large)
    models = [each for each in (small, large) if each is not None]
    asked = questions(tests, items, half, seed)
    began, found = time.perf_counter(), [[] for _ in models]
    with progress(total=len(models) * len(asked), unit="answer", desc=half) as bar:
        try:
            for test in tests:
                own = [each for each in asked if each.test == test]
                answers = [list(_counted(bar, _answers(e, own, e is small))) for e in models]
                for all_of_it, part in zip(found, answers, strict=True):
                    all_of_it += part
        except KeyboardInterrupt:
            pass
    if not found[0]:
        raise LabError("Stopped before one test was complete: nothing was graded.")
    return GradedItems(
        (small.name, large.name if large else None),
        half,
        tuple(asked[: len(found[0])]),
        tuple(found[0]),
        tuple(found[1]) if large else (),
        time.perf_counter() - began,
    )


def _counted(bar, answers: Iterator[GradedAnswer]) -> Iterator[GradedAnswer]:
    for each in answers:
        bar.update()
        yield each


def _answers(
    model: Backend, asked: Sequence[RoutedQuestion], is_small: bool
) -> Iterator[GradedAnswer]:
    """The answers, with log-probabilities of the small model, whose confidence is asked for."""
    if isinstance(model, ScoringModel):
        return _in_batches(model, asked, is_small)
    return _one_by_one(model, asked, is_small)


def _request(model: Backend, each: RoutedQuestion):
    how = {"temperature": 0.0, "max_tokens": MAX_TOKENS, "stop": ("\n",)}
    return generate(model, each.messages, **how)


def _one_by_one(
    model: Backend, asked: Sequence[RoutedQuestion], is_small: bool
) -> Iterator[GradedAnswer]:
    for each in asked:
        reply = _request(model, each)
        if reply.finish == "interrupted":
            raise KeyboardInterrupt
        text = reply.text.strip()
        yield GradedAnswer(
            text,
            each.question.accepts(text),
            answer_logprob(reply.steps) if is_small else None,
            reply.elapsed_s or 0.0,
            reply.prompt_tokens,
            reply.output_tokens,
            reply.price_usd,
        )


def _in_batches(
    model: ScoringModel, asked: Sequence[RoutedQuestion], is_small: bool
) -> Iterator[GradedAnswer]:
    if not model.chat:
        raise LabError(
            f"{model.name} has no chat template, so it cannot be asked as a chat model is.",
            'Take one that has, such as lab.load("smollm2-135m").',
        )
    prompts = [model.encode(each.messages) for each in asked]
    decode = model.tokenizer.decode
    written = dict(
        padded_answers(
            model,
            prompts,
            max_tokens=MAX_TOKENS,
            is_complete=lambda ids: "\n" in decode(ids).lstrip(),
        )
    )
    some = [number for number, ids in written.items() if ids and is_small]
    options = option_logprobs(model, [prompts[n] for n in some], [[written[n]] for n in some])
    logprobs = {some[index]: scores[0] for index, scores in options}
    replies = [_request(model, each) for each in asked[:TIMED]]
    if any(each.finish == "interrupted" for each in replies):
        raise KeyboardInterrupt
    seconds = median(each.elapsed_s or 0.0 for each in replies)
    for number, each in enumerate(asked):
        text = decode(written[number], skip_special_tokens=True).strip().split("\n")[0].strip()
        yield GradedAnswer(
            text,
            each.question.accepts(text),
            logprobs.get(number, NOTHING) if is_small else None,
            seconds,
            len(prompts[number]),
            len(written[number]),
        )
