"""Safe HTML: whatever a model or a learner wrote is escaped before it becomes part of it."""

import base64
import hashlib
from dataclasses import dataclass
from html import escape

from . import theme

# Two dollar signs would begin a formula in a notebook's HTML; so do those of models and of prices.
AS_WRITTEN = 'class="mathjax_ignore"'
_TONES = {"good": theme.GREEN, "warning": theme.ORANGE, "bad": theme.RED, "plain": theme.GREY}


@dataclass(frozen=True, slots=True, repr=False)
class HtmlFigure:
    """A figure made of HTML, without plotly; a notebook shows it as a cell's last line.

    Attributes:
        html: without script, whatever was written by others escaped.
    """

    html: str

    def _repr_html_(self) -> str:
        theme.follow_page()
        return self.html

    def __repr__(self) -> str:
        return "A figure of HTML: a notebook shows it as a cell's last line."


def figure_text(text: str) -> str:
    """A text that others wrote, for plotly's titles, labels and hovers, which are HTML.

    Neither a tag in it has an effect, nor a ``%{…}``, which a hover would fill in, nor two dollar
    signs, which would begin a formula. Quotes are numbers: plotly shows ``&quot;`` as it stands.

    >>> figure_text('<b> %{x} "$')
    '&lt;b&gt; &#37;{x} &#34;&#36;'
    """
    return theme.no_formula(escape(text)).replace("%{", "&#37;{").replace("&quot;", "&#34;")


def paragraph(text: str) -> str:
    """A text as it was written, line breaks and spaces kept.

    >>> paragraph("<b> & co").endswith(">&lt;b&gt; &amp; co</div>")
    True
    """
    style = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.5"
    return f'<div {AS_WRITTEN} style="{style}">{escape(text)}</div>'


def note(text: str, tone: str = "plain") -> str:
    """A line set off by a coloured edge; a screen reader reads it out when it appears.

    Args:
        text: what it says, escaped here.
        tone: ``"good"``, ``"warning"``, ``"bad"`` or ``"plain"``.
    """
    role, text = ("alert", f"✗ {text}") if tone == "bad" else ("status", text)
    style = f"border-left:4px solid {_TONES[tone]};padding:2px 10px;white-space:pre-wrap"
    return f'<div {AS_WRITTEN} role="{role}" style="{style}">{escape(text)}</div>'


def thought(text: str, *, is_open: bool = False) -> str:
    """What a model thought before its answer, folded up unless it is open."""
    is_open_now = " open" if is_open else ""
    inner = f"<details{is_open_now}><summary>thinking</summary>{paragraph(text)}</details>"
    return inner if text else ""


def answer(text: str, thinking: str = "") -> str:
    """An answer in its frame; above it what was thought, folded up once the answer has begun."""
    return thought(thinking, is_open=not text) + card(paragraph(text or " "))


def card(inner: str) -> str:
    """A quiet frame around HTML that is already safe."""
    style = f"border:1px solid {theme.RULE};border-radius:6px;padding:10px 14px;min-height:1.5em"
    return f'<div style="{style}">{inner}</div>'


def script_hash(script: str) -> str:
    """A script's name in the policy of a page: the browser runs that script and no other."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
