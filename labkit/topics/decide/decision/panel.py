"""`decision_panel`: kinds of work that one types, and the page of the decision as it changes."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from labkit.checks import check_number, checked_path
from labkit.errors import LabError
from labkit.lab_book.entry import BookEntry
from labkit.lab_book.guess_panel import read_number
from labkit.ui import html, theme
from labkit.ui.panel import Panel, check_typed, column, labelled, on_change, row

from .core import SENSITIVITIES, WorkKind
from .figures import decision_page, to_page, to_record
from .quality import TESTS
from .recommend import MOST_KINDS, Decision, kinds_of_work, recommend, work
from .work_file import MAY_LEAVE, TypedKind, TypedWork, read_work, save_work, typed

BOXES = {  # of a kind of work: its label, and what an empty one means
    "per_week": ("times a week", "100"),
    "tokens_in": ("tokens in", "500"),
    "tokens_out": ("tokens out", "200"),
    "least_right": ("% right", "any"),
    "most_s": ("seconds", "any"),
}
LABELS = {name: label for name, (label, _) in BOXES.items()} | {"budget_usd": "$ a week"}
OPTIONS = ("clouds", "cards", "right", "electricity", "measured", "book_of")
DOWNLOADS = (
    ("page for one sheet of A4 (HTML)", "decision.html", "text/html", to_page),
    ("record for a team (Markdown)", "decision.md", "text/markdown", to_record),
)
HOW = (
    "Type a name to begin a kind of work; empty it to leave that one out. Like the test: by which "
    "test it is judged how good an option is at it. Triage, sentiment, fields are of notebook 07; "
    "arithmetic, letters, facts, code of 08; general: published scores. Tokens out: with those "
    "that a model thinks and does not show, which are paid for too."
)


def decision_panel(
    kinds: Iterable[WorkKind] | WorkKind = (), *, file: str | Path | None = None, **options: Any
) -> "DecisionPanel":
    """A panel for up to five kinds of work and your limits; the page follows what you type.

    Args:
        kinds: what stands in it at first, from `work`; at most five.
        file: keeps what you type, such as ``"my-work.json"``; the same call resumes there, whatever
            `kinds` are. None: it is lost when the cell runs again.
        options: ``clouds``, ``cards``, ``right``, ``electricity``, ``measured``, ``book_of``: as
            for `recommend`.
    Raises:
        ValueError: there are more than five kinds, or an option is unknown: limits are typed.
        LabError: the file holds something else.
    """
    found = typed(kinds_of_work(kinds))
    if unknown := set(options) - set(OPTIONS):
        raise ValueError(f"options are {', '.join(OPTIONS)}; got {min(unknown)!r}")
    for name, each in options.items():
        if isinstance(each, Iterator):  # every change of the panel asks for it
            options[name] = tuple(each)
    path = None if file is None else checked_path("file", file)
    if path and not path.name:
        raise ValueError(f"file must be a file's name; got {str(file)!r}")
    is_kept = path is not None and path.exists()
    return DecisionPanel(read_work(path) if path and is_kept else found, path, options, is_kept)


class DecisionPanel(Panel):
    """The kinds of work, the limits, and the page.

    Attributes:
        kinds: the controls of each of five kinds of work, by the argument of `work`.
        limits: those of the limits, by the argument of `recommend`.
        status: whether it is kept, or what is wrong.
        page, downloads: the decision's page, and links to its two files.
    """

    def __init__(self, found: TypedWork, file: Path | None, options: dict[str, Any], is_kept: bool):
        self._file, self._options = file, options
        self._decision: Decision | None = None
        shown = [*found.kinds, *[TypedKind()] * (MOST_KINDS - len(found.kinds))]
        self.kinds = [_kind_controls(n, each) for n, each in enumerate(shown, 1)]
        self.limits = _limit_controls(found)
        self.status, self.downloads, self.page = (widgets.HTML() for _ in range(3))
        edge = {"border_top": f"1px solid {theme.RULE}"}
        parts = [row(*each.values(), **edge) for each in self.kinds]
        heading = widgets.HTML(html.note(HOW))
        limits = row(widgets.HTML("<b>Limits</b>"), *self.limits.values())
        self.widget = column(
            heading, *parts, limits, self.status, self.downloads, self.page, max_width="1000px"
        )
        self._show(f"As you left it in {file}: delete that file to begin anew." if is_kept else "")
        controls = [control for each in self.kinds for control in each.values()]
        on_change(self._change, *controls, *self.limits.values())

    def _change(self) -> None:
        """All that is typed is kept, numbers or not."""
        try:
            self._show(self._keep())
        except LabError as error:
            self._show(str(error))

    def _keep(self) -> str:
        if self._file is None:
            return ""
        kinds = (TypedKind(**_values(each)) for each in self.kinds)
        save_work(TypedWork(1, tuple(kinds), **_values(self.limits)), self._file)
        return f"Kept in {self._file}."

    def _show(self, kept: str) -> None:
        """Shows the decision, or what is wrong; a kind of work without a name has only that box."""
        unnamed = 0
        for name, *others in map(dict.values, self.kinds):
            is_named = bool(name.value.strip())
            unnamed += not is_named
            name.layout.display = "" if is_named or unnamed == 1 else "none"
            for each in others:
                each.layout.display = "" if is_named else "none"
        try:
            self._decision = self._decide()
        except (ValueError, LabError) as error:
            before = "The page below is from before." if self._decision else ""
            lines = filter(None, (f"{error}", before, kept))
            self.status.value = html.note("\n".join(lines), "bad")
            return
        self.status.value = html.note(kept) if kept else ""
        self.page.value = decision_page(self._decision).html
        self.downloads.value = "Download: " + " · ".join(
            _link(title, name, f"data:{kind};base64,", write(self._decision))
            for title, name, kind, write in DOWNLOADS
        )

    def _decide(self) -> Decision:
        named = [each for each in self.kinds if each["name"].value.strip()]
        if not named:
            raise ValueError("There is no kind of work yet: type the name of one.")
        limits = _values(self.limits)
        limits["budget_usd"] = _number("budget_usd", limits["budget_usd"])
        kinds = [_kind(each) for each in named]
        try:
            return recommend(kinds, **limits, **self._options)
        except ValueError as error:
            raise _with_label(error) from None

    @property
    def decision(self) -> Decision:
        """The decision for what is typed; after a slip, for what was typed before.

        Raises:
            LabError: nothing was typed yet that could be decided on.
        """
        if self._decision is None:
            raise LabError("The panel has no decision yet.", "Its last line says what is missing.")
        return self._decision

    @property
    def summary(self) -> str:
        """The decision in a line."""
        return self._decision.summary if self._decision else "no kind of work yet"

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The numbers of the decision."""
        return self._decision.book_entries if self._decision else ()

    def static_form(self) -> list[str]:
        """What is kept or wrong, and the page, where there is one."""
        return [each for each in (self.status.value, self.page.value) if each]


def _kind_controls(number: int, typed: TypedKind) -> dict[str, widgets.Widget]:
    def look(label: str, width: str, label_width: str) -> dict[str, Any]:
        found = labelled(label, width, label_width)
        layout = {"width": width, "max_width": "95%"}  # of a phone
        return {**found, "layout": layout, "tooltip": f"{label}, kind of work {number}"}

    def choice(value: str, options: Iterable[str], *about: str) -> widgets.Dropdown:
        return widgets.Dropdown(options=[*options], value=value, **look(*about))

    box = partial(widgets.Text, continuous_update=False)
    name = look(f"Kind {number}", "330px", "50px")
    return {
        "name": box(typed.name, placeholder="a kind of work", **name),
        "like": choice(typed.like, TESTS, "like the test", "205px", "80px"),
        "sensitivity": choice(typed.sensitivity, SENSITIVITIES, "sensitivity", "190px", "75px"),
        **{
            key: box(getattr(typed, key), placeholder=empty, **look(label, "165px", "85px"))
            for key, (label, empty) in BOXES.items()
        },
    }


def _limit_controls(found: TypedWork) -> dict[str, widgets.Widget]:
    look = labelled("may leave at most", "240px", "120px")
    leave = widgets.Dropdown(options=MAY_LEAVE, value=found.may_leave, **look)
    offline = widgets.Checkbox(found.offline, indent=False, **labelled("offline", "110px"))
    look = labelled(LABELS["budget_usd"], "180px", "80px")
    budget = widgets.Text(found.budget_usd, placeholder="any", continuous_update=False, **look)
    return {"may_leave": leave, "offline": offline, "budget_usd": budget}


def _values(controls: Mapping[str, widgets.Widget]) -> dict[str, Any]:
    return {name: each.value for name, each in controls.items()}


def _kind(controls: Mapping[str, widgets.Widget]) -> WorkKind:
    """A kind of work; what is wrong with it is said with the labels of the panel."""
    values = _values(controls)
    of = f" of “{values['name'].strip()[:40]}”"
    given = {name: _number(name, values.pop(name), of) for name in BOXES}
    if (share := given["least_right"]) is not None:
        what, bound = f"{LABELS['least_right']}{of}", "0, or 1 to 100"  # 0.7 is a slip
        check_number(what, share, bound, lambda x: x == 0 or 1 <= x <= 100)
        given["least_right"] = share / 100
    try:
        return work(**values, **{name: each for name, each in given.items() if each is not None})
    except ValueError as error:
        raise _with_label(error, of) from None


def _number(name: str, text: str, of: str = "") -> float | None:
    """A typed number, a whole one as such; None: nothing was typed."""
    check_typed(text, LABELS[name])
    if not text.strip():
        return None
    number = read_number(text, f"{LABELS[name]}{of}")
    return int(number) if number.is_integer() else number


def _with_label(error: ValueError, of: str = "") -> ValueError:
    """The same sentence, about a box of the panel in place of an argument."""
    argument, _, rest = str(error).partition(" ")
    return ValueError(f"{LABELS.get(argument, argument)}{of} {rest}")


def _link(title: str, name: str, address: str, content: str) -> str:
    data = base64.b64encode(content.encode()).decode()
    look = "color:inherit;text-decoration:underline"
    return f'<a download="{name}" href="{address}{data}" style="{look}">{escape(title)}</a>'
