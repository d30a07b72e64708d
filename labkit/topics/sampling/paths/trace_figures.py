"""A text coloured by surprise, each token with what it was chosen over; the curve below it."""

from dataclasses import dataclass
from html import escape
from math import exp
from typing import Any

from labkit.backends.reply import Alternative
from labkit.ui import html, theme
from labkit.ui.token_chips import MONOSPACED
from labkit.ui.visible_text import spell

from .trace import Trace, TracedToken

MOST_TOKENS = 500  # each brings its alternatives: some 200 kB of HTML for 150 tokens
# Bits below which a class of surprise ends, its ground, and the thickness of its line in pixels.
CLASSES = (
    (1, "#FFFFFF", 0),
    (2, "#FFF3D6", 1),
    (4, "#FFDF9E", 2),
    (8, "#F9BE62", 3),
    (float("inf"), "#F09A5B", 5),
)

_CLASS_RULES = "".join(
    f".lk-trace .s{number}{{background:{ground};border-bottom-width:{line}px}}"
    for number, (_, ground, line) in enumerate(CLASSES)
)
STYLE = f"""<style>
.lk-trace{{position:relative;color:{theme.INK};background:#fff;padding:4px 2px 150px;
font:15px/2 system-ui,'Noto Sans',sans-serif}}
.lk-trace .t,.lk-trace .k{{border:0 solid {theme.RED};white-space:pre-wrap;margin-right:1px;
padding:1px 0;border-radius:2px;cursor:default}}
.lk-trace .k{{padding:1px 8px;margin-right:10px;font-size:13px}}
{_CLASS_RULES}
.lk-trace .t:hover,.lk-trace .t:focus{{outline:2px solid {theme.BLUE};z-index:2}}
.lk-trace .p,.lk-trace .h{{position:absolute;left:0;right:0;bottom:0;height:132px;overflow:auto;
box-sizing:border-box;border:1px solid {theme.LINE};border-radius:6px;background:#fff;
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
        text: the coloured text.
        curve: a ``go.Figure``.
    """

    text: html.Picture
    curve: Any

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.text, self.curve)

    def __repr__(self) -> str:
        return repr(self.text)


def trace_figure(trace: Trace) -> TraceFigure:
    """The text coloured by surprise, and the curves of surprise and entropy."""
    return TraceFigure(trace_strip(trace), surprise_figure(trace))


def trace_strip(trace: Trace) -> html.Picture:
    """Each token on the ground, and over the line, of its surprise; what it beat, on demand."""
    count = len(trace.tokens)
    shown = trace.tokens[:MOST_TOKENS]
    tokens = "".join(_token(token, at, count) for at, token in enumerate(shown, 1))
    cut = (
        "" if len(shown) == count else html.note(f"Only the first {MOST_TOKENS} tokens are shown.")
    )
    hint = (
        '<div class="h">Point at a token, or step to it with the Tab key, to see how likely it was '
        "and what it was chosen over. A click keeps it.</div>"
    )
    told = f'<div style="font-size:13px">{escape(trace.summary)}</div>'
    inside = f"{told}{_legend()}<div>{tokens}</div>{cut}{hint}"
    return html.Picture(f'{STYLE}<div class="lk-trace" role="group">{inside}</div>')


def _legend() -> str:
    names, low = [], 0
    for high, *_ in CLASSES:
        names.append(f"{low} to {high} bits" if high < float("inf") else f"{low} bits and more")
        low = high
    keys = (f'<span class="k s{number}">{name}</span>' for number, name in enumerate(names))
    return f"<div>surprise: {''.join(keys)}</div>"


def _class(bits: float) -> int:
    return next(number for number, (high, *_) in enumerate(CLASSES) if bits < high)


def _token(token: TracedToken, at: int, count: int) -> str:
    plain = token.text.strip() and token.text.isprintable()
    shown = token.text if plain else spell(token.text)
    label = f"{spell(token.text)}: {token.surprise_bits:.1f} bits"
    line = "<br>" if token.text.endswith("\n") else ""
    return (
        f'<span class="t s{_class(token.surprise_bits)}" tabindex="0" role="note" '
        f'aria-label="{escape(label)}">{escape(shown)}{_details(token, at, count)}</span>{line}'
    )


def _details(token: TracedToken, at: int, count: int) -> str:
    """What is shown of a token on demand: its own numbers, then what could have come."""
    share = 2**-token.surprise_bits
    rank = f"the model's choice number {token.rank}" if token.rank else "not among those below"
    expected = token.entropy_bits
    expected = "" if expected is None else f"; {expected:.2f} bits were to be expected (entropy)"
    head = (
        f"token {at} of {count}: <b>{escape(spell(token.text))}</b> had {share:.2%}, {rank}: "
        f"a surprise of {token.surprise_bits:.2f} bits{expected}"
    )
    rows = (_alternative(each, at == token.rank) for at, each in enumerate(token.alternatives, 1))
    return f'<span class="p">{head}<br>{"".join(rows)}</span>'


def _alternative(each: Alternative, taken: bool) -> str:
    share = exp(each.logprob)
    mark, name = ("✓ ", "a x") if taken else ("", "a")
    return (
        f'<span class="{name}">{mark}<b>{escape(spell(each.text, 12))}</b> {share:.1%}'
        f'<u style="width:{100 * share:.0f}%"></u></span>'
    )


def surprise_figure(trace: Trace):
    """Bits of surprise as bars; as a line the entropy, the surprise that was to be expected."""
    import plotly.graph_objects as go

    places = list(range(1, len(trace.tokens) + 1))
    texts = [escape(spell(token.text)) for token in trace.tokens]
    traces = [
        go.Bar(
            name="surprise",
            x=places,
            y=[token.surprise_bits for token in trace.tokens],
            customdata=texts,
            marker={"color": theme.ORANGE},
            hovertemplate="token %{x} %{customdata}: %{y:.2f} bits of surprise<extra></extra>",
        )
    ]
    if any(token.entropy_bits is not None for token in trace.tokens):
        traces.append(
            go.Scatter(
                name="entropy: the surprise to be expected",
                x=places,
                y=[token.entropy_bits for token in trace.tokens],
                mode="lines",
                line={"color": theme.BLUE, "width": 2, "shape": "hvh"},
                hovertemplate="token %{x}: entropy %{y:.2f} bits<extra></extra>",
            )
        )
    title = f"Mean surprise {trace.bits_per_token:.2f} bits a token · {escape(trace.reply.origin)}"
    picture = theme.figure(*traces, title=title, x="token", y="bits", height=280, bargap=0.15)
    return picture.update_yaxes(rangemode="tozero")
