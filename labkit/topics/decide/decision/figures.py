"""A decision as a page: in the notebook, as HTML for one sheet of A4, as a Markdown record."""

import re
from html import escape
from pathlib import Path

from labkit.filesystem.write import write_text
from labkit.ui import theme
from labkit.ui.html import AS_WRITTEN, HtmlFigure

from . import wording
from .core import VERDICTS, Offer, Recommendation
from .recommend import Decision
from .sensitivity import Sensitivity

TITLE = "Local, cloud, or both"
# The sheet in points, and its type: from what Chromium lays out, on the safe side.
SHEET_WIDTH, SHEET_HEIGHT, WIDTH_EM = 527, 745, 0.47
SIZES = [n / 4 for n in range(38, 15, -1)]
HEIGHTS_EM = {"p": 1.32, "tr": 1.42, "h3": 3.0, "h2": 2.2}
HEADS = ("option", "right", "an answer", "a week", "")
CSS = f"""
.lk-sheet{{font:13px/1.4 {theme.FONT};color:{theme.TEXT};max-width:960px}}
.lk-sheet h2{{font-size:1.45em;margin:0 0 .2em}}
.lk-sheet h3{{font-size:1.1em;margin:.75em 0 0;border-top:1px solid {theme.RULE};padding-top:.4em}}
.lk-sheet p{{margin:.1em 0}}
.lk-sheet small{{font-size:.88em}}
.lk-sheet table{{border-collapse:collapse;margin:.25em 0;width:100%}}
.lk-sheet table th,.lk-sheet table td{{text-align:left;font-weight:400;padding:.05em .9em .05em 0;
vertical-align:top}}
@media(min-width:500px){{.lk-sheet td:nth-child(3),.lk-sheet td:nth-child(5){{white-space:nowrap}}}}
@media(max-width:499px){{.lk-sheet table :is(th,td){{padding-right:.3em}}
.lk-sheet tbody th{{overflow-wrap:anywhere}}.lk-sheet .lk-taken td:last-child{{font-size:.8em}}}}
.lk-sheet thead th{{font-size:.88em}}
.lk-sheet .lk-taken *{{font-weight:600}}
"""
SHEET = f"""{theme.PAGE}
body{{margin:12mm auto;max-width:186mm;padding:0 4mm}}
@page{{size:A4;margin:10mm 12mm}}
@media print{{:root{{color-scheme:light}}body{{margin:0;padding:0;max-width:none;
color:{theme.INK};background:{theme.PAPER}}}
.lk-sheet{{font-size:SIZEpt;line-height:1.25}}.lk-sheet section{{break-inside:avoid}}}}
"""
# A dollar sign begins a formula in JupyterLab. An underscore within a word, as of an address, means
# nothing.
_MARKUP = re.compile(r"[\\`*<>|~\[\]$&]|(?<![^\W_])_|_(?![^\W_])")


def decision_page(decision: Decision) -> HtmlFigure:
    """The page in a notebook."""
    return HtmlFigure(f"<style>{CSS}</style>{_sheet(decision)}")


def _sheet(decision: Decision) -> str:
    pairs = zip(decision.choices, decision.sensitivities, strict=True)
    lines = [f"Limits: {wording.bounds(decision.limits)}.", *decision.notes, *decision.to_run]
    ends = [*map(_short, wording.sources(decision)), f"{decision.machine}, {decision.date}"]
    return (
        f'<div class="lk-sheet {AS_WRITTEN.split(chr(34))[1]}">'
        f"<h2>{escape(TITLE)}: {escape(wording.title(decision))}</h2>"
        f"{_lines(lines)}{''.join(_section(*each) for each in pairs)}"
        f"<h3>Where the numbers come from</h3>{_lines(ends)}</div>"
    )


def _short(source: str) -> str:
    """Without addresses, which stand in the lab's data and in the record."""
    return re.sub(r" ?\(?https?://[^\s;,)]+\)?", "", source)


def _lines(lines: list[str]) -> str:
    return "".join(f"<p><small>{escape(each)}</small></p>" for each in lines)


def _section(choice: Recommendation, found: Sensitivity) -> str:
    heads = "".join(f'<th scope="col">{each}</th>' for each in HEADS)
    taken = ' class="lk-taken"', "✓ recommended" if choice.is_met else "✗ the nearest"
    rows = ""
    for each in choice.offers:
        if each.verdict in ("recommended", "possible"):
            look, word = taken if each.verdict == "recommended" else ("", "")
            cells = "".join(f"<td>{escape(e)}</td>" for e in (*wording.numbers_of(each), word))
            rows += f'<tr{look}><th scope="row">{escape(each.option.name)}</th>{cells}</tr>'
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    out = "".join(_out(*each) for each in wording.struck(choice))
    ends = [f"What turns it: {'; '.join(wording.turns(choice, found))}"]
    ends += filter(None, [wording.unsettled(found)])
    return (
        f"<section><h3>{escape(choice.kind.name)}: {escape(choice.verdict)}</h3>"
        f"{_lines([wording.needs(choice.kind)])}{table}{out}"
        f"{_lines([f'{each}.' for each in ends])}</section>"
    )


def _out(names: str, why: str) -> str:
    shown = escape(names) if why == VERDICTS["unknown"] else f"<s>{escape(names)}</s>"
    return f"<p><small>✗ {shown}: {escape(why)}</small></p>"


def to_page(decision: Decision) -> str:
    """A page of its own, without script, that prints on one sheet of A4."""
    style = CSS + SHEET.replace("SIZE", f"{_points(_sheet(decision)):.1f}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{TITLE}</title><style>{style}</style></head><body>{_sheet(decision)}</body></html>"
    )


def _points(sheet: str) -> float:
    """The largest type, in points, with which a sheet fits on one side of A4."""
    parts = re.findall(r"<(p|h\d|tr)\b.*?>(.*?)</\1>", sheet)
    lengths = [(tag, len(re.sub("<[^>]+>", "", text))) for tag, text in parts]
    return next((each for each in SIZES if _height(lengths, each) <= SHEET_HEIGHT), SIZES[-1])


def _height(lengths: list[tuple[str, int]], size: float) -> float:
    """About how high texts are in type of that size, in points."""
    characters = SHEET_WIDTH / (WIDTH_EM * size)  # of a line
    wrapped = {"p": characters, "tr": 0.75 * characters}
    lines = (-(-max(1, length) // wrapped.get(tag, characters)) for tag, length in lengths)
    pairs = zip(lengths, lines, strict=True)
    return size * sum(HEIGHTS_EM.get(tag, 1) * count for (tag, _), count in pairs)


def to_record(decision: Decision) -> str:
    """A Markdown record for a team: context, decision, options, what would turn it, sources."""
    lines = [f"# {TITLE}: {_escaped(wording.title(decision))}", ""]
    facts = (f"Status: proposed, {decision.date}", f"Limits: {wording.bounds(decision.limits)}")
    lines += _bullets([*facts, f"Machine: {decision.machine}", *decision.notes, *decision.to_run])
    for choice, found in zip(decision.choices, decision.sensitivities, strict=True):
        lines += ["", _escaped(f"## {choice.kind.name}: {choice.verdict}"), ""]
        needs = _escaped(wording.needs(choice.kind))
        lines += [f"{needs}.", "", f"| {' | '.join(HEADS[:4])} | verdict |"]
        lines += ["|---|---|---|---|---|"]
        for each in choice.offers:
            cells = map(_escaped, (each.option.name, *wording.numbers_of(each)))
            lines.append(f"| {' | '.join((*cells, _verdict(choice, each)))} |")
        lines += ["", "What turns it:", "", *_bullets(wording.turns(choice, found))]
        unsettled = _escaped(wording.unsettled(found))
        lines += ["", f"{unsettled}."] if unsettled else []
    sources = wording.sources(decision)
    return "\n".join([*lines, "", "## Where the numbers come from", "", *_bullets(sources), ""])


def _verdict(choice: Recommendation, offer: Offer) -> str:
    if offer.verdict == "recommended":
        return "**recommended**" if choice.is_met else "the nearest"
    words = VERDICTS[offer.verdict]
    return _escaped(f"{words}: {offer.why}" if offer.why else words)


def _bullets(lines: list[str]) -> list[str]:
    return [f"- {_escaped(each)}" for each in lines]


def _escaped(text: str) -> str:
    """Plain text as Markdown shows it: a kind's name may have any character."""
    return _MARKUP.sub(r"\\\g<0>", text)


_WRITERS = {".html": to_page, ".md": to_record}


def save_decision(decision: Decision, path: str | Path) -> Path:
    """Writes a decision in the format of the file's ending.

    Args:
        decision: from `recommend`.
        path: ``.html`` is a page for one sheet of A4, ``.md`` a record for a team.
    Raises:
        ValueError: another ending.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix)
    if writer is None:
        raise ValueError(f"path must end in {' or '.join(_WRITERS)}; got {str(path)!r}")
    return write_text(path, writer(decision))


FIGURES = {Decision: decision_page}
WRITERS = {Decision: save_decision}
