"""A text coloured by surprise, with the alternatives of each token, and the curve below it."""

from dataclasses import dataclass
from html import escape
from math import exp
from typing import Any

import plotly.graph_objects as go

from labkit.backends.steps import Alternative
from labkit.ui import html, theme
from labkit.ui.html import figure_text
from labkit.ui.token_chips import MONOSPACED
from labkit.ui.visible_text import spell

from .trace import Trace, TracedToken

MOST_TOKENS = 500  # with alternatives, about 200 kB of HTML for 150 tokens
# Upper bound of a class of surprise in bits, its background, and its underline in pixels.
CLASSES = (
    (1, "transparent", 0),
    (2, theme.ORANGE + "26", 1),
    (4, theme.ORANGE + "59", 2),
    (8, theme.RED + "66", 3),
    (float("inf"), theme.RED + "99", 5),
)

_CLASS_RULES = "".join(
    f".lk-trace .s{number}{{background:{background};border-bottom-width:{line}px}}"
    for number, (_, background, line) in enumerate(CLASSES)
)
STYLE = f"""<style>
.lk-trace{{position:relative;color:{theme.TEXT};padding:4px 2px 150px;
font:15px/2 system-ui,'Noto Sans',sans-serif}}
.lk-trace .t,.lk-trace .k{{border:0 solid {theme.RED};white-space:pre-wrap;margin-right:1px;
padding:1px 0;border-radius:2px;cursor:default}}
.lk-trace .k{{padding:1px 8px;margin-right:10px;font-size:13px}}
{_CLASS_RULES}
.lk-trace .t:hover,.lk-trace .t:focus{{outline:2px solid {theme.BLUE};z-index:2}}
.lk-trace .p,.lk-trace .h{{position:absolute;left:0;right:0;bottom:0;height:132px;overflow:auto;
box-sizing:border-box;border:1px solid {theme.RULE};border-radius:6px;background:{theme.GROUND};
padding:6px 12px;font:13px/1.6 system-ui,'Noto Sans',sans-serif;white-space:normal}}
.lk-trace .p{{display:none;z-index:3}}
.lk-trace .t:hover>.p,.lk-trace .t:focus>.p{{display:block}}
.lk-trace:has(.t:hover) .t:focus:not(:hover)>.p{{display:none}}
.lk-trace .a{{display:inline-block;width:148px;margin:2px 8px 0 0;vertical-align:top}}
.lk-trace .a b{{font:13px {MONOSPACED};white-space:pre}}
.lk-trace .a u{{display:block;height:5px;background:{theme.BLUE};text-decoration:none}}
.lk-trace .a.x{{outline:2px solid {theme.RED};outline-offset:2px}}
</style>"""


@dataclass(frozen=True, slots=True, repr=False)
class TraceFigure:
    """The text and the curve below it; a notebook shows both as a cell's last line.

    Attributes:
        text: text coloured by surprise.
        curve: ``go.Figure`` of surprise and entropy.
    """

    text: html.HtmlFigure
    curve: Any

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.text, self.curve)

    def __repr__(self) -> str:
        return repr(self.text)


def trace_figure(trace: Trace) -> TraceFigure:
    """The text coloured by surprise, and the curves of surprise and entropy."""
    return TraceFigure(trace_strip(trace), surprise_figure(trace))


def trace_strip(trace: Trace) -> html.HtmlFigure:
    """The tokens, coloured and underlined by surprise, each with its alternatives on demand."""
    count = len(trace.tokens)
    numbered = enumerate(trace.tokens[:MOST_TOKENS], 1)
    tokens = "".join(_token(token, number, count) for number, token in numbered)
    note = html.note(f"Only the first {MOST_TOKENS} tokens are shown.")
    hint = (
        '<div class="h">Point at a token, or step there by Tab and the arrow keys, to see how '
        "likely it was and which others were. A click pins it.</div>"
    )
    summary = f'<div style="font-size:13px">{escape(trace.summary)}</div>'
    below = note + hint if count > MOST_TOKENS else hint
    inside = f"{summary}{_legend()}<div>{tokens}</div>{below}"
    strip = f'<div class="lk-trace" role="group">{inside}</div>'
    return html.HtmlFigure(f"{STYLE}<div {html.AS_WRITTEN}>{strip}</div>")


def _legend() -> str:
    names, low = [], 0
    for high, *_ in CLASSES:
        names.append(f"{low} to {high} bits" if high < float("inf") else f"{low} bits and more")
        low = high
    keys = (f'<span class="k s{number}">{name}</span>' for number, name in enumerate(names))
    return f"<div>surprise: {''.join(keys)}</div>"


def _class(bits: float) -> int:
    return next(number for number, (high, *_) in enumerate(CLASSES) if bits < high)


def _token(token: TracedToken, number: int, count: int) -> str:
    is_plain = token.text.strip() and token.text.isprintable()
    text = token.text if is_plain else spell(token.text)
    label = f"{spell(token.text)}: {token.surprise_bits:.1f} bits"
    line = "<br>" if token.text.endswith("\n") else ""
    return (
        f'<span class="t s{_class(token.surprise_bits)}" tabindex="0" role="note" '
        f'aria-label="{escape(label)}">{escape(text)}{_details(token, number, count)}</span>{line}'
    )


def _details(token: TracedToken, number: int, count: int) -> str:
    """The details of a token: its own numbers, then its alternatives."""
    share = 2**-token.surprise_bits
    rank = f", the model's choice number {token.rank}" if token.rank else ""
    if token.alternatives and not token.rank:
        rank = ", not among those below"
    entropy = token.entropy_bits
    expected = "" if entropy is None else f"; {entropy:.2f} bits were to be expected (entropy)"
    head = (
        f"token {number} of {count}: <b>{escape(spell(token.text))}</b> had {share:.2%}{rank}: "
        f"a surprise of {token.surprise_bits:.2f} bits{expected}"
    )
    rows = (_alternative(each, n == token.rank) for n, each in enumerate(token.alternatives, 1))
    return f'<span class="p">{head}<br>{"".join(rows)}</span>'


def _alternative(each: Alternative, is_own: bool) -> str:
    share = exp(each.logprob)
    mark, name = ("✓ ", "a x") if is_own else ("", "a")
    return (
        f'<span class="{name}">{mark}<b>{escape(spell(each.text, 12))}</b> {share:.1%}'
        f'<u style="width:{100 * share:.0f}%"></u></span>'
    )


def surprise_figure(trace: Trace):
    """Surprise as bars; entropy, the expected surprise, as a line."""
    numbers = list(range(1, len(trace.tokens) + 1))
    texts = [figure_text(spell(token.text)) for token in trace.tokens]
    traces = [
        go.Bar(
            name="surprise",
            x=numbers,
            y=[token.surprise_bits for token in trace.tokens],
            customdata=texts,
            marker={"color": theme.ORANGE},
            hovertemplate="token %{x} %{customdata}: %{y:.2f} bits of surprise<extra></extra>",
        )
    ]
    if any(token.entropy_bits is not None for token in trace.tokens):
        traces.append(
            go.Scatter(
                name="entropy: the expected surprise",
                x=numbers,
                y=[token.entropy_bits for token in trace.tokens],
                mode="lines",
                line={"color": theme.BLUE, "width": 2, "shape": "hvh"},
                hovertemplate="token %{x}: entropy %{y:.2f} bits<extra></extra>",
            )
        )
    origin = figure_text(trace.reply.origin)
    title = f"Mean surprise {trace.bits_per_token:.2f} bits per token · {origin}"
    figure = theme.figure(*traces, title=title, x="token", y="bits", height=280, bargap=0.15)
    return figure.update_yaxes(rangemode="tozero")
