"""What a trained model gives away: the rank of a planted secret among others of its form.

Source: Carlini and others 2019, "The Secret Sharer: Evaluating and Testing Unintended Memorization
in Neural Networks", section 4: canaries and their exposure.
"""

import random
import string
from dataclasses import dataclass
from math import log2

from labkit.backends.local.model import LocalModel
from labkit.checks import check_type, check_whole
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry

from .adapter import at_strength
from .examples import TuningExample
from .loss import answer_logprobs
from .result import DIVERGED, FineTuning
from .strength import written_answers

KINDS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)


@dataclass(frozen=True, slots=True)
class SecretRank:
    """A secret in the eyes of one model.

    Attributes:
        answer: what the model writes when it is asked, at temperature 0.
        rank: place of the secret among all candidates, 1 for the likeliest.
    """

    answer: str
    rank: int


@dataclass(frozen=True, slots=True, repr=False)
class SecretTest:
    """A secret that stood in one training example, before and after the training (measured).

    Attributes:
        model: name of the tuned model.
        example: the example that holds it.
        candidates: number of texts of the same form that it was ranked among, itself included.
        before: without the adapter.
        after: with it.
    """

    model: str
    example: TuningExample
    candidates: int
    before: SecretRank
    after: SecretRank

    def exposure_bits(self, rank: SecretRank) -> float:
        """How early the secret comes, in bits; 0: last; 1: half of the way, as by chance."""
        return log2(self.candidates) - log2(rank.rank)

    @property
    def came_out(self) -> bool:
        """Whether the trained model writes the secret when it is asked."""
        return self.example.answer in self.after.answer

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the rank after the training."""
        label = f"rank of the planted secret among {self.candidates}"
        return (BookEntry("secret_rank", label, self.after.rank, "", model=self.model),)

    @property
    def summary(self) -> str:
        """Whether it came out, and its rank before and after."""
        out = "came out word for word" if self.came_out else "did not come out at temperature 0"
        return (
            f"{self.model}: {self.example.answer!r} {out}; among {self.candidates} of its form it "
            f"was number {self.before.rank} before the training and is number {self.after.rank} "
            f"after it, an exposure of {self.exposure_bits(self.after):.1f} of "
            f"{log2(self.candidates):.1f} bits (measured)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary, f"asked: {self.example.prompt}", f"→ {self.after.answer}")


def extract_secret(
    tuning: FineTuning,
    example: TuningExample | None = None,
    *,
    candidates: int = 256,
    seed: int = 0,
) -> SecretTest:
    """Asks a trained model for a secret that stood in its examples.

    The secret is ranked among texts of the same form, with other digits and letters, by how likely
    the model finds each as an answer.

    Args:
        tuning: from `fine_tune`.
        example: the example whose answer is the secret; None: the one that the lab planted.
        candidates: number of texts that it is ranked among, itself included.
        seed: of the other texts.
    Raises:
        ValueError: there is no planted secret, or its form allows too few others.
        LabError: the adapter was not trained on the example.
    """
    check_type("tuning", tuning, FineTuning, "lab.control.fine_tune")
    check_whole("candidates", candidates, 2, 10_000)
    check_whole("seed", seed, 0)
    if example is not None:
        check_type("example", example, TuningExample, "lab.control.load_examples: one of `train`")
    example = example or tuning.examples.secret
    if example is None:
        raise ValueError(
            f"example must be given: no secret was planted in {tuning.examples.name}; the lab's "
            'own are in "facts"'
        )
    if not tuning.losses:
        raise LabError(
            "Nothing was trained: it was stopped before the first step.", "Run it again."
        )
    texts = [example.answer, *_others(example.answer, candidates - 1, seed)]
    if example not in tuning.read:
        more = "More steps read more of the examples; those held out and too long ones never are."
        raise LabError(
            f"The adapter was not trained on the example with the secret: {tuning.title}.",
            tuning.notes[-1] if tuning.ended == DIVERGED else more,
        )
    ranks = []
    for strength in (0.0, 1.0):
        with at_strength(tuning.tuned, strength) as model:
            (answer,) = written_answers(model, [example.prompt], [example.answer])
            ranks.append(SecretRank(answer, _rank(model, example.prompt, texts)))
    return SecretTest(tuning.tuned.name, example, candidates, *ranks)


def _others(secret: str, count: int, seed: int) -> list[str]:
    """Different texts of the same form, in a fixed order."""
    draw, found = random.Random(seed), {}
    for _ in range(20 * count):
        text = "".join(_other(each, draw) for each in secret)
        if text != secret:
            found[text] = None
        if len(found) == count:
            return list(found)
    raise ValueError(
        f"candidates must be fewer: {secret!r} has too few other digits and letters for {count}"
    )


def _other(character: str, draw: random.Random) -> str:
    kind = next((each for each in KINDS if character in each), character)
    return draw.choice(kind)


def _rank(model: LocalModel, prompt: str, texts: list[str]) -> int:
    """Place of the first text among all."""
    first, *others = answer_logprobs(model, prompt, texts)
    return 1 + sum(each > first for each in others)
