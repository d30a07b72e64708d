"""Token strips: a text as coloured tokens, one row per tokenizer; HTML without script.

Lines are broken here and not by the browser, so that each can begin with the tokenizers' names.
"""

import bisect
import re
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from labkit.models.tokenizers.catalogue import TOKENIZERS
from labkit.ui import html, theme
from labkit.ui.visible_text import mark

from .chat_template import ChatTokens
from .tokenization import Token, Tokenization, show_bytes
from .tokenizer_comparison import CloudCount, TokenizerComparison

MOST_TOKENS = 5000  # in all rows together; a browser still scrolls smoothly
MOST_TEXTS = 50  # in a comparison
MOST_CHARACTERS = 4000  # in the text of a conversation
COLUMNS = 84  # characters of the monospaced font in a line of tokens
SHOWN_BYTES = 16

STYLE = f"""<style>
.lk-strip{{color:{theme.TEXT};padding:6px 8px 3.2em;font:14px/1.35 ui-monospace,
'DejaVu Sans Mono','Noto Sans Mono',Menlo,Consolas,monospace;overflow-x:auto}}
.lk-strip .lk-counts{{font-family:system-ui,'Noto Sans',sans-serif;font-size:13px;
margin-bottom:6px}}
.lk-counts span{{display:inline-block;margin-right:1.3em}}
.lk-line{{display:flex;position:relative;margin:0 0 7px}}
.lk-names{{flex:none;width:7.5em;font:12px/20px system-ui,'Noto Sans',sans-serif;
color:{theme.QUIET}}}
.lk-names div,.lk-cell{{height:20px;margin:2px 0;white-space:nowrap}}
.lk-body{{display:flex;flex-wrap:wrap;min-width:0}}
.lk-strip i{{font-style:normal;display:inline-block;box-sizing:border-box;height:20px;
padding:0 1px;border:1px solid {theme.GREY};border-radius:4px;margin-right:1px;white-space:pre;
unicode-bidi:isolate;background:{theme.SKY}{theme.TINT};min-width:8px;text-align:center;
vertical-align:top}}
.lk-strip i.b{{background:{theme.ORANGE}{theme.TINT}}}
.lk-strip i.c{{background:{theme.GREEN}{theme.TINT}}}
.lk-strip i.d{{background:{theme.PINK}{theme.TINT}}}
.lk-strip i.x{{border:1px dashed {theme.RED};font-size:11px;line-height:18px}}
.lk-strip i.s{{background:{theme.INK};color:{theme.PAPER};border-radius:0;font-weight:600}}
.lk-strip i:hover,.lk-strip i:focus{{outline:3px solid {theme.BLUE};z-index:3;position:static}}
.lk-strip i:hover::after,.lk-strip i:focus::after{{content:attr(data-t);position:absolute;left:3em;
top:100%;z-index:9;background:{theme.INK};color:{theme.PAPER};padding:3px 9px;border-radius:5px;
direction:ltr;font:13px/1.4 system-ui,'Noto Sans',sans-serif;white-space:pre-wrap;max-width:44em;
text-align:left}}
.lk-strip:has(i:hover) i:focus:not(:hover)::after{{display:none}}
</style>"""


def token_strip(
    rows: Sequence[Tokenization | CloudCount], *, most: int = MOST_TOKENS
) -> html.HtmlFigure:
    """The tokens of one text by several tokenizers, one row each.

    A text of more than `most` tokens, in all rows together, is truncated, with a note.
    """
    public = [row for row in rows if isinstance(row, Tokenization)]
    tokens, is_truncated = _first(public, most // max(1, len(public)))
    text = f'<div class="lk-counts">{"".join(_count(row, len(rows) > 1) for row in rows)}</div>'
    if is_truncated:
        characters = max((row[-1].end for row in tokens if row), default=0)
        text += html.note(f"Only the first {characters:,} characters are shown; all are counted.")
    text += "".join(_lines([row.name for row in public], tokens, public[0].text if public else ""))
    strip = f'<div class="lk-strip" role="group">{text}</div>'
    return html.HtmlFigure(f"{STYLE}<div {html.AS_WRITTEN}>{strip}</div>")


def text_strip(tokenization: Tokenization) -> html.HtmlFigure:
    """The tokens of a text."""
    return token_strip([tokenization])


def chat_strip(chat: ChatTokens) -> html.HtmlFigure:
    """A conversation as the one text that its template writes, and as tokens."""
    text = html.card(html.paragraph(chat.text[:MOST_CHARACTERS]))
    if len(chat.text) > MOST_CHARACTERS:
        text += html.note(f"Only the first {MOST_CHARACTERS:,} characters are shown.")
    return html.HtmlFigure(text + token_strip([chat.tokenization]).html)


def comparison_strip(comparison: TokenizerComparison) -> html.HtmlFigure:
    """A strip for each text, with its label where there are several."""
    rows = list(zip(comparison.labels, comparison.rows, strict=True))
    strips = []
    for label, row in rows[:MOST_TEXTS]:
        head = f"<b {html.AS_WRITTEN}>{escape(label)}</b>" if len(rows) > 1 else ""
        strips.append(head + token_strip(row, most=MOST_TOKENS // min(len(rows), MOST_TEXTS)).html)
    if len(rows) > MOST_TEXTS:
        strips.append(html.note(f"{len(rows) - MOST_TEXTS:,} more texts are in .rows and .counts."))
    return html.HtmlFigure("".join(strips))


def _count(row: Tokenization | CloudCount, facts: bool) -> str:
    if row.count is None:
        return f"<span>{escape(row.name)}: unknown, its tokenizer is not public</span>"
    count = f"<b>{row.count:,}</b> token{'s' if row.count != 1 else ''}"
    name = escape(_with_facts(row.name) if facts else row.name)
    return f'<span title="{escape(_about(row.name))}">{name}: {count}</span>'


def _with_facts(name: str) -> str:
    """A tokenizer of the list with its year and the size of its vocabulary."""
    if not (known := TOKENIZERS.get(name)):
        return name
    year = f"{known.year}, " if known.year else ""
    return f"{name} ({year}{known.entries / 1000:.0f}k)"


def _about(name: str) -> str:
    """What a tokenizer of the list is, as the tooltip of its name."""
    known = TOKENIZERS.get(name)
    return f"{known.title}, {known.kind}: {known.used_by}" if known else name


def _first(rows: Sequence[Tokenization], most: int) -> tuple[list[list[Token]], bool]:
    """The first tokens of each row, up to the same character; and whether any are missing."""
    first = [list(row.first(most)) for row in rows]
    ends = [
        tokens[-1].start for row, tokens in zip(rows, first, strict=True) if row.count > len(tokens)
    ]
    if not ends:
        return first, False
    return [[token for token in tokens if token.end <= min(ends)] for tokens in first], True


def _lines(names: Sequence[str], rows: list[list[Token]], text: str) -> Iterator[str]:
    direction = "rtl" if _runs_left(text) else "ltr"
    head = "".join(f'<div title="{escape(_about(name))}">{escape(name)}</div>' for name in names)
    head = f'<div class="lk-names">{head}</div>' if len(names) > 1 else ""
    for segments in _packed(_segments(rows)):
        body = "".join(
            f"<div>{''.join(f'<div class=lk-cell>{cell}</div>' for cell in cells)}</div>"
            for cells in segments
        )
        body = f'<div class="lk-body" dir="{direction}">{body}</div>'
        yield f'<div class="lk-line">{head}{body}</div>'


def _runs_left(text: str) -> bool:
    """Whether the text's first letter belongs to a right-to-left script."""
    kinds = (unicodedata.bidirectional(character) for character in text[:1000])
    return next((kind != "L" for kind in kinds if kind in ("L", "R", "AL")), False)


def _segments(rows: list[list[Token]]) -> list[list[list[Token]]]:
    """The rows, divided wherever all of them have a token border."""
    borders = [
        {after.start for before, after in pairwise(row) if before.end <= after.start}
        for row in rows
    ]
    common = sorted(set.intersection(*borders)) if borders else []
    segments = [[[] for _ in rows] for _ in range(len(common) + 1)]
    for number, row in enumerate(rows):
        for token in row:
            segments[bisect.bisect_right(common, token.start)][number].append(token)
    return [segment for segment in segments if any(segment)]


def _packed(segments: list[list[list[Token]]]) -> Iterator[list[list[str]]]:
    """Lines of segments, each with one HTML cell per row; a line break in the text ends a line."""
    line, used, number = [], 0, [0] * (len(segments[0]) if segments else 0)
    for segment in segments:
        texts = [[visible(token.data) for token in tokens] for tokens in segment]
        width = max(sum(map(_columns, row)) for row in texts)
        if line and used + width > COLUMNS:
            yield line
            line, used = [], 0
        line.append(
            [_cell(*row, number, i) for i, row in enumerate(zip(segment, texts, strict=True))]
        )
        used += width
        if any(tokens and tokens[-1].data.endswith(b"\n") for tokens in segment):
            yield line
            line, used = [], 0
    if line:
        yield line


def _cell(tokens: list[Token], texts: list[str], number: list[int], row: int) -> str:
    """The tokens of one row in a segment; `number` counts each row's tokens, for their colours."""
    cell = ""
    for token, text in zip(tokens, texts, strict=True):
        is_split = "⟨" in show_bytes(token.data)
        kinds = "abcd"[number[row] % 4] + " x" * is_split + " s" * token.special
        number[row] += 1
        details = escape(_details(token))
        cell += f'<i tabindex=0 class="{kinds}" data-t="{details}">{escape(text)}</i>'
    return cell


def _details(token: Token) -> str:
    """The tooltip on hover and on keyboard focus."""
    data = token.data[:SHOWN_BYTES].hex(" ").upper()
    more = f" … ({len(token.data)})" if len(token.data) > SHOWN_BYTES else ""
    details = (
        f"id {token.token_id}",
        f"bytes {data}{more}",
        f"characters {token.start} to {token.end}",
        "special token" if token.special else "",
        "" if token.rank is None else f"merge rank {token.rank:,}",
    )
    return " · ".join(filter(None, details))


def visible(data: bytes) -> str:
    """A token's text with white space and invisible characters made visible.

    Bytes of a split character are in hex; the token's dashed border distinguishes them.

    >>> visible(b" a\\n"), visible("é".encode()[:1])
    ('·a⏎', 'C3')
    """
    text = re.sub("⟨(..)⟩", r"\1", "".join(map(mark, show_bytes(data))))
    return f"◌{text}" if text and unicodedata.combining(text[0]) else text


def _columns(text: str) -> float:
    """Width of a token in columns: its characters and its borders."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    marks = sum(unicodedata.combining(character) > 0 for character in text)
    return max(1, len(text) + wide - marks) + 0.8
