"""Step by step: the learner picks the next token, steps back, branches, and compares branches."""

from dataclasses import dataclass
from itertools import takewhile
from math import exp, log

import numpy as np

from labkit.backends.generate import Backend
from labkit.backends.local.decoding.cursor import Cursor
from labkit.backends.prompts import Messages, check_text
from labkit.backends.reply import Alternative
from labkit.backends.settings import Settings
from labkit.topics.sampling.next_token.prediction import require_scores

CANDIDATES = 10
MOST_TYPED = 24  # tokens at once; each is a pass through the model
NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class ChosenToken:
    """A token that was taken on the way.

    Attributes:
        token_id: its number in the vocabulary.
        text: what it stands for by itself.
        logprob: natural logarithm of the probability that the model gave it.
        rank: 1 where it was the likeliest of all.
    """

    token_id: int
    text: str
    logprob: float
    rank: int


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the texts that were written from the same prompt.

    Attributes:
        name: ``"A"``, ``"B"`` …
        text: what it says after the prompt.
        tokens: those that were taken.
    """

    name: str
    text: str
    tokens: tuple[ChosenToken, ...]

    @property
    def logprob(self) -> float:
        """Natural logarithm of the probability of all its tokens together."""
        return sum(token.logprob for token in self.tokens)

    @property
    def probability(self) -> float:
        """How likely the model is to write just this: the product over its tokens."""
        return exp(self.logprob)

    @property
    def bits_per_token(self) -> float | None:
        """Mean surprise, which texts of unlike length can be compared by; None without a token."""
        return -self.logprob / log(2) / len(self.tokens) if self.tokens else None

    def shared_tokens(self, other: "Branch") -> int:
        """How many tokens both begin with."""
        pairs = zip(self.tokens, other.tokens, strict=False)
        same = takewhile(lambda pair: pair[0].token_id == pair[1].token_id, pairs)
        return sum(1 for _ in same)


@dataclass(frozen=True, slots=True)
class Branches:
    """What a walk has come to.

    Attributes:
        model: name of the model.
        prompt: where all began.
        branches: in the order in which they were begun.
        tokens_read: how many tokens the model has read for it (measured).
        tokens_without_cache: the same, if every move had begun at the prompt
            (computed).
    """

    model: str
    prompt: str | Messages
    branches: tuple[Branch, ...]
    tokens_read: int
    tokens_without_cache: int

    @property
    def summary(self) -> str:
        """The likeliest branch, in a line."""
        best = max(self.branches, key=lambda branch: branch.logprob / max(1, len(branch.tokens)))
        told = f"{len(self.branches)} branch{'es' if len(self.branches) > 1 else ''} walked"
        if best.tokens:
            told += f", the least surprising {best.name}: {best.bits_per_token:.2f} bits per token"
        return (
            f"{self.model}: {told}; {self.tokens_read} tokens read, "
            f"{self.tokens_without_cache} without the cache"
        )


class Walk:
    """A walk through what a model could write.

    Attributes:
        name: of the branch on which it stands.

    Raises:
        LabError: if the model does not run here.
        ValueError: for a prompt out of bounds.
    """

    def __init__(self, model: Backend, prompt: str | Messages, *, raw: bool = False):
        require_scores(model, "walk")
        self._cursor = Cursor(model, model.encode(prompt, raw=raw))
        self._model, self._prompt = model.name, prompt
        self._without_cache = self._cursor.tokens_read
        self.name = NAMES[0]
        self._branches = {self.name: Branch(self.name, "", ())}
        self._look()

    def _look(self) -> None:
        scores = self._cursor.scores.astype(np.float64)
        top = scores.max()
        self._logprobs = scores - top - np.log(np.exp(scores - top).sum())

    @property
    def candidates(self) -> tuple[Alternative, ...]:
        """The likeliest next tokens, best first."""
        best = np.argsort(-self._logprobs, kind="stable")[:CANDIDATES].tolist()
        return tuple(
            Alternative(token, self._cursor.text_of(token), float(self._logprobs[token]))
            for token in best
        )

    @property
    def branch(self) -> Branch:
        """The branch on which it stands."""
        return self._branches[self.name]

    @property
    def result(self) -> Branches:
        """All branches so far, to compare."""
        branches = tuple(self._branches.values())
        read = self._cursor.tokens_read
        return Branches(self._model, self._prompt, branches, read, self._without_cache)

    def take(self, token_id: int) -> None:
        """Takes a token, likely or not.

        Raises:
            ValueError: if it is none of the vocabulary, or the context is full.
        """
        before = self._logprobs
        self._cursor.take(token_id)
        logprob = float(before[token_id])
        rank = int((before > before[token_id]).sum()) + 1
        taken = ChosenToken(token_id, self._cursor.text_of(token_id), logprob, rank)
        self._moved((*self.branch.tokens, taken))

    def take_likeliest(self) -> None:
        """Takes the token with the best score: temperature 0."""
        self.take(int(self._logprobs.argmax()))

    def draw(self, temperature: float = 1.0, *, seed: int | None = None) -> None:
        """Takes a token by chance, as its probability says.

        Raises:
            ValueError: for a temperature or a seed out of bounds.
        """
        self.take(self._cursor.draw(Settings(temperature=temperature, seed=seed)))

    def write(self, text: str) -> None:
        """Takes the tokens of a text that the learner typed.

        Raises:
            ValueError: if it is empty or longer than `MOST_TYPED` tokens.
        """
        check_text(text)
        if len(text) > self._cursor.most_characters(MOST_TYPED):
            raise ValueError(
                f"text must be 1 to {MOST_TYPED} tokens; got {len(text):,} characters, which are "
                "more in any case"
            )
        ids = self._cursor.encode(text)
        if not 1 <= len(ids) <= MOST_TYPED:
            raise ValueError(f"text must be 1 to {MOST_TYPED} tokens; got {len(ids)}")
        for token_id in ids:
            self.take(token_id)

    def back(self, tokens: int = 1) -> None:
        """So many tokens back.

        Raises:
            ValueError: if fewer were taken.
        """
        self._cursor.back(tokens)
        self._moved(self.branch.tokens[:-tokens])

    def start_branch(self) -> None:
        """Leaves this branch as it is, and goes on with a copy of it.

        Raises:
            ValueError: if there are as many as there are letters.
        """
        if len(self._branches) == len(NAMES):
            raise ValueError(f"branches must be at most {len(NAMES)}; go on with one of them")
        name = NAMES[len(self._branches)]
        self._branches[name] = Branch(name, self.branch.text, self.branch.tokens)
        self.name = name

    def go(self, name: str) -> None:
        """Goes to the end of another branch; what it shares with this one is not read again.

        Raises:
            ValueError: if there is no such branch.
        """
        if name not in self._branches:
            raise ValueError(f"name must be one of {', '.join(self._branches)}; got {name!r}")
        taken = (token.token_id for token in self._branches[name].tokens)
        self._cursor.go_to((*self._cursor.prompt_ids, *taken))
        self.name = name
        self._moved(self.branch.tokens)

    def _moved(self, tokens: tuple[ChosenToken, ...]) -> None:
        self._branches[self.name] = Branch(self.name, self._cursor.text, tokens)
        self._without_cache += len(self._cursor.ids)
        self._look()
