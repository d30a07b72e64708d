"""A field for code with ghost text: an anywidget, whose module is beside this file."""

from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets

_HERE = Path(__file__)


class GhostField(anywidget.AnyWidget):
    """Sends what is typed, and shows what is suggested; Tab accepts, Esc refuses.

    Args:
        before: the code before the cursor at first.
        after: the code after it.
        on_ask: called with a number that rises, the code before the cursor, and that after it.
        on_event: called with ``"shown"`` and milliseconds from the last key to the suggestion, or
            with ``"accepted"``, ``"refused"`` or ``"left"`` and None.

    Attributes:
        ghost: the number that was asked, what is suggested there, and whether it is withheld.
    """

    _esm = _HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = _HERE.with_suffix(".css").read_text(encoding="utf-8")
    before = traitlets.Unicode().tag(sync=True)
    after = traitlets.Unicode().tag(sync=True)
    # The page asks from 0 on: what was not suggested yet must not pass for the first suggestion.
    ghost = traitlets.Dict(default_value={"number": -1, "text": "", "silent": False}).tag(sync=True)

    def __init__(
        self,
        before: str,
        after: str,
        on_ask: Callable[[int, str, str], None],
        on_event: Callable[[str, float | None], None],
    ):
        super().__init__(before=before, after=after)
        self._ask, self._event = on_ask, on_event
        self.on_msg(self._came)

    def _came(self, _widget, content: dict, _buffers) -> None:
        kind = content.get("kind")
        if kind == "ask":
            self._ask(int(content["number"]), str(content["before"]), str(content["after"]))
        elif kind == "shown":
            self._event(kind, float(content["ms"]))
        elif kind in ("accepted", "refused", "left"):
            self._event(kind, None)
