"""What came with each token of an answer, and the thought and the answer that they make."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could have come.

    Attributes:
        token_id: its number in the vocabulary; None where a server gives the text alone.
        text: what it stands for; bytes that are no whole character show as U+FFFD.
        logprob: natural logarithm of the probability that the model gave it.
    """

    token_id: int | None
    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Step:
    """One token that a model wrote. What a backend does not report is None.

    From a server that reports no tokens it is a piece of text: see `Outcome.chunked`.

    Attributes:
        token_id: its number in the vocabulary.
        text: the text that is complete with it; empty while a character or a stop string is only
            half there, and for tokens that stand for no text.
        logprob: natural logarithm of the probability that the model itself gave it.
        drawn_logprob: the same in the distribution it was drawn from, after temperature and
            filters; 0 where temperature 0 left no choice.
        alternatives: the likeliest tokens by the model's own scores, best first.
        entropy_bits: how undecided the model was, in bits.
        elapsed_s: seconds from the request to this token.
        thinking: whether it belongs to what the model thought before it answered.
    """

    token_id: int | None
    text: str
    logprob: float | None
    drawn_logprob: float | None
    alternatives: tuple[Alternative, ...]
    entropy_bits: float | None
    elapsed_s: float
    thinking: bool = False


def join_steps(steps: Sequence[Step]) -> tuple[str, str]:
    """What was thought, without the blanks around it, and the answer after it."""
    thought = [step.text for step in steps if step.thinking]
    answer = "".join(step.text for step in steps if not step.thinking)
    return "".join(thought).strip(), answer.lstrip() if thought else answer


def thinking_seconds(steps: Sequence[Step], thinking_tokens: int | None) -> float | None:
    """Seconds from the first token of a thought to the first of the answer, or to the last of all.

    A thought that is not shown begins with the request. None where nothing was thought.
    """
    thought = [number for number, step in enumerate(steps) if step.thinking]
    if not steps or not (thought or thinking_tokens):
        return None
    if not thought:
        return steps[0].elapsed_s
    answer = steps[min(thought[-1] + 1, len(steps) - 1)]
    return answer.elapsed_s - steps[thought[0]].elapsed_s
