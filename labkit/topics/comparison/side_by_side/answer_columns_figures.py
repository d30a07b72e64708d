"""Answers in columns as HTML: each with its state, its text, and its numbers."""

from html import escape

from labkit.backends.reply import Reply
from labkit.ui import html, theme

from .compare import SideBySide
from .time_split import PART_NAMES, format_seconds, load_s, model_s, named_times, network_s

ENDS = {
    "stop": "✓ finished",
    "length": "✓ cut at max_tokens",
    "content_filter": "✗ withheld by the provider's filter",
    "tool_calls": "✓ ended with a call of a tool",
    "interrupted": "■ stopped",
    "failed": "✗ failed",
}
NO_PART, UNKNOWN = "–", "unknown"
HEIGHT = "13em"  # of every text, so that the tables below are aligned
_TEXT = f"height:{HEIGHT};overflow-y:auto;margin-bottom:6px"
_TABLE = "width:100%;border-collapse:collapse;table-layout:fixed;font-size:12.5px;line-height:1.45"


def answers_table(side: SideBySide) -> html.HtmlFigure:
    """The answers in columns, and under each its times, tokens and bytes."""
    columns = "".join(
        f'<div style="flex:1 1 270px;min-width:250px">{head(name, reply.origin, _state(reply))}'
        f'<div tabindex="0" style="{_TEXT}">'
        f"{answer(name, reply.text, reply.error, reply.thinking)}</div>"
        f"{numbers_table(name, reply, here)}</div>"
        for name, reply, here in zip(side.names, side.replies, side.computed_here, strict=True)
    )
    prompt = side.prompt if isinstance(side.prompt, str) else str(side.prompt[-1]["content"])
    row = f'<div style="display:flex;flex-wrap:wrap;gap:12px">{columns}</div>'
    return html.HtmlFigure(
        f'<div style="color:{theme.TEXT}"><b>Prompt</b>{html.paragraph(prompt)}{row}'
        f"{html.note(side.summary)}</div>"
    )


def head(name: str, origin: str, state: str) -> str:
    """The backend's name, the origin of the numbers, and the state of the answer."""
    return (
        f'<div style="font-weight:600;line-height:1.4">{escape(name)}</div>'
        f'<div style="font-size:12.5px;line-height:1.45;min-height:4.4em">{escape(origin)}<br>'
        f"{escape(state)}</div>"
    )


def answer(name: str, text: str, error: str | None = None, thinking: str = "") -> str:
    """The text so far, and the error; for screen readers a region with its own name."""
    inner = html.answer(text, thinking) + (html.note(error, "bad") if error else "")
    return f'<div role="region" aria-label="{escape(f"Answer of {name}")}">{inner}</div>'


def _state(reply: Reply) -> str:
    after = f" after {reply.elapsed_s:.2f} s" if reply.steps else ""
    unanswered = ", without an answer" if reply.thinking_summary and not reply.text else ""
    return ENDS[reply.finish] + after + unanswered


def numbers_table(name: str, reply: Reply, here: bool) -> str:
    """The lower part of a column: its times, tokens and bytes."""
    rows = "".join(
        f'<tr style="border-top:1px solid {theme.RULE}"><th scope="row" style="text-align:left;'
        f'font-weight:400;width:46%">{escape(label)}</th>'
        f'<td style="text-align:left;overflow-wrap:anywhere">{escape(value)}</td></tr>'
        for label, value in numbers(reply, here)
    )
    origin = reply.origin.partition(":")[0]
    caption = escape(f"Numbers of {name} · {origin}")
    head = f'<caption style="text-align:left;font-weight:600">{caption}</caption>'
    return f'<table style="{_TABLE}">{head}{rows}</table>'


def numbers(reply: Reply, here: bool) -> list[tuple[str, str]]:
    """Label and value of each row under an answer; all columns have the same rows."""
    speed, seed, http = reply.decode_tokens_per_s, reply.settings.seed, reply.http
    tokens = f"{_count(reply.prompt_tokens)}, {_count(reply.output_tokens)}"
    moved = f"{_count(http.bytes_sent)}, {_count(http.bytes_received)}" if http else "0, 0"
    return [
        *_times(reply),
        ("before the first token: loading the model", _loading(reply)),
        ("before the first token: the model's own work", _seconds(model_s(reply))),
        ("before the first token: the rest (network, queues)", _seconds(network_s(reply))),
        ("tokens in, out", tokens),
        ("tokens of thinking, its price", _thinking(reply)),
        ("tokens/s after the first", f"{speed:.1f}" if speed else UNKNOWN),
        (
            "temperature, seed",
            f"{reply.settings.temperature:g}, {'not used' if seed is None else seed}",
        ),
        ("price", _price(reply, here)),
        ("sent to", _address(reply, here)),
        ("bytes sent, received", moved),
    ]


def _times(reply: Reply) -> list[tuple[str, str]]:
    """Each part of the time; a dash where it did not take place."""
    times = dict(named_times(reply))
    rows = [(name, _seconds(times[name]) if name in times else NO_PART) for name in PART_NAMES]
    if reply.http and reply.http.reused:
        rows[1] = (PART_NAMES[1], "open already")
    return rows


def _seconds(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else format_seconds(seconds)


def _loading(reply: Reply) -> str:
    seconds = load_s(reply)
    return NO_PART if seconds is None else format_seconds(seconds)


def _thinking(reply: Reply) -> str:
    if not reply.thinking_summary:
        return NO_PART
    price = reply.thinking_price_usd
    known = "" if price is None else f", ${price:.6f}"
    return f"{_count(reply.thinking_tokens)}{known}{', not shown' if reply.thinking_hidden else ''}"


def _count(tokens: int | None) -> str:
    return UNKNOWN if tokens is None else f"{tokens:,}"


def _price(reply: Reply, here: bool) -> str:
    if reply.price_usd is not None:
        return f"${reply.price_usd:.6f}, by the provider's token count"
    if "stand-in" in reply.origin:
        return "none: a stand-in"
    return "none; electricity: notebook 06" if here else UNKNOWN


def _address(reply: Reply, here: bool) -> str:
    if reply.http:
        return f"{reply.http.address}{' (here)' if here else ''}"
    where = "a recording" if reply.origin.startswith("recorded") else "this process"
    return f"nowhere: {where}"
