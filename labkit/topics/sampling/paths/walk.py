"""A walk: the learner picks the next token, steps back, branches, and compares branches."""

from dataclasses import dataclass
from math import exp, log

import numpy as np
from rapidfuzz.distance import Prefix

from labkit.backends.generate import Backend
from labkit.backends.loaded.decoding import open_position
from labkit.backends.prompts import Messages, check_text
from labkit.backends.settings import Settings
from labkit.backends.steps import Alternative
from labkit.checks import check_one_of, check_whole
from labkit.errors import LabError
from labkit.formatting import number_of
from labkit.topics.sampling.next_token.prediction import require_scores

CANDIDATES = 10
MOST_TYPED = 24  # tokens at once, each a pass through the model
NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class ChosenToken:
    """A token that was chosen in a walk.

    Attributes:
        token_id: number of the token in the vocabulary.
        text: text of the token alone.
        logprob: natural logarithm of the probability that the model gave it.
        rank: rank in the vocabulary, 1 for the likeliest.
    """

    token_id: int
    text: str
    logprob: float
    rank: int


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the texts of a walk.

    Attributes:
        name: ``"A"``, ``"B"`` …
        text: text after the prompt.
        tokens: tokens that were chosen.
    """

    name: str
    text: str
    tokens: tuple[ChosenToken, ...]

    @property
    def logprob(self) -> float:
        """Natural logarithm of the probability of the whole text."""
        return sum(token.logprob for token in self.tokens)

    @property
    def probability(self) -> float:
        """Probability of the whole text: the product over its tokens."""
        return exp(self.logprob)

    @property
    def bits_per_token(self) -> float | None:
        """Mean surprise, comparable between texts of different length; None without tokens."""
        return -self.logprob / log(2) / len(self.tokens) if self.tokens else None

    def shared_tokens(self, other: "Branch") -> int:
        """Number of tokens that both branches begin with."""
        ids = ([token.token_id for token in branch.tokens] for branch in (self, other))
        return Prefix.similarity(*ids)


@dataclass(frozen=True, slots=True)
class Branches:
    """All branches of a walk.

    Attributes:
        model: name of the model.
        prompt: prompt that all branches continue.
        branches: branches in the order in which they were started.
        tokens_read: number of tokens that the model has read (measured).
        tokens_without_cache: number of tokens if every step had begun at the prompt (computed).
    """

    model: str
    prompt: str | Messages
    branches: tuple[Branch, ...]
    tokens_read: int
    tokens_without_cache: int

    @property
    def summary(self) -> str:
        """The likeliest branch that has a token, in a line."""
        walked = (branch for branch in self.branches if branch.tokens)
        best = min(walked, key=lambda branch: branch.bits_per_token, default=None)
        line = f"{len(self.branches)} branch{'es' if len(self.branches) > 1 else ''} walked"
        if best:
            line += f", the least surprising {best.name}: {best.bits_per_token:.2f} bits per token"
        return (
            f"{self.model}: {line}; {number_of(self.tokens_read, 'token')} read, "
            f"{self.tokens_without_cache} without the cache"
        )


class Walk:
    """A walk through the texts that a model could write.

    Attributes:
        name: name of the current branch.
    Raises:
        LabError: the model does not give its scores.
        ValueError: the prompt is out of range.
    """

    def __init__(self, model: Backend, prompt: str | Messages, *, raw: bool = False):
        require_scores(model, "walk")
        self._cursor = open_position(model, model.encode(prompt, raw=raw))
        self._model, self._context, self._prompt = model.name, model.context, prompt
        self._without_cache = self._cursor.tokens_read
        self.name = NAMES[0]
        self._branches = {self.name: Branch(self.name, "", ())}
        self._update_logprobs()

    def _update_logprobs(self) -> None:
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
        """The current branch."""
        return self._branches[self.name]

    @property
    def result(self) -> Branches:
        """All branches so far."""
        branches = tuple(self._branches.values())
        read = self._cursor.tokens_read
        return Branches(self._model, self._prompt, branches, read, self._without_cache)

    def take(self, token_id: int) -> None:
        """Takes a token, likely or not.

        Raises:
            ValueError: the token is not in the vocabulary, or the context is full.
        """
        token_id = int(token_id) if isinstance(token_id, np.integer) else token_id
        before = self._logprobs
        check_whole("token_id", token_id, 0, len(before) - 1)
        self._cursor.take(token_id)
        logprob = float(before[token_id])
        rank = int((before > before[token_id]).sum()) + 1
        chosen = ChosenToken(token_id, self._cursor.text_of(token_id), logprob, rank)
        self._update((*self.branch.tokens, chosen))

    def take_likeliest(self) -> None:
        """Takes the likeliest token, as at temperature 0."""
        self.take(int(self._logprobs.argmax()))

    def draw(self, temperature: float = 1.0, *, seed: int | None = None) -> None:
        """Draws a token by its probability, and takes it.

        Raises:
            ValueError: the temperature or the seed is out of range.
        """
        self.take(self._cursor.draw(Settings(temperature=temperature, seed=seed)))

    def write(self, text: str) -> None:
        """Takes the tokens of a text that the learner typed: all of them, or none if interrupted.

        Raises:
            ValueError: the text is empty, longer than `MOST_TYPED` tokens, or does not fit the
                context.
        """
        check_text(text)
        if len(text) > self._cursor.most_characters(MOST_TYPED):
            raise ValueError(
                f"text must be 1 to {MOST_TYPED} tokens; got {len(text):,} characters, which are "
                "certainly more"
            )
        ids = self._cursor.encode(text)
        if not 1 <= len(ids) <= MOST_TYPED:
            raise ValueError(f"text must be 1 to {MOST_TYPED} tokens; got {len(ids)}")
        start, taken = self._cursor.ids, self.branch.tokens
        if len(start) + len(ids) > self._context:
            raise ValueError(
                f"text must fit the context of {self._context:,} tokens together with the "
                f"{len(start):,} before it; got {number_of(len(ids), 'token')}"
            )
        try:
            for token_id in ids:
                self.take(token_id)
        except (ValueError, LabError, KeyboardInterrupt):
            self._cursor.go_to(start)
            self._update(taken)
            raise

    def back(self, tokens: int = 1) -> None:
        """Goes back by a number of tokens.

        Raises:
            ValueError: tokens is no whole number, or more than were taken.
        """
        self._cursor.back(tokens)
        left = len(self._cursor.ids) - len(self._cursor.prompt_ids)
        self._update(self.branch.tokens[:left])

    def start_branch(self) -> None:
        """Starts a new branch as a copy of the current one.

        Raises:
            ValueError: all letters are in use.
        """
        if len(self._branches) == len(NAMES):
            raise ValueError(f"branches must be at most {len(NAMES)}; continue one of them")
        name = NAMES[len(self._branches)]
        self._branches[name] = Branch(name, self.branch.text, self.branch.tokens)
        self.name = name

    def switch_to(self, name: str) -> None:
        """Switches to the end of another branch; tokens that both share are not read again.

        Raises:
            ValueError: there is no such branch.
        """
        check_one_of("name", name, self._branches)
        ids = (token.token_id for token in self._branches[name].tokens)
        self._cursor.go_to((*self._cursor.prompt_ids, *ids))
        self.name = name
        self._update(self.branch.tokens)

    def _update(self, tokens: tuple[ChosenToken, ...]) -> None:
        self._branches[self.name] = Branch(self.name, self._cursor.text, tokens)
        self._without_cache += len(self._cursor.ids)
        self._update_logprobs()
