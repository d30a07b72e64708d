"""Where a prompt goes: rules, the route taken, and what is read off a question or an answer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from labkit.backends.reply import Step
from labkit.errors import LabError

from .plan import LARGE, SMALL

MOST_CHARACTERS = 160  # of a question, from its end, whose meaning is looked at
NOTHING = -1e6  # the log-probability of an answer without text


@dataclass(frozen=True, slots=True)
class RouteRule:
    """A cheap rule: a question with this pattern goes there, without another look.

    Attributes:
        pattern: a regular expression, looked for anywhere in the question.
        to: ``"small"`` or ``"large"``.
    Raises:
        ValueError: neither, or not a regular expression.
    """

    pattern: str
    to: str

    def __post_init__(self):
        if self.to not in (SMALL, LARGE):
            raise ValueError(f"to must be 'small' or 'large'; got {self.to!r}")
        try:
            re.compile(self.pattern)
        except (re.error, TypeError) as error:
            raise ValueError(f"pattern must be a regular expression: {error}") from None


@dataclass(frozen=True, slots=True, repr=False)
class Route:
    """Where a prompt went, and why.

    Attributes:
        to: whose answer it is: ``"small"`` or ``"large"``.
        by: what decided: policy, rule, neighbours, confidence, or refused.
        why: the reason, in words.
        asked: who was asked, in this order: two where the answer was paid for twice.
        chance: that the small model is right, as far as it is known.
        overhead_s: seconds of the router itself, before the first model was asked.
        small_s: seconds of the small model's answer, where it was looked at first.
    """

    to: str
    by: str
    why: str
    asked: tuple[str, ...]
    chance: float | None = None
    overhead_s: float = 0.0
    small_s: float | None = None

    @property
    def summary(self) -> str:
        """Where it went, why, and what the router itself took."""
        chance = "" if self.chance is None else f", right with a chance of {self.chance:.0%}"
        first = "" if self.small_s is None else f"; the small model took {self.small_s:.2f} s"
        twice = ", and was asked in vain" if len(self.asked) > 1 else ""
        own = f"{1000 * self.overhead_s:.0f} ms of the router's own"
        return f"{self.to}, by {self.by} ({self.why}{chance}){first}{twice}; {own}"

    def __repr__(self) -> str:
        return f"<Route to {self.summary}>"


def question_of(prompt: str | Sequence) -> str:
    """What is asked: the text, or the last message of the user."""
    if isinstance(prompt, str):
        return prompt
    asked = [str(each["content"]) for each in prompt if each["role"] == "user"]
    return asked[-1] if asked else ""


def answer_logprob(steps: Sequence[Step]) -> float:
    """The log-probability of an answer: the sum over its tokens with text; without any, `NOTHING`.

    Raises:
        LabError: the model reports no log-probabilities.
    """
    known = [step.logprob for step in steps if step.text and not step.thinking] or [NOTHING]
    if any(each is None for each in known):
        raise LabError(
            "The small model reports no log-probabilities, so its confidence is not known.",
            'Take one that runs in this process, such as lab.load("smollm2-135m").',
        )
    return sum(each for each in known if each is not None)
