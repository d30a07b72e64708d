"""`scan_panel`: paste a text, see what is found and what would leave; restore an answer."""

import ipywidgets as widgets

from labkit.backends.guard.findings import KINDS, PERSONAL, SECRETS
from labkit.backends.guard.redaction import Redacted, redact
from labkit.backends.guard.scanner import LEAST_CONFIDENCE, check_confidence, scan
from labkit.backends.prompts import check_text
from labkit.errors import LabError
from labkit.ui import html
from labkit.ui import panel as layout
from labkit.ui.debounce import Debounce
from labkit.ui.panel import Panel, column, row

from .figures import marked, text_box

NOTHING = "Nothing found, which is no proof of its absence."
LONGEST = 20_000  # characters that are scanned while typing
TEXT = (
    "Hello, I am Maria Schneider, born on 12 March 1990.\n"
    "My card 4111 1111 1111 1111 was charged twice, please call +49 30 23125 042.\n"
    'I log in with password = "correct-horse-7" at 14 Elm Street.'
)
_KINDS = {
    "secrets and personal data": tuple(KINDS),
    "secrets": tuple(SECRETS),
    "personal data": tuple(PERSONAL),
}


def scan_panel(text: str = TEXT, *, least_confidence: float = LEAST_CONFIDENCE) -> "ScanPanel":
    """A panel in which a text is scanned as you type; nothing leaves this machine.

    Args:
        text: the first text.
        least_confidence: the first value of the slider.
    Raises:
        ValueError: a confidence that is out of range.
        LabError: the scanner's packages are missing.
    """
    check_text(text)
    check_confidence(least_confidence)
    scan("")  # reports a missing package here, and loads the language model
    return ScanPanel(text, least_confidence)


class ScanPanel(Panel):
    """A text, what is found in it, what would leave, and an answer before and after restoring.

    Attributes:
        text, kinds, confidence, answer: the controls.
        redacted: the redacted text; None after an error.
        found, leaving, restored: the three texts as HTML.
    """

    def __init__(self, text: str, least_confidence: float):
        self.redacted: Redacted | None = None
        self._debounce = Debounce()
        label = "110px"
        self.text = layout.text_box("Text", text, rows=6, label_width=label)
        look = layout.labelled("Look for", "330px", label)
        self.kinds = widgets.Dropdown(options=list(_KINDS), **look)
        self.confidence = layout.slider(
            "confidence ≥", least_confidence, 0, 1, label_width=label, continuous_update=False
        )
        hint = "Paste or type an answer that uses the placeholders, such as [PERSON_1]."
        self.answer = layout.text_box("Answer", rows=2, label_width=label, placeholder=hint)
        self.found, self.leaving, self.restored = (widgets.HTML() for _ in range(3))
        layout.on_change(
            lambda: self._debounce.call(self._scan), self.text, self.kinds, self.confidence
        )
        layout.on_change(self._restore, self.answer)
        self._scan()
        self.widget = column(
            self.text,
            row(self.kinds, self.confidence),
            widgets.HTML("<b>What is found</b>"),
            self.found,
            widgets.HTML("<b>What would leave, redacted</b>"),
            self.leaving,
            self.answer,
            widgets.HTML("<b>The answer, restored on this machine</b>"),
            self.restored,
        )

    @property
    def summary(self) -> str:
        """The findings in the current text."""
        if self.redacted is None:
            return "your text: not scanned"
        kinds = ", ".join(sorted({finding.kind for finding in self.redacted.findings}))
        return f"your text: {len(self.redacted.findings)} found ({kinds or 'nothing'}), computed"

    def _scan(self) -> None:
        text = self.text.value
        self.redacted = None
        try:
            if len(text) > LONGEST:
                raise ValueError(
                    f"text must have at most {LONGEST:,} characters here; got {len(text):,}. "
                    "For longer texts: lab.scan(text)."
                )
            kinds, least = _KINDS[self.kinds.value], self.confidence.value
            self.redacted = redact(text, scan(text, kinds=kinds, least_confidence=least))
        except (ValueError, LabError) as error:
            self.found.value = html.note(str(error), "bad")
            self.leaving.value = ""
        else:
            found = self.redacted.findings
            head = f"{len(found)} found." if found else NOTHING
            self.found.value = html.note(head) + marked(text, found)
            self.leaving.value = text_box(self.redacted.text)
        self._restore()

    def _restore(self) -> None:
        self.restored.value = ""
        if self.redacted:
            answer = self.answer.value or self.redacted.text
            self.restored.value = text_box(self.redacted.restore(answer))

    def static_form(self) -> list:
        """The findings, and what would leave."""
        return [self.found.value + self.leaving.value]
