"""The strip: a text as coloured tokens, several tokenizers under one another; HTML, no script.

Every line is cut here and not by the browser, so that each can begin with the tokenizers' names.
"""

import bisect
import re
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from labkit.models.tokenizers.catalogue import TOKENIZERS
from labkit.ui import html
from labkit.ui.visible_text import mark

from .chat_template import ChatTokens
from .tokenizer_comparison import CloudCount, TokenizerComparison
from .tokenization import Token, Tokenization, show_bytes

MOST_TOKENS = 5000  # of all rows together; a browser stays smooth with them
MOST_TEXTS = 50  # of a comparison
MOST_CHARACTERS = 4000  # of a conversation as text
COLUMNS = 84  # of the monospaced font, in a line of tokens
SHOWN_BYTES = 16
_RIGHT_TO_LEFT = ("R", "AL")

STYLE = """<style>
.lk-strip{color:#24292F;background:#fff;padding:6px 8px 3.2em;font:14px/1.35 ui-monospace,
'DejaVu Sans Mono','Noto Sans Mono',Menlo,Consolas,monospace;overflow-x:auto}
.lk-strip .lk-told{font-family:system-ui,'Noto Sans',sans-serif;font-size:13px;margin-bottom:6px}
.lk-told span{display:inline-block;margin-right:1.3em}
.lk-line{display:flex;position:relative;margin:0 0 7px}
.lk-names{flex:none;width:7.5em;font:12px/20px system-ui,'Noto Sans',sans-serif;color:#57606A}
.lk-names div,.lk-cell{height:20px;margin:2px 0;white-space:nowrap}
.lk-body{display:flex;flex-wrap:wrap;min-width:0}
.lk-strip i{font-style:normal;display:inline-block;box-sizing:border-box;height:20px;
padding:0 1px;border:1px solid #57606A;border-radius:4px;margin-right:1px;white-space:pre;
unicode-bidi:isolate;background:#DCEEFA;min-width:8px;text-align:center;vertical-align:top}
.lk-strip i.b{background:#FFF0CC}.lk-strip i.c{background:#D9F2EA}.lk-strip i.d{background:#F7E3EE}
.lk-strip i.x{border:1px dashed #B34700;font-size:11px;line-height:18px;color:#7A3000}
.lk-strip i.s{background:#24292F;color:#fff;border-radius:0;font-weight:600}
.lk-strip i:hover,.lk-strip i:focus{outline:3px solid #0072B2;z-index:3;position:static}
.lk-strip i:hover::after,.lk-strip i:focus::after{content:attr(data-t);position:absolute;left:3em;
top:100%;z-index:9;background:#24292F;color:#fff;padding:3px 9px;border-radius:5px;direction:ltr;
font:13px/1.4 system-ui,'Noto Sans',sans-serif;white-space:pre-wrap;max-width:44em;text-align:left}
.lk-strip:has(i:hover) i:focus:not(:hover)::after{display:none}
</style>"""


def token_strip(rows: Sequence[Tokenization | CloudCount], *, most: int = MOST_TOKENS) -> html.Picture:
    """The same text, cut by several tokenizers, one row each.

    Args:
        rows: of one text.
        most: how many tokens to show, of all rows together; a longer text is cut, and a note says
            so.
    """
    cut = [row for row in rows if isinstance(row, Tokenization)]
    shown, is_cut = _first(cut, most // max(1, len(cut)))
    body = [_told(row) for row in rows]
    text = f'<div class="lk-told">{"".join(body)}</div>'
    if is_cut:
        characters = max((row[-1].end for row in shown if row), default=0)
        text += html.note(f"Only the first {characters:,} characters are shown; all are counted.")
    text += "".join(_lines([row.name for row in cut], shown, cut[0].text if cut else ""))
    return html.Picture(f'{STYLE}<div class="lk-strip" role="group">{text}</div>')


def text_strip(tokenization: Tokenization) -> html.Picture:
    """A strip of one row."""
    return token_strip([tokenization])


def chat_strip(chat: ChatTokens) -> html.Picture:
    """A conversation as the one text that its template makes of it, and as its model reads that."""
    text = html.card(html.paragraph(chat.text[:MOST_CHARACTERS]))
    if len(chat.text) > MOST_CHARACTERS:
        text += html.note(f"Only the first {MOST_CHARACTERS:,} characters are shown.")
    return html.Picture(text + token_strip([chat.tokenization]).html)


def comparison_strip(comparison: TokenizerComparison) -> html.Picture:
    """A strip for each text, its label before it where there are several."""
    rows = list(zip(comparison.labels, comparison.rows, strict=True))
    parts = []
    for label, row in rows[:MOST_TEXTS]:
        head = f"<b>{escape(label)}</b>" if len(rows) > 1 else ""
        parts.append(head + token_strip(row, most=MOST_TOKENS // min(len(rows), MOST_TEXTS)).html)
    if len(rows) > MOST_TEXTS:
        parts.append(html.note(f"{len(rows) - MOST_TEXTS:,} more texts are in .rows and .counts."))
    return html.Picture("".join(parts))


def _told(row: Tokenization | CloudCount) -> str:
    if row.count is None:
        return f"<span>{escape(row.title)}: unknown, its tokenizer is not public</span>"
    count = f"<b>{row.count:,}</b> token{'s' if row.count != 1 else ''}"
    return f'<span title="{escape(_about(row.name))}">{escape(row.name)}: {count}</span>'


def _about(name: str) -> str:
    """What a tokenizer of the list is, for a pointer that rests on its name."""
    known = TOKENIZERS.get(name)
    return f"{known.title}, {known.kind}: {known.used_by}" if known else name


def _first(rows: Sequence[Tokenization], most: int) -> tuple[list[list[Token]], bool]:
    """So many tokens of each row, and none beyond where the shortest of them ends."""
    shown = [list(row.first(most)) for row in rows]
    ends = [
        tokens[-1].start for row, tokens in zip(rows, shown, strict=True) if row.count > len(tokens)
    ]
    if not ends:
        return shown, False
    return [[token for token in tokens if token.end <= min(ends)] for tokens in shown], True


def _lines(names: Sequence[str], rows: list[list[Token]], text: str) -> Iterator[str]:
    direction = "rtl" if _runs_left(text) else "ltr"
    head = "".join(f'<div title="{escape(_about(name))}">{escape(name)}</div>' for name in names)
    head = f'<div class="lk-names">{head}</div>' if len(names) > 1 else ""
    for segments in _packed(_segments(rows)):
        body = "".join(
            f"<div>{''.join(f'<div class=lk-cell>{cell}</div>' for cell in cells)}</div>"
            for cells in segments
        )
        yield (
            f'<div class="lk-line">{head}<div class="lk-body" dir="{direction}">{body}</div></div>'
        )


def _runs_left(text: str) -> bool:
    """Whether the text's first letter belongs to a script that is written from the right."""
    kinds = (unicodedata.bidirectional(character) for character in text[:1000])
    return next((kind in _RIGHT_TO_LEFT for kind in kinds if kind in ("L", "R", "AL")), False)


def _segments(rows: list[list[Token]]) -> list[list[list[Token]]]:
    """The rows cut wherever all of them have a border: what is between stays together."""
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
    """Lines of segments, each a cell of HTML a row; a line ends where the text's own does."""
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
    """The tokens of one row of a segment; `number` counts each row's tokens for their colours."""
    cell = []
    for token, text in zip(tokens, texts, strict=True):
        kinds = (
            "abcd"[number[row] % 4] + " x" * ("⟨" in show_bytes(token.data)) + " s" * token.special
        )
        number[row] += 1
        cell.append(
            f'<i tabindex=0 class="{kinds}" data-t="{escape(_details(token))}">{escape(text)}</i>'
        )
    return "".join(cell)


def _details(token: Token) -> str:
    """What is shown on hover and on keyboard focus."""
    data = token.data[:SHOWN_BYTES].hex(" ").upper()
    more = f" … ({len(token.data)})" if len(token.data) > SHOWN_BYTES else ""
    told = [
        f"id {token.token_id}",
        f"bytes {data}{more}",
        f"characters {token.start} to {token.end}",
    ]
    if token.special:
        told.append("special token")
    if token.rank is not None:
        told.append(f"merge rank {token.rank:,}")
    return " · ".join(told)


def visible(data: bytes) -> str:
    """A token's text with white space and all that is invisible made to be seen.

    Bytes of a split character are in hex, which the token's dashed border tells from letters.

    >>> visible(b" a\\n"), visible("é".encode()[:1])
    ('·a⏎', 'C3')
    """
    text = re.sub("⟨(..)⟩", r"\1", "".join(map(mark, show_bytes(data))))
    return f"◌{text}" if text and unicodedata.combining(text[0]) else text


def _columns(text: str) -> float:
    """How wide a token is: its characters, and its borders."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    marks = sum(unicodedata.combining(character) > 0 for character in text)
    return max(1, len(text) + wide - marks) + 0.8
