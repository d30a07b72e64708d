"""What an adapter taught and what it made the model forget, at strengths from 0 to 2."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from numbers import Real
from statistics import fmean

import torch

from labkit.backends.local.decoding.option_scores import ROWS, option_logprobs
from labkit.backends.local.decoding.padded_answers import padded_answers
from labkit.backends.local.model import LocalModel
from labkit.backends.prompts import Messages, check_text
from labkit.checks import check_number, check_type, checked_several
from labkit.data import read_data
from labkit.errors import LabError
from labkit.formatting import in_lines, plain_answer
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry
from labkit.stats import share_interval

from .adapter import at_strength
from .examples import TuningExample, TuningProbe
from .loss import example_ids, mean_loss
from .result import FineTuning
from .training import LONGEST

STRENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0)
ITEMS = 12  # held-out examples that are answered
LEADING = 8  # bars
MAX_TOKENS = 24  # of a held-out answer; of a longer one, its own and SPARE
SPARE = 7  # for words around the one that is wanted


@dataclass(frozen=True, slots=True)
class AnsweredExample:
    """One held-out example, answered at temperature 0.

    Attributes:
        example: the example.
        answer: what the model wrote.
        right: whether it is the same, apart from case and white space.
    """

    example: TuningExample
    answer: str
    right: bool


@dataclass(frozen=True, slots=True)
class StrengthPoint:
    """The model at one strength of its adapter.

    Attributes:
        strength: 0: without it, 1: as it was trained.
        held_out_loss: mean loss on held-out examples, in nats a token; None: nothing is held out.
        answers: the held-out examples with their answers.
        next_tokens: likeliest first tokens of the answer to the probe, with their probabilities.
        probes: for each kind of probe, the mean probability of its answers.
        bits_per_byte: of a text that it was not trained on; more is worse.
        kl_bits: how far its next-token probabilities are from the base model's, mean over general
            prompts.
    """

    strength: float
    held_out_loss: float | None
    answers: tuple[AnsweredExample, ...]
    next_tokens: tuple[tuple[str, float], ...]
    probes: tuple[tuple[str, float], ...]
    bits_per_byte: float
    kl_bits: float

    @property
    def right(self) -> float | None:
        """Share of held-out examples that were answered right; None: nothing is held out."""
        return fmean(each.right for each in self.answers) if self.answers else None


@dataclass(frozen=True, slots=True, repr=False)
class StrengthSweep:
    """An adapter at several strengths (measured).

    Attributes:
        model: name of the tuned model.
        probe: the prompt whose next token is shown.
        points: at each strength, rising.
    """

    model: str
    probe: str
    points: tuple[StrengthPoint, ...]

    def at(self, strength: float) -> StrengthPoint | None:
        """The point at a strength, if it was measured."""
        return next((each for each in self.points if each.strength == strength), None)

    def nearest(self, strength: float) -> StrengthPoint:
        """The point next to a strength.

        Raises:
            ValueError: it was stopped before the first strength.
        """
        if not self.points:
            raise ValueError(self.summary)
        return min(self.points, key=lambda each: abs(each.strength - strength))

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: bits per byte that were forgotten at strength 1."""
        before, after = self.at(0.0), self.at(1.0)
        if before is None or after is None:
            return ()
        lost = 100 * (after.bits_per_byte / before.bits_per_byte - 1)
        label = "bits per byte of another text, more than before"
        entries = [BookEntry("forgotten_percent", label, lost, "%", model=self.model)]
        if after.right is not None:
            low, high = (100 * each for each in share_interval(after.right, len(after.answers)))
            name, label = "tuned_right_percent", "held-out examples answered right"
            unit, share = "%", 100 * after.right
            entries.append(BookEntry(name, label, share, unit, low, high, model=self.model))
        return tuple(entries)

    @property
    def summary(self) -> str:
        """Learned and forgotten at each strength."""
        each = "; ".join(map(_sentence, self.points))
        return f"{self.model}: {each or 'stopped before the first strength'} (measured)"

    def __repr__(self) -> str:
        return in_lines(self.summary)


def _sentence(point: StrengthPoint) -> str:
    learned = f"{point.right:.0%} right, " if point.right is not None else ""
    return (
        f"at {point.strength:g} {learned}{point.bits_per_byte:.2f} bits/byte, "
        f"KL {point.kl_bits:.2f} bits"
    )


def vary_strength(
    tuning: FineTuning, *, strengths: Iterable[float] = STRENGTHS, probe: str | None = None
) -> StrengthSweep:
    """Measures what an adapter taught, and what was forgotten, at several strengths.

    Learned: the loss on held-out examples, and how many are answered right. Forgotten: bits per
    byte of ``data/corpus.txt``, and the KL divergence from the base model over 50 general prompts.
    An interrupt keeps the strengths that were done.

    Args:
        tuning: from `fine_tune`.
        strengths: 0 to 4; 0 is the base model, 1 the adapter as it was trained.
        probe: prompt whose next token is shown; None: that of the first held-out example.
    Raises:
        ValueError: a strength is out of range.
        LabError: nothing was trained.
    """
    check_type("tuning", tuning, FineTuning, "lab.control.fine_tune")
    strengths = checked_several("strengths", strengths, Real, "one or more numbers, as in (0, 1)")
    for each in strengths:
        check_number("strengths", each, "0 to 4", lambda x: 0 <= x <= 4)
    if not tuning.losses:
        raise LabError(
            "Nothing was trained: it was stopped before the first step.", "Run it again."
        )
    if probe is not None:
        check_text(probe, "probe")
    else:
        probe = (tuning.examples.held_out or tuning.examples.train)[0].prompt
    points = []
    with progress(total=len(set(strengths)), unit="strength", desc="strength") as bar:
        try:
            for point in _points(tuning, sorted({float(each) for each in strengths}), probe):
                points.append(point)
                bar.update()
        except KeyboardInterrupt:
            pass
    return StrengthSweep(tuning.tuned.name, probe, tuple(points))


def _points(tuning: FineTuning, strengths: Sequence[float], probe: str) -> Iterator[StrengthPoint]:
    model = tuning.tuned
    with at_strength(model, 0):
        base = _general_logprobs(model)
    held_out = tuning.examples.held_out[:ITEMS]
    tests = [example_ids(model, each.prompt, each.answer) for each in held_out]
    for strength in strengths:
        with at_strength(model, strength):
            yield StrengthPoint(
                strength,
                mean_loss(model, tests) if tests else None,
                _answers(model, held_out),
                _next_tokens(model, probe),
                tuple(_probe_means(model, tuning.examples.probes)),
                bits_per_byte(model, read_data("corpus.txt")),
                fmean(map(kl_bits, base, _general_logprobs(model))),
            )


def _answers(model: LocalModel, held_out: Sequence[TuningExample]) -> tuple[AnsweredExample, ...]:
    wanted = [each.answer for each in held_out]
    texts = written_answers(model, [each.prompt for each in held_out], wanted)
    return tuple(
        AnsweredExample(each, text, plain_answer(text) == plain_answer(each.answer))
        for each, text in zip(held_out, texts, strict=True)
    )


def written_answers(
    model: LocalModel, prompts: Sequence[str | Messages], wanted: Sequence[str]
) -> list[str]:
    """What a model writes after each prompt, at temperature 0.

    Args:
        model: from ``labkit.load``.
        prompts: what is asked.
        wanted: the answer that each is compared with: where it is one line, the first one counts.
    """
    if not prompts:
        return []
    asked = [example_ids(model, each, "") for each in prompts]
    in_one_line = ["\n" not in each.strip() for each in wanted]
    written = padded_answers(
        model.model,
        [ids[:start] for ids, start in asked],
        max_tokens=most_tokens(model, wanted),
        end_ids=model.end_ids,
        is_complete=lambda ids: all(in_one_line) and "\n" in model.tokenizer.decode(ids).lstrip(),
    )
    texts = {
        number: model.tokenizer.decode(ids, skip_special_tokens=True).strip()
        for number, ids in written
    }
    return [
        texts[number].split("\n")[0].strip() if is_line else texts[number]
        for number, is_line in enumerate(in_one_line)
    ]


def most_tokens(model: LocalModel, wanted: Iterable[str]) -> int:
    """The limit of answers that are compared with these, in tokens; at most that of a training."""
    ids = model.tokenizer(list(wanted), add_special_tokens=False)["input_ids"]
    return min(LONGEST, max(MAX_TOKENS, SPARE + max(map(len, ids))))


def _next_tokens(model: LocalModel, probe: str) -> tuple[tuple[str, float], ...]:
    ids, start = example_ids(model, probe, "")
    top = _logprobs(model, ids[:start])[-1].exp().topk(LEADING)
    pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
    return tuple((model.text_of(token), probability) for token, probability in pairs)


def _probe_means(model: LocalModel, probes: Sequence[TuningProbe]) -> Iterator[tuple[str, float]]:
    read = answer_probabilities(model, [(each.prompt, each.answer) for each in probes])
    pairs = zip(probes, read, strict=True)
    for kind, group in groupby(pairs, key=lambda pair: pair[0].kind):
        yield kind, fmean(probability for _, probability in group)


def answer_probabilities(model: LocalModel, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Probability that the model answers each prompt with a text, from its first to last token."""
    if not pairs:
        return []
    encoded = [example_ids(model, prompt, answer) for prompt, answer in pairs]
    prompts = [ids[:start] for ids, start in encoded]
    answers = [[ids[start:-1]] for ids, start in encoded]  # whatever it would write after it
    found = dict(option_logprobs(model.model, prompts, answers))
    return [math.exp(found[number][0]) for number in range(len(pairs))]


def bits_per_byte(model: LocalModel, text: str) -> float:
    """Bits that the model needs for each byte of a text, which it reads raw."""
    ids = model.encode(text, raw=True)
    logprobs = _logprobs(model, ids)[:-1]
    wanted = torch.tensor(ids[1:], device=logprobs.device)[:, None]
    nats = -float(logprobs.gather(-1, wanted).sum())
    return nats / math.log(2) / len(text.encode())


def kl_bits(base: torch.Tensor, other: torch.Tensor) -> float:
    """KL divergence of one distribution from another, both (vocab,) log-probabilities, in bits."""
    return max(0.0, float((base.exp() * (base - other)).sum())) / math.log(2)


@torch.inference_mode()
def _general_logprobs(model: LocalModel) -> list[torch.Tensor]:
    """The next-token log-probabilities after each general prompt, read raw, in padded batches."""
    prompts = read_data("finetune/general.json")["prompts"]
    rows = [model.encode(each, raw=True) for each in prompts]
    found = []
    for start in range(0, len(rows), ROWS):
        batch = rows[start : start + ROWS]
        width = max(map(len, batch))
        padded = [ids + [0] * (width - len(ids)) for ids in batch]
        read = torch.tensor(padded, device=model.model.device)
        logits = model.model(input_ids=read, use_cache=False).logits
        found += [
            row[len(ids) - 1].float().log_softmax(-1)
            for row, ids in zip(logits, batch, strict=True)
        ]
    return found


@torch.inference_mode()
def _logprobs(model: LocalModel, ids: Sequence[int]) -> torch.Tensor:
    """(tokens, vocab) float32 log-probabilities after each token."""
    read = torch.tensor([list(ids)], device=model.model.device)
    return model.model(input_ids=read, use_cache=False).logits[0].float().log_softmax(-1)


def last_logprobs(model: LocalModel, ids: Sequence[int]) -> torch.Tensor:
    """(vocab,) log-probabilities of the next token after a text, on the CPU."""
    return _logprobs(model, ids)[-1].cpu()
