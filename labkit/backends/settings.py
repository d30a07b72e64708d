"""How tokens are chosen, and when an answer ends."""

import difflib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral

from labkit.checks import check_number, check_whole, is_number

# The stages from scores to a choice, in transformers' own order.
STAGES = (
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
)


class _NamedSettings(type):
    """Refuses a setting that there is not, with the one that was probably meant."""

    def __call__(cls, **settings):
        for name in settings:
            if name not in cls.__annotations__:
                near = difflib.get_close_matches(name, cls.__annotations__, n=1)
                guess = (
                    f"did you mean {near[0]!r}?"
                    if near
                    else "there are " + ", ".join(cls.__annotations__)
                )
                raise TypeError(f"there is no setting {name!r}: {guess}")
        return super().__call__(**settings)


@dataclass(frozen=True, slots=True)
class Settings(metaclass=_NamedSettings):
    """How the next token is chosen, and when to end.

    Attributes:
        temperature: 0 takes the likeliest token every time; 1 draws as the model scores; above,
            flatter.
        top_k: draw from the k likeliest only; None: no such limit.
        top_p: draw from the likeliest that together reach this probability; in (0, 1].
        min_p: drop tokens less likely than this share of the likeliest's probability; in [0, 1).
        typical_p: keep the tokens whose surprise is nearest the expected; in (0, 1].
        repetition_penalty: divides the scores of tokens that occurred; 1: none; 0.01 to 100.
        presence_penalty: taken off the scores of tokens that occurred; 0: none; -2 to 2.
        frequency_penalty: taken off as often as a token occurred; 0: none; -2 to 2.
        max_tokens: the most tokens that are written.
        seed: start of the random numbers; None: a fresh one, recorded in the reply.
        stop: strings before which the answer ends; servers look for them in a thought too.
        order: `STAGES` in the order in which they are applied; or two or more of them, which change
            places: ``("top_p", "temperature")`` cuts before the temperature.
        thinking: whether a model that can do both thinks before it answers; None: as its chat
            template or its server has it. A local model without that switch refuses it, as most
            servers do; vLLM and a server of llama.cpp overlook it for such a model.

    Raises:
        ValueError: names the argument, its bound and the value given.
    """

    temperature: float = 0.7
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    max_tokens: int = 128
    seed: int | None = None
    stop: tuple[str, ...] = ()
    order: tuple[str, ...] = STAGES
    thinking: bool | None = None

    def __post_init__(self):
        for each in fields(self):
            value = getattr(self, each.name)
            # JSON takes none of numpy's numbers; a 1 stays a 1, as it was typed.
            if type(value) in (int, bool):
                continue
            if isinstance(each.default, float) and is_number(value):
                object.__setattr__(self, each.name, float(value))
            elif isinstance(value, Integral):
                object.__setattr__(self, each.name, int(value))
        # Scores are divided by it: nearer to 0 they would be infinite.
        bound = "0, or at least 0.000001"
        check_number("temperature", self.temperature, bound, lambda x: x == 0 or x >= 1e-6)
        check_number("top_p", self.top_p, "above 0 and at most 1", lambda x: 0 < x <= 1)
        check_number("min_p", self.min_p, "at least 0 and below 1", lambda x: 0 <= x < 1)
        check_number("typical_p", self.typical_p, "above 0 and at most 1", lambda x: 0 < x <= 1)
        penalty = self.repetition_penalty
        check_number("repetition_penalty", penalty, "0.01 to 100", lambda x: 0.01 <= x <= 100)
        for name in ("presence_penalty", "frequency_penalty"):
            check_number(name, getattr(self, name), "-2 to 2", lambda x: -2 <= x <= 2)
        check_whole("max_tokens", self.max_tokens)
        check_whole("top_k", self.top_k, or_none=True)
        check_whole("seed", self.seed, 0, 2**63 - 1, or_none=True)
        several = isinstance(self.stop, Iterable | None) and not isinstance(self.stop, str)
        stop = tuple(() if self.stop is None else self.stop) if several else (self.stop,)
        if not all(isinstance(text, str) and text for text in stop):
            raise ValueError(f"stop must be a text or several, none of them empty; got {stop!r}")
        object.__setattr__(self, "stop", stop)
        object.__setattr__(self, "order", _whole_order(self.order))
        if not isinstance(self.thinking, bool | None):
            raise ValueError(f"thinking must be True, False or None; got {self.thinking!r}")

    def seeded(self) -> "Settings":
        """The same, with a seed in any case."""
        return self if self.seed is not None else replace(self, seed=random.getrandbits(32))


def check_rows(rows: Sequence[Settings]) -> None:
    """Raises a ValueError unless rows of a batch can be written together."""
    if not rows:
        raise ValueError("rows must hold the settings of at least one answer; got none")
    if len({row.thinking for row in rows}) > 1:
        raise ValueError("thinking must be the same in all rows of a batch; got several")


def _whole_order(named: Sequence[str]) -> tuple[str, ...]:
    """All stages, of which those named stand in this order, in each other's places.

    >>> _whole_order(("top_p", "temperature"))[3:6]
    ('top_p', 'top_k', 'temperature')
    """
    is_list = isinstance(named, list | tuple) and all(isinstance(each, str) for each in named)
    if not is_list or not 2 <= len(set(named) & set(STAGES)) == len(named):
        raise ValueError(f"order must be two or more of {STAGES}, each once; got {named!r}")
    ordered = iter(named)
    return tuple(next(ordered) if stage in named else stage for stage in STAGES)
