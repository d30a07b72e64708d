"""`conversation_cost`: what each further question costs, as all that was said is read again."""

from dataclasses import dataclass

from labkit.backends.capabilities import ScoringModel
from labkit.backends.loaded.decoding import growing_text, time_reading
from labkit.backends.prompts import check_text
from labkit.checks import check_whole
from labkit.formatting import in_lines, number_of
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry
from labkit.models.prices import request_price
from labkit.topics.limits.arguments import check_model

from .diary import sentences

SHORTEST, USUAL = 8, 80  # tokens of a turn
PRICED = "gpt-5-nano"


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a conversation.

    Attributes:
        tokens: tokens of the conversation up to there, all of which a server without memory reads.
        whole_s: seconds to read all of them here.
        new_s: seconds to read what is new, the rest being kept.
        price_usd: of this request at a cloud's list price, nothing being cached.
    """

    tokens: int
    whole_s: float
    new_s: float
    price_usd: float


@dataclass(frozen=True, slots=True, repr=False)
class ConversationCost:
    """A conversation that grows by the same number of tokens with each turn (measured).

    Attributes:
        model: name of the model.
        priced: cloud model whose list price counts.
        turn_tokens: tokens that each turn adds, question and answer.
        turns: the turns; fewer where it was stopped.
    """

    model: str
    priced: str
    turn_tokens: int
    turns: tuple[Turn, ...]

    @property
    def tokens_read(self) -> int:
        """Tokens that are read in all, if nothing is kept."""
        return sum(each.tokens for each in self.turns)

    @property
    def factor(self) -> float:
        """How many times each token is read on average, if nothing is kept."""
        return self.tokens_read / self.turns[-1].tokens

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: how often everything is read again."""
        if not self.turns:
            return ()
        label = f"a conversation of {number_of(len(self.turns), 'turn')} reads each token"
        return (BookEntry("reread_times", label, self.factor, "times", origin="computed"),)

    @property
    def summary(self) -> str:
        """Tokens, seconds and money of the whole conversation."""
        if not self.turns:
            return f"{self.model}: stopped before the first turn"
        whole, new = (sum(getattr(t, n) for t in self.turns) for n in ("whole_s", "new_s"))
        money = sum(each.price_usd for each in self.turns)
        return (
            f"{number_of(len(self.turns), 'turn')} of {self.turn_tokens} tokens: "
            f"{self.turns[-1].tokens:,} tokens said, {self.tokens_read:,} read if nothing is "
            f"kept, each {self.factor:.1f} times; reading takes {self.model} {whole:.1f} s, with a "
            f"cache {new:.1f} s (measured); at {self.priced}'s list price ${money:.5f} (computed)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def conversation_cost(
    model: ScoringModel, *, turns: int = 12, turn_tokens: int | None = None, priced: str = PRICED
) -> ConversationCost:
    """What each turn of a conversation costs: everything read again, or only what is new.

    An interrupt keeps what came.

    Args:
        model: from ``labkit.load``.
        turns: number of questions, 2 to 100.
        turn_tokens: tokens that each adds, question and answer together, 8 to 1,000; None: 80, or
            as many as fit the context.
        priced: cloud model whose list price counts.
    Raises:
        ValueError: an argument is out of range, or all turns together do not fit the context.
        LabError: the model does not run in this process, or the price list lacks the cloud model.
    """
    check_model(model)
    check_whole("turns", turns, 2, 100)
    check_text(priced, "priced")
    if turn_tokens is None:
        turn_tokens = max(SHORTEST, min(USUAL, (model.context - 1) // turns))
    check_whole("turn_tokens", turn_tokens, SHORTEST, 1000)
    if turns * turn_tokens >= model.context:
        raise ValueError(
            f"turns × turn_tokens must stay below the context of {model.context:,} tokens; got "
            f"{turns * turn_tokens:,}"
        )
    ids = _ids(model, turns * turn_tokens)
    time_reading(model, ids[:turn_tokens])  # the first pass warms up
    found, read_new = [], growing_text(model)
    try:
        for number in progress(range(1, turns + 1), unit="turn", desc="conversation"):
            text = ids[: number * turn_tokens]
            whole_s, new_s = time_reading(model, text), read_new(text)
            found.append(Turn(len(text), whole_s, new_s, request_price(priced, len(text), 0)))
    except KeyboardInterrupt:
        pass
    return ConversationCost(model.name, priced, turn_tokens, tuple(found))


def _ids(model: ScoringModel, count: int) -> list[int]:
    text, ids = "", []
    for sentence in sentences(0):
        if len(ids) >= count:
            break
        text = f" {sentence}"
        ids += model.tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids[:count]
