"""An answer with some words made likelier, less likely or impossible, beside a free one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from labkit.backends.generate import generate
from labkit.backends.local.decoding.biased import BANNED, BiasedMode
from labkit.backends.local.model import LocalModel
from labkit.backends.prompts import Messages, check_text
from labkit.backends.reply import Reply
from labkit.checks import check_number
from labkit.errors import LabError
from labkit.formatting import in_lines

from .constrain import uninterrupted

EDGES = (r"(?<!\w)", r"(?!\w)")  # of a word


@dataclass(frozen=True, slots=True, repr=False)
class BiasedAnswer:
    """One prompt answered freely and with biased words (measured).

    Attributes:
        biases: what was added to each word's score, in nats; -100: it was banned.
        spellings: the tokens of each word, without and with a blank before it.
        free: the answer without it.
        reply: the answer with it.
    """

    biases: dict[str, float]
    spellings: dict[str, tuple[tuple[str, ...], ...]]
    free: Reply
    reply: Reply

    @property
    def slipped(self) -> tuple[str, ...]:
        """Banned words that the answer holds nevertheless, in another case or other tokens."""
        return tuple(
            word
            for word, bias in self.biases.items()
            if bias == BANNED and _holds(self.reply.text.casefold(), word.strip().casefold())
        )

    @property
    def summary(self) -> str:
        """The biases, whether the answer changed, and banned words that came nevertheless."""
        each = ", ".join(
            f"{word.strip()} {'banned' if bias == BANNED else f'{bias:+g}'}"
            for word, bias in self.biases.items()
        )
        change = "the same answer" if self.reply.text == self.free.text else "another answer"
        slipped = "; there nevertheless: " + ", ".join(self.slipped) if self.slipped else ""
        return f"{self.reply.model}, {each}: {change}{slipped} (measured)"

    def __repr__(self) -> str:
        return in_lines(self.summary, f"free: {self.free.text}", f"biased: {self.reply.text}")


def _holds(text: str, word: str) -> bool:
    """Whether a text holds a word, and not only within a longer one."""
    # Only letters with capitals, and digits: a script without them may have no blanks either.
    is_spaced = [each.isdigit() or each.upper() != each.lower() for each in (word[0], word[-1])]
    before, after = (edge if own else "" for edge, own in zip(EDGES, is_spaced, strict=True))
    return bool(re.search(before + re.escape(word) + after, text))


def bias_words(
    model: LocalModel,
    prompt: str | Messages,
    biases: Mapping[str, float],
    *,
    raw: bool = False,
    temperature: float = 0.0,
    max_tokens: int = 48,
    **settings,
) -> BiasedAnswer:
    """Answers a prompt freely, then with something added to the scores of some words.

    Tokens are biased, not meanings: each word as it is spelt here, without and with a blank before
    it. An interrupt of the second answer keeps what was written; one of the first ends both.

    Args:
        model: from ``labkit.load``.
        prompt: as for `labkit.stream`.
        biases: what is added to each word's score, in nats, -100 to 100; -100 bans it.
        raw: as for `labkit.stream`.
        temperature: as in `Settings`.
        max_tokens: limit of each answer.
        settings: more of `Settings`, such as ``stop``.
    Raises:
        ValueError: there is no word, a bias is out of range, or two words of one spelling differ.
        LabError: the model does not run in this process.
    """
    backend = biased(model, biases)
    options = {"temperature": temperature, "max_tokens": max_tokens, **settings}
    free = uninterrupted(generate(model, prompt, raw=raw, **options))
    reply = generate(backend, prompt, raw=raw, **options)
    return BiasedAnswer(
        {word: float(bias) for word, bias in biases.items()}, backend.spellings, free, reply
    )


def biased(model: LocalModel, biases: Mapping[str, float]) -> BiasedMode:
    """The model as a backend that finds some words likelier or less likely; see `bias_words`.

    Raises:
        ValueError: there is no word, a bias is out of range, or two words of one spelling differ.
        LabError: the model does not run in this process.
    """
    if not isinstance(biases, Mapping) or not biases:
        raise ValueError(f'biases must be words with numbers, {{"cat": -5}}; got {biases!r:.60}')
    for word, bias in biases.items():
        if not isinstance(word, str) or not word.strip():
            raise ValueError(f"biases must be of words that are text; got {word!r:.60}")
        check_text(word, "a word of biases")
        check_number(
            f"the bias of {word.strip()!r}", bias, "-100 to 100", lambda x: -100 <= x <= 100
        )
    if not isinstance(model, LocalModel):
        raise LabError(
            f"A bias is added to a model's scores; {getattr(model, 'name', model)!r} does not give "
            "them here.",
            'A model that runs here does: lab.load("smollm2-135m").',
        )
    return BiasedMode(model, biases)
