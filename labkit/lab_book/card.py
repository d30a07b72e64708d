"""`summarize`: the card at the end of a notebook, which goes into the lab book too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from labkit.data import read_data
from labkit.errors import LabError
from labkit.ui import theme
from labkit.ui.html import AS_WRITTEN

from . import store
from .entry import BookEntry, entries_of

KEPT = "Kept in the lab book: lab.book() shows it."


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing that a learner is able to do after a notebook.

    Attributes:
        text: as the notebook's first cell has it.
        reached: whether each section that belongs to it was run.
    """

    text: str
    reached: bool


@dataclass(frozen=True, slots=True, repr=False)
class Card:
    """What a learner found in a notebook.

    Attributes:
        notebook: its name.
        goals: what it was for.
        sections: the numbers of each section that has some, under its title.
        lines: a sentence for each result that has no number.
        skipped: sections that have no result.
        kept: where it was kept, or why not.
    """

    notebook: str
    goals: tuple[Goal, ...]
    sections: tuple[tuple[str, tuple[BookEntry, ...]], ...]
    lines: tuple[str, ...]
    skipped: tuple[str, ...]
    kept: str

    @property
    def entries(self) -> tuple[BookEntry, ...]:
        """All numbers, in the notebook's order."""
        return tuple(each for _, entries in self.sections for each in entries)

    def __repr__(self) -> str:
        goals = [f"{'✓' if goal.reached else '○'} {goal.text}" for goal in self.goals]
        numbers = [": ".join((each.label, _line(each))) for each in self.entries]
        return "\n".join([*goals, *numbers, *self.lines, *self._end])

    @property
    def _end(self) -> list[str]:
        skipped = [f"Not run: {'; '.join(self.skipped)}"] if self.skipped else []
        return [*skipped, self.kept]

    def _repr_html_(self) -> str:
        goals = "".join(
            f'<li style="list-style:none">{"✓" if goal.reached else "○"} {escape(goal.text)}</li>'
            for goal in self.goals
        )
        numbers = "".join(
            f"<h3>{escape(title)}</h3>{_tiles(some)}" for title, some in self.sections
        )
        lines = "".join(f"<li>{escape(line)}</li>" for line in self.lines)
        end = "".join(f"<p>{escape(line)}</p>" for line in self._end)
        return (
            f'<div {AS_WRITTEN} style="color:{theme.TEXT};font-family:{theme.FONT};'
            'max-width:960px">'
            f'<ul style="padding-left:0">{goals}</ul>'
            f'{numbers}<ul style="white-space:pre-line">{lines}</ul>{end}</div>'
        )


def _tiles(entries: Sequence[BookEntry]) -> str:
    tiles = "".join(map(_tile, entries))
    return f'<div style="display:flex;flex-wrap:wrap;gap:10px">{tiles}</div>'


def _tile(entry: BookEntry) -> str:
    small = "".join(
        f"<div>{escape(text)}</div>" for text in (entry.spread, _origin(entry), _guess(entry))
    )
    return (
        f'<div style="border:1px solid {theme.RULE};border-radius:6px;padding:8px 12px;'
        f'min-width:150px;max-width:230px"><div>{escape(entry.label)}</div>'
        f'<div style="font-size:22px;font-weight:600">{escape(entry.text)}</div>'
        f'<div style="font-size:12px">{small}</div></div>'
    )


def _line(entry: BookEntry) -> str:
    parts = (entry.text, entry.spread, _origin(entry), _guess(entry))
    return ", ".join(filter(None, parts))


def _origin(entry: BookEntry) -> str:
    return ", ".join(filter(None, [entry.origin, entry.model, entry.note]))


def _guess(entry: BookEntry) -> str:
    return entry.guess_text and f"you guessed {entry.guess_text}"


def summarize(notebook: str, results: Mapping[str, Any]) -> Card:
    """The learner's own numbers, together, and a page of the lab book made of them.

    Args:
        notebook: its name, such as ``"03_speed"``.
        results: by name; ``globals()`` in a notebook: what a skipped section would have set is
            then missing, and named.
    Raises:
        ValueError: not a name of a notebook.
        TypeError: `results` is not a mapping of names to results.
    """
    store.check_notebook(notebook)
    if not isinstance(results, Mapping):
        name = type(results).__name__
        raise TypeError(f"results must be globals() or another dict of names; got {name}")
    plan = read_data("goals.json").get(notebook, {"goals": [], "sections": {}})
    names = list(plan["sections"]) or [name for name in results if _is_result(results[name])]
    there = {name: results[name] for name in names if _is_result(results.get(name))}
    found = [(name, each) for name, one in there.items() for each in entries_of(one)]
    guessed = store.with_guesses(_distinct(found))
    titles: dict[str, list[BookEntry]] = {}
    for (name, _), entry in zip(found, guessed, strict=True):
        titles.setdefault(plan["sections"].get(name, name), []).append(entry)
    sections = tuple((title, tuple(entries)) for title, entries in titles.items())
    return Card(
        notebook,
        tuple(
            Goal(goal["text"], all(_is_there(results.get(name)) for name in goal["results"]))
            for goal in plan["goals"]
        ),
        sections,
        tuple(one.summary for one in there.values() if not entries_of(one)),
        _skipped(plan["sections"], there),
        _keep(notebook, [each for _, entries in sections for each in entries]),
    )


def _distinct(found: Sequence[tuple[str, BookEntry]]) -> list[BookEntry]:
    """Where two results have a number of one name, the later one's label says whose it is."""
    entries, known = [], set()
    for variable, entry in found:
        if (entry.name, entry.label, entry.model) in known:
            entry = replace(entry, label=f"{entry.label}: {variable}")
        known.add((entry.name, entry.label, entry.model))
        entries.append(entry)
    return entries


def _skipped(sections: Mapping[str, str], there: Mapping[str, Any]) -> tuple[str, ...]:
    """The sections of which there is no result at all."""
    run = {sections[name] for name in there if name in sections}
    return tuple(dict.fromkeys(title for title in sections.values() if title not in run))


def _is_there(value: Any) -> bool:
    """Whether that was run: it is something, and not a panel without a result."""
    return value is not None and not (hasattr(value, "no_result") and value.result is None)


def _is_result(value: Any) -> bool:
    """Whether that is a result, or a panel that has given one; not a class."""
    has_numbers = hasattr(value, "summary") or hasattr(value, "book_entries")
    return has_numbers and _is_there(value) and not isinstance(value, type)


def _keep(notebook: str, entries: Sequence[BookEntry]) -> str:
    if not entries:
        return "Nothing was measured, so the lab book has no new page."
    try:
        store.keep(notebook, entries)
    except LabError as error:
        return str(error)
    return KEPT
