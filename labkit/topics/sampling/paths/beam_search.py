"""Beam search beside sampling: likelier texts, and how dull they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import fmean

from labkit.backends.generate import collect_rows
from labkit.backends.local.decoding.beam_search import search_beams
from labkit.backends.prompts import Messages
from labkit.backends.reply import Reply
from labkit.backends.settings import Settings
from labkit.checks import check_whole
from labkit.topics.sampling.next_token.prediction import require_scores
from labkit.topics.sampling.sweep.diversity import distinct_n, loops, self_similarity

MOST_BEAMS = 32


@dataclass(frozen=True, slots=True)
class Dullness:
    """How predictable texts are, and how much they repeat each other and themselves.

    Attributes:
        bits_per_token: mean surprise of a token to the model.
        repeated_share: share of 4-grams that came before in the same text, mean over the texts.
        distinct_2: share of token pairs that are different, over all texts; None if there are
            none.
        self_similarity: how alike the texts are, 0 to 1; None below two texts.
    """

    bits_per_token: float
    repeated_share: float
    distinct_2: float | None
    self_similarity: float | None


def dullness(replies: Sequence[Reply]) -> Dullness:
    """Measures texts that answer the same prompt.

    Args:
        replies: with a log-probability for every token.
    Raises:
        ValueError: if there is none.
    """
    if not replies:
        raise ValueError("replies must be one or more; got none")
    ids = [[step.token_id for step in reply.steps] for reply in replies]
    bits = [-step.logprob / log(2) for reply in replies for step in reply.steps]
    return Dullness(
        fmean(bits),
        fmean(loops(each).repeated_share for each in ids),
        distinct_n(ids, 2),
        self_similarity([reply.text for reply in replies]),
    )


@dataclass(frozen=True, slots=True, repr=False)
class BeamSearch:
    """What beam search finds, and as many samples beside it (measured).

    Attributes:
        beams: the texts that the search ended with, best first. Their times are those of the
            whole search: no token of the best is known before it has ended.
        samples: as many, drawn.
    """

    beams: tuple[Reply, ...]
    samples: tuple[Reply, ...]

    @property
    def of_beams(self) -> Dullness:
        """Of the texts that the search found."""
        return dullness(self.beams)

    @property
    def of_samples(self) -> Dullness:
        """Of the texts that were drawn."""
        return dullness(self.samples)

    @property
    def summary(self) -> str:
        """Surprise and likeness of both, in a line."""
        beams, samples = self.of_beams, self.of_samples
        return (
            f"{self.beams[0].model}: {len(self.beams)} beams of {beams.bits_per_token:.2f} bits a "
            f"token, self-similarity {_told(beams.self_similarity)}; {len(self.samples)} samples "
            f"of {samples.bits_per_token:.2f} bits, {_told(samples.self_similarity)} (measured)"
        )

    def __repr__(self) -> str:
        return self.summary


def _told(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def beam_search(
    model,
    prompt: str | Messages,
    *,
    beams: int = 4,
    max_tokens: int = 40,
    temperature: float = 1.0,
    seed: int = 0,
    raw: bool = False,
) -> BeamSearch:
    """The likeliest texts that a search over several at once finds, beside as many samples.

    Args:
        model: from ``labkit.load``.
        prompt: a text, or chat messages.
        beams: how many texts the search keeps at every step; 2 to 32.
        max_tokens: at most so many in each text.
        temperature: of the samples.
        seed: of the first sample; the next has the next.
        raw: go on with the text as it stands, with a chat model too.
    Raises:
        ValueError: for a prompt or a setting out of bounds.
        LabError: for a model that does not show its scores.
    """
    from tqdm.auto import tqdm

    require_scores(model, "beam_search")
    check_whole("beams", beams, 2, MOST_BEAMS)
    first = Settings(temperature=temperature, max_tokens=max_tokens, seed=seed)
    rows = [
        Settings(temperature=temperature, max_tokens=max_tokens, seed=first.seed + n)
        for n in range(beams)
    ]
    with tqdm(total=2 * max_tokens, unit="step", desc="beam search", leave=False) as bar:
        found = search_beams(model, prompt, beams, max_tokens, raw=raw, on_step=bar.update)
        running = model.stream_rows(prompt, rows, raw=raw)
        drawn = collect_rows(model.name, prompt, running, lambda: bar.update(1 / beams))
        bar.total = bar.n  # texts that ended early leave no unfinished bar behind
    return BeamSearch(tuple(found), drawn)
