"""Many questions to one model, answered in a line each, at temperature 0 or drawn."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labkit.backends.capabilities import ScoringModel
from labkit.backends.loaded.decoding import padded_answers
from labkit.errors import LabError
from labkit.formatting import plain_answer

SolvedQuestions = Sequence[tuple[str, str]]
APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼʻ`´", "'"))


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its right answer.

    Attributes:
        text: the question.
        answer: the right answer.
        row, column: the cell of the map that it belongs to.
        also: other answers that count as right.
    """

    text: str
    answer: str
    row: str
    column: str
    also: tuple[str, ...] = ()

    def accepts(self, answer: str) -> bool:
        """Whether an answer is right, apart from case, white space, full stops and accents.

        >>> Question("12 + 7 =", "19", "+", "2").accepts(" 19. ")
        True
        """
        return _without_accents(answer) in map(_without_accents, (self.answer, *self.also))


def _without_accents(text: str) -> str:
    """A plain answer without accents, and with one kind of apostrophe."""
    letters = unicodedata.normalize("NFD", plain_answer(text).translate(APOSTROPHES))
    return "".join(each for each in letters if not unicodedata.combining(each))


def prompt_text(question: str, solved: SolvedQuestions, instruction: str) -> str:
    """The text that a model continues with its answer: the same for base and for chat models.

    >>> print(prompt_text("2 + 3 =", [("1 + 1 =", "2")], "Calculate."))
    Calculate.
    <BLANKLINE>
    Q: 1 + 1 =
    A: 2
    <BLANKLINE>
    Q: 2 + 3 =
    A:
    """
    shown = "".join(f"Q: {text}\nA: {answer}\n\n" for text, answer in solved)
    return f"{instruction}\n\n{shown}Q: {question}\nA:"


def prompt_ids(model: ScoringModel, text: str) -> list[int]:
    """The tokens of a prompt, without the chat template.

    Raises:
        LabError: it does not fit the model's context.
    """
    try:
        return model.encode(text, raw=True)
    except ValueError as error:
        raise LabError(f"A question does not fit {model.name}: {error}.") from None


def write_answers(
    model: ScoringModel,
    prompts: Sequence[str],
    *,
    max_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
) -> Iterator[tuple[int, str]]:
    """The first line that a model writes after each prompt, as the answers end.

    Args:
        model: from ``labkit.load``.
        prompts: texts to continue.
        max_tokens: limit of each answer.
        temperature: 0: the likeliest token each time.
        seed: of the draws.
    Yields:
        The prompt's number, and the answer.
    """
    tokenizer = model.tokenizer
    found = padded_answers(
        model,
        [prompt_ids(model, each) for each in prompts],
        max_tokens=max_tokens,
        is_complete=lambda ids: "\n" in tokenizer.decode(ids).lstrip(),
        temperature=temperature,
        seed=seed,
    )
    for number, ids in found:
        written = tokenizer.decode(ids, skip_special_tokens=True).strip()
        yield number, written.split("\n")[0].strip()
