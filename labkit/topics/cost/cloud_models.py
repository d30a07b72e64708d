"""Cloud models from GPT-4 to today: their release, tokenizer and published score."""

from collections.abc import Iterable
from dataclasses import dataclass

from labkit.checks import check_number, checked_several
from labkit.lab_book import store

from .facts import facts_file, find_entry

NO_SCORE = "no published score here"
ANSWER_S = 6.0  # the middle of the 2 to 10 seconds that the article gives a cloud


@dataclass(frozen=True, slots=True)
class PricedModel:
    """A cloud model of the list.

    Attributes:
        id: the provider's name of it.
        title: its name for people.
        released: year and month.
        tokenizer: the lab's name of its tokenizer; None: it is not public.
        score_name: its name among the published scores, or None.
    """

    id: str
    title: str
    released: str
    tokenizer: str | None
    score_name: str | None


def cloud_models(names: Iterable[str] | None = None) -> tuple[PricedModel, ...]:
    """The cloud models of the list in the order of their release, or some of them.

    Raises:
        ValueError: the list does not have one of the names.
    """
    keys = ("id", "title", "released", "tokenizer", "score_name")
    entries = facts_file("cloud_models.json")["models"]
    known = {each["id"]: PricedModel(*(each[key] for key in keys)) for each in entries}
    if names is None:
        names = known
    elif not isinstance(names, str):
        names = checked_several("models", names, str, "at least one model's name, of the list")
    chosen = (names,) if isinstance(names, str) else names
    found = (find_entry("models", name, known) for name in chosen)
    return tuple(sorted(found, key=lambda model: model.released))


def mmlu_percent(score_name: str | None) -> float | None:
    """The published MMLU score of a model, the first source's; None where the lab has none.

    Guessing gives 25 %. Scores of different publishers differ by several points.
    """
    found = published_score(score_name, "MMLU")
    return found and found[0]


def published_score(score_name: str | None, benchmark: str) -> tuple[float, str] | None:
    """The percentage that the first source gives, and the source; None where the lab has none."""
    for source in facts_file("scores.json")["sources"]:
        for score in source["scores"]:
            if (score["model"], score["benchmark"]) == (score_name, benchmark):
                return score["percent"], f"{benchmark}, {source['publisher']}: {source['title']}"
    return None


def answer_seconds(model: str, given: float | None = None) -> tuple[float, str]:
    """Seconds of a cloud's answer, and how they are known: given, the lab book's, or assumed.

    Raises:
        ValueError: the given seconds are not 0 to 3,600.
    """
    if given is not None:
        check_number("cloud_s", given, "0 to 3,600", lambda each: 0 <= each <= 3600)
        return given, "assumed"
    found = store.latest("elapsed_s", model) or store.latest("elapsed_s", model, behind=True)
    return (found[0].value, found[0].origin) if found else (ANSWER_S, "assumed")
