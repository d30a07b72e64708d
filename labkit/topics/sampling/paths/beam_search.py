"""Beam search beside sampling: likelier texts, and how repetitive they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from statistics import fmean

from labkit.backends.generate import collect_rows
from labkit.backends.loaded.decoding import search_beams
from labkit.backends.prompts import Messages
from labkit.backends.reply import Reply
from labkit.backends.settings import Settings
from labkit.checks import check_whole
from labkit.formatting import number_of
from labkit.interrupts.cell import progress
from labkit.topics.sampling.next_token.prediction import require_scores
from labkit.topics.sampling.sweep.diversity import distinct_n, loops, self_similarity


@dataclass(frozen=True, slots=True)
class Repetitiveness:
    """How predictable texts are, and how much they repeat themselves and each other.

    Attributes:
        bits_per_token: mean surprise of a token to the model; None without log-probabilities.
        repeated_share: share of 4-grams that occurred before in the same text, mean over the texts.
        distinct_2: share of token pairs that are different, over all texts; None without pairs.
        self_similarity: similarity of the texts to each other, 0 to 1; None below two texts.
    """

    bits_per_token: float | None
    repeated_share: float
    distinct_2: float | None
    self_similarity: float | None


def measure_repetitiveness(replies: Sequence[Reply]) -> Repetitiveness:
    """Measures several answers to the same prompt.

    Args:
        replies: answers with log-probabilities; tokens that a server does not report are left
            out.
    Raises:
        ValueError: replies are empty.
    """
    if not replies:
        raise ValueError("replies must be one or more; got none")
    ids = [[each.token_id for each in one.steps if each.token_id is not None] for one in replies]
    logprobs = (each.logprob for one in replies for each in one.steps)
    bits = [-logprob / log(2) for logprob in logprobs if logprob is not None]
    return Repetitiveness(
        fmean(bits) if bits else None,
        fmean(loops(each).repeated_share for each in ids),
        distinct_n(ids, 2),
        self_similarity([reply.text for reply in replies]),
    )


@dataclass(frozen=True, slots=True, repr=False)
class BeamSearch:
    """The texts of a beam search, and as many samples (measured).

    Attributes:
        beams: texts of the search, best first; their times are those of the whole search, since
            no token of the best is known before its end.
        samples: sampled texts, as many; fewer, or none, if it was stopped.
    """

    beams: tuple[Reply, ...]
    samples: tuple[Reply, ...]

    @property
    def beam_repetitiveness(self) -> Repetitiveness:
        """Repetitiveness of the beams."""
        return measure_repetitiveness(self.beams)

    @property
    def sample_repetitiveness(self) -> Repetitiveness | None:
        """Repetitiveness of the samples; None without any."""
        return measure_repetitiveness(self.samples) if self.samples else None

    @property
    def stopped(self) -> bool:
        """Whether it was stopped before its end."""
        return any(each.finish == "interrupted" for each in (*self.beams, *self.samples)) or (
            len(self.samples) < len(self.beams)
        )

    @property
    def summary(self) -> str:
        """Surprise and self-similarity of both, in a line."""
        beams, samples = self.beam_repetitiveness, self.sample_repetitiveness
        drawn = "no samples"
        if samples:
            drawn = f"{number_of(len(self.samples), 'sample')} of {_number(samples.bits_per_token)}"
            drawn += f" bits, {_number(samples.self_similarity)}"
        return (
            f"{self.beams[0].model}: {number_of(len(self.beams), 'beam')} of "
            f"{_number(beams.bits_per_token)} bits per token, self-similarity "
            f"{_number(beams.self_similarity)}; {drawn} "
            f"({'stopped, ' if self.stopped else ''}measured)"
        )

    def __repr__(self) -> str:
        return self.summary


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def beam_search(
    model,
    prompt: str | Messages,
    *,
    beams: int = 4,
    max_tokens: int = 40,
    temperature: float = 1.0,
    seed: int | None = 0,
    raw: bool = False,
) -> BeamSearch:
    """Searches for the likeliest texts, and draws as many samples for comparison.

    Interrupting it stops the model and keeps what was written.

    Args:
        model: from ``labkit.load``.
        prompt: a text, or chat messages.
        beams: number of texts that the search keeps at every step, 2 to 32.
        max_tokens: limit of each text.
        temperature: temperature of the samples.
        seed: seed of the first sample; the others follow it; None: a fresh one.
        raw: whether to continue the text without the chat template.
    Raises:
        ValueError: the prompt or a setting is out of range.
        LabError: the model does not give its scores.
    """
    require_scores(model, "beam_search")
    check_whole("beams", beams, 2, 32)
    first = Settings(temperature=temperature, max_tokens=max_tokens, seed=seed).seeded()
    rows = [replace(first, seed=first.seed + n) for n in range(beams)]
    with progress(total=2 * max_tokens, unit="step", desc="beam search") as bar:
        texts = search_beams(model, prompt, beams, max_tokens, raw=raw, on_step=bar.update)
        drawn: tuple[Reply, ...] = ()
        if not any(each.finish == "interrupted" for each in texts):
            running = model.stream_rows(prompt, rows, raw=raw)
            drawn = collect_rows(model.name, prompt, running, lambda: bar.update(1 / beams))
        bar.total = bar.n  # the bar ends full although some texts ended early
    return BeamSearch(tuple(texts), drawn)
