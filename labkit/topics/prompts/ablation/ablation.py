"""What each part of a prompt gains in right answers, and costs in tokens, time and money."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from labkit.backends.capabilities import ScoringModel
from labkit.backends.loaded.decoding import time_reading
from labkit.checks import check_one_of, checked_several
from labkit.formatting import in_lines, points
from labkit.interrupts.cell import begin_work
from labkit.lab_book.entry import BookEntry
from labkit.models.prices import Price, look_up_price
from labkit.stats import Spread, bootstrap_interval, p_text, why_unsettled
from labkit.topics.prompts.scoring.arguments import (
    check_complete,
    check_model,
    first_items,
    usable_prompt,
)
from labkit.topics.prompts.scoring.difference import ScoreDifference, compare_scores
from labkit.topics.prompts.scoring.result import PromptScore
from labkit.topics.prompts.scoring.several import score_several
from labkit.topics.prompts.tasks.prompt import PARTS, Prompt, encoded, full_prompt, rendered
from labkit.topics.prompts.tasks.task import PRACTICE, Task

HOW = ("one at a time", "all combinations")
PRICED = "gpt-5-nano"
ROUNDS = 5  # of timing


@dataclass(frozen=True, slots=True)
class PartEffect:
    """What one part of a prompt does.

    Attributes:
        part: its name.
        difference: share of right answers with it, less that without it.
        interval: where the true difference may lie, 95 %, from pairs of the same items.
        p: McNemar's exact p; None where several pairs of prompts were averaged.
        tokens: tokens that it adds to a prompt.
        prefill_s: seconds that it adds to reading a prompt that nothing is cached of, in each round
            of timing; None: not measured.
    """

    part: str
    difference: float
    interval: tuple[float, float]
    p: float | None
    tokens: float
    prefill_s: Spread | None

    @property
    def is_settled(self) -> bool:
        """Whether the interval lies on one side of 0, and the exact test, if any, agrees."""
        return not why_unsettled(self.interval, self.p)

    @property
    def judgement(self) -> str:
        """Whether it earns its tokens, in words."""
        if not self.is_settled:
            return "not settled"
        if self.difference < 0:
            return "does harm"
        return "earns its tokens" if self.tokens > 0 else "helps"

    @property
    def verdict(self) -> str:
        """The judgement, with what the interval does not show: a p that leaves it open."""
        is_by_p = not self.is_settled and not why_unsettled(self.interval, None)
        return f"{self.judgement}, p {p_text(self.p)}" if is_by_p and self.p else self.judgement


@dataclass(frozen=True, slots=True, repr=False)
class Ablation:
    """A prompt with its parts on and off (measured).

    Attributes:
        how: one of `HOW`.
        base: score of the prompt as it was given.
        others: scores of the prompts with one part changed, or of all combinations.
        effects: effect of each part.
        price: list price of the cloud model that tokens are priced by.
    """

    how: str
    base: PromptScore
    others: tuple[PromptScore, ...]
    effects: tuple[PartEffect, ...]
    price: Price

    def usd_per_1000(self, effect: PartEffect) -> float:
        """US dollars that a part adds to 1,000 requests, by this model's count of its tokens."""
        return effect.tokens * self.price.input_usd_per_million / 1000

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: what each part gains."""
        task, model = self.base.task.name, self.base.model
        return tuple(
            BookEntry(
                f"{each.part.replace(' ', '_')}_gain_points",
                f"gained by the {each.part}, {task}",
                *(100 * each.difference, "points", *(100 * end for end in each.interval)),
                model=model,
                note=each.verdict,
            )
            for each in self.effects
        )

    @property
    def summary(self) -> str:
        """Each part with its effect."""
        each = "; ".join(
            f"{e.part} {points(e.difference)} ({points(e.interval[0])} to "
            f"{points(e.interval[1])}) for {e.tokens:+.0f} tokens, {e.verdict}"
            for e in self.effects
        )
        return f"{self.base.model}, {self.base.task.name}: {each or 'no part was tried'} (measured)"

    def __repr__(self) -> str:
        return in_lines(self.base.summary, self.summary)


def ablate(
    model: ScoringModel,
    task: Task,
    prompt: Prompt | None = None,
    *,
    how: str = "one at a time",
    parts: Iterable[str] = PARTS,
    half: str | None = PRACTICE,
    items: int | None = None,
    calibration: str | None = None,
    price_model: str = PRICED,
) -> Ablation:
    """What each part of a prompt gains, and what it costs.

    One at a time: each part that the prompt has is left out, and each that it has not is added as
    the task's own prompt has it; the rest stays. All combinations: every choice of the parts, and
    a part's effect is the mean over all pairs of prompts that differ in it alone.

    An interrupt stops it and keeps the parts that were done.

    Args:
        model: from ``labkit.load``.
        task: from `load_task`.
        prompt: the prompt; None: `full_prompt` of the task.
        how: ``"one at a time"`` or ``"all combinations"``, which takes 2 to the power of the
            number of parts.
        parts: which of `PARTS` are changed.
        half: as for `score`.
        items: as for `score`.
        calibration: as for `score`.
        price_model: cloud model by whose list price the tokens are priced.
    Raises:
        ValueError: an argument is out of range.
        LabError: as for `score`; or the price list does not have the model.
    """
    check_model(model)
    check_one_of("how", how, HOW)
    parts = _checked(parts)
    if len(first_items(task, half, items)) < 2:
        raise ValueError("items must be 2 or more: a difference of one item has no interval")
    prompt = usable_prompt(model, task, prompt)
    price = look_up_price(price_model)
    full = full_prompt(task)
    variants = _single(prompt, full, parts) if how == HOW[0] else _combined(prompt, full, parts)
    variants = [each for each in variants if model.chat or not each.template]
    options = {"half": half, "items": items, "calibration": calibration}
    scores = score_several(model, task, [prompt, *variants], **options)
    check_complete(scores, "prompt")
    base, others = scores[0], scores[1:]
    timed = _time(model, task, [each.prompt for each in scores])
    effects = _effects(parts, scores, timed, single=how == HOW[0])
    return Ablation(how, base, tuple(others), tuple(effects), price)


def _checked(parts: Iterable[str]) -> tuple[str, ...]:
    known = f"some of {', '.join(PARTS)}"
    names = checked_several("parts", parts, str, known)
    if not set(names) <= set(PARTS):
        raise ValueError(f"parts must be {known}; got {names!r}")
    return tuple(dict.fromkeys(names))


def _with(prompt: Prompt, full: Prompt, part: str) -> Prompt:
    field = part.replace(" ", "_")
    return prompt.changed(**{field: getattr(full, field)})


def _single(prompt: Prompt, full: Prompt, parts: Sequence[str]) -> list[Prompt]:
    flipped = (
        prompt.without(part) if part in prompt.parts else _with(prompt, full, part)
        for part in parts
    )
    return [each for each in flipped if each != prompt]


def _combined(prompt: Prompt, full: Prompt, parts: Sequence[str]) -> list[Prompt]:
    filled = prompt
    for part in parts:
        if part not in prompt.parts:
            filled = _with(filled, full, part)
    chosen = (left for n in range(len(parts) + 1) for left in combinations(parts, n))
    found = dict.fromkeys(filled.without(*left) for left in chosen)  # some parts may be empty
    return [each for each in found if each != prompt]


def _time(model: ScoringModel, task: Task, prompts: Sequence[Prompt]) -> list[list[float]]:
    """Seconds to read a prompt of each kind whole, in interleaved rounds: (prompts, rounds)."""
    item = sorted(task.items, key=lambda each: len(each.text))[len(task.items) // 2]
    ids = [encoded(model, each, rendered(model, each, task, item.text)) for each in prompts]
    seconds: list[list[float]] = [[] for _ in ids]
    try:
        begin_work()
        for number in range(ROUNDS + 1):
            for own, each in zip(seconds, ids, strict=True):
                taken = time_reading(model, each)
                if number:  # the first round warms up
                    own.append(taken)
    except KeyboardInterrupt:
        pass
    return seconds


def _effects(
    parts: Sequence[str], scores: Sequence[PromptScore], timed, *, single: bool
) -> Iterator[PartEffect]:
    number = {each.prompt: n for n, each in enumerate(scores)}
    for part in parts:
        pairs = []
        for n, each in enumerate(scores[:1] if single else scores):
            pairs += [
                (other, n) if part in each.prompt.parts else (n, other)
                for prompt, other in number.items()
                if _differs_in(each.prompt, prompt) == {part} and (single or n < other)
            ]
        if pairs:
            found = [compare_scores(scores[without], scores[with_]) for without, with_ in pairs]
            tokens = fmean(scores[w].tokens - scores[wo].tokens for wo, w in pairs)
            yield _effect(part, found, tokens, _added_s(timed, pairs))


def _added_s(timed: Sequence[Sequence[float]], pairs: Sequence[tuple[int, int]]) -> Spread | None:
    """In each round that is whole, what the prompts with a part take beyond those without it."""
    rounds = zip(*timed, strict=False)
    added = tuple(fmean(own[with_] - own[without] for without, with_ in pairs) for own in rounds)
    return Spread(added) if added else None


def _differs_in(one: Prompt, other: Prompt) -> set[str]:
    return {
        part
        for part in PARTS
        if getattr(one, part.replace(" ", "_")) != getattr(other, part.replace(" ", "_"))
    }


def _effect(part: str, found: list[ScoreDifference], tokens: float, seconds) -> PartEffect:
    if len(found) == 1:
        (only,) = found
        return PartEffect(part, only.difference, only.interval, only.p, tokens, seconds)
    by_item: dict[object, list[int]] = {}
    for each in found:
        before = {own.item: own.right for own in each.first.items}
        for own in each.second.items:
            by_item.setdefault(own.item, []).append(own.right - before[own.item])
    means = [fmean(values) for values in by_item.values()]
    return PartEffect(part, fmean(means), bootstrap_interval(means), None, tokens, seconds)
