"""A notebook's cells as HTML that needs nothing from outside the page.

It includes what is readable without a kernel: plotly figures as data for the page's one plotly.js,
HTML, images, text. A widget is replaced by the static form beside it, or by a note.
"""

import base64
import json
import os
import re
import sys
from contextlib import suppress
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import regex
from bs4 import BeautifulSoup, Tag
from latex2mathml.converter import convert
from nbconvert.filters import Highlight2HTML, ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from labkit.install.checkout import ROOT

PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# How a picture's content begins.
SIGNATURES = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.S),
    "image/bmp": re.compile(rb"BM.{4}\0{4}", re.S),
    "image/svg+xml": regex.compile(  # Python's own misses some before 3.11.5 (gh-106052)
        rb"(?:\xef\xbb\xbf)?"
        rb"(?>\s|<\?xml[^>]*+>|<!--(?:(?!-->).)*+-->|<!DOCTYPE svg[^>]*+>)*+<svg\b",
        regex.S,
    ),
}

# An unknown command leaves its name, or a bare alignment mark, in the converter's output.
_NOT_UNDERSTOOD = re.compile(r"<m\w+[^>]*>\s*(\\|&(?!#?\w+;))")
_highlight = Highlight2HTML(pygments_lexer="ipython3")


class _Markdown(IPythonRenderer):
    """Markdown as in JupyterLab, with formulas as MathML."""

    def block_math(self, body: str) -> str:
        return tex_to_mathml(body, block=True)

    def inline_math(self, body: str) -> str:
        return tex_to_mathml(body)

    def latex_environment(self, name: str, body: str) -> str:
        return tex_to_mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)


def render_cells(notebook: NotebookNode) -> str:
    """All cells of an executed notebook (nbformat 4) and their outputs, in order, as HTML.

    It may still refer to other files; `self_contained` resolves that.
    """
    rendered = (_cell(cell) for cell in notebook.cells if cell.source.strip())
    return _without_private_paths("\n".join(rendered))


def _cell(cell: NotebookNode) -> str:
    if cell.cell_type == "markdown":
        prose = markdown(cell.source, cell.get("attachments"))
        return f'<section class="prose">{_closed(prose)}</section>'
    if cell.cell_type != "code":
        return ""  # raw cells are meant for other formats
    outputs = "\n".join(filter(None, map(_shown, cell.outputs)))
    code = _highlight(cell.source.strip("\n"))
    return f'<section class="code">{code}</section>\n{outputs}'


def markdown(text: str, attachments: dict | None = None) -> str:
    """Converts Markdown to HTML; images attached to the cell are embedded."""
    renderer = _Markdown(escape=False, attachments=attachments or {}, anchor_link_text="#")
    return MarkdownWithMath(renderer=renderer).render(text)


def _closed(html: str) -> str:
    """HTML that leaves no tag open, in which what follows would vanish."""
    return str(BeautifulSoup(html, "html.parser"))


def _shown(output: NotebookNode) -> str:
    """An output; a note for one of another form than Jupyter defines, whatever is wrong with it."""
    try:
        return _output(output)
    except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError):
        return '<p class="note">An output that is not of Jupyter\'s form is left out.</p>'


def _output(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return f'<pre class="output {escape(output.name)}">{ansi2html(output.text)}</pre>'
    if output.output_type == "error":
        return _error(output)
    content = _richest(output.data, output.metadata)
    return f'<div class="output">{content}</div>' if content else ""


def _error(output: NotebookNode) -> str:
    """The error in one line; the traceback opens on a click."""
    lines = [line for line in output.traceback if re.sub(r"\x1b\[[0-9;]*m", "", line).strip("-")]
    traceback = ansi2html("\n".join(lines))
    message = f"<strong>{escape(output.ename)}</strong>: {escape(output.evalue)}"
    details = f"<summary>{message}</summary><pre>{traceback}</pre>"
    return f'<details class="output error">{details}</details>'


def _richest(data: dict, metadata: dict) -> str:
    """The form of an output that shows most without a kernel."""
    if PLOTLY in data:
        return _figure(data[PLOTLY])
    if "text/html" in data:
        return _closed(data["text/html"])
    if "text/markdown" in data:
        return f'<div class="prose">{markdown(data["text/markdown"])}</div>'
    if "image/svg+xml" in data:
        svg = base64.b64encode(data["image/svg+xml"].encode()).decode()
        return f'<img alt="" src="data:image/svg+xml;base64,{svg}">'
    for kind in IMAGES:
        if kind in data:
            return _image(kind, data[kind], metadata.get(kind, {}))
    return _plainest(data)


def _plainest(data: dict) -> str:
    text = data.get("text/plain", "")
    if "text/latex" in data:
        return tex_to_mathml(data["text/latex"].strip().strip("$"), block=True)
    if WIDGET in data:
        # The remains of a finished progress bar are left out.
        is_progress = re.search(r"\d+%\||\d+\S* \[\d\d:\d\d", text)
        return "" if is_progress else '<p class="note">Interactive: open the notebook.</p>'
    return f"<pre>{ansi2html(text)}</pre>" if text else ""


def _image(kind: str, encoded: str, metadata: dict) -> str:
    size = "".join(f' {k}="{int(metadata[k])}"' for k in ("width", "height") if metadata.get(k))
    return f'<img alt=""{size} src="data:{kind};base64,{escape("".join(encoded.split()))}">'


def _figure(figure: dict) -> str:
    """A figure's data, which the page's script finds and draws."""
    layout = dict(figure.get("layout", {}))
    layout.pop("width", None)  # as wide as the page, also on a phone
    title = layout.get("title") or ""
    label = title.get("text", "") if isinstance(title, dict) else title
    label = BeautifulSoup(label or "Figure", "html.parser").get_text(" ")
    drawn = {"data": figure.get("data", []), "layout": layout, "frames": figure.get("frames", [])}
    # "<" would let text inside the figure close the script element.
    data = json.dumps(drawn).replace("<", "\\u003c")
    return (
        f'<div class="figure" role="img" aria-label="{escape(label)}" '
        f'style="min-height: {int(layout.get("height") or 450)}px">'
        f'<script type="application/json">{data}</script>'
        '<noscript><p class="note">This figure is drawn by a script.</p></noscript></div>'
    )


def _without_private_paths(html: str) -> str:
    """Shortens the folders of this machine, because a page is read by others.

    Tracebacks and warnings contain full paths, and in them the user's name. Windows writes them
    with ``\\``, with ``/`` and, in a repr, with two ``\\``, and case means nothing there.
    """
    shorter = {str(ROOT): ROOT.name, sys.prefix: "…", os.path.expanduser("~"): "~"}
    for folder, name in sorted(shorter.items(), key=lambda item: -len(item[0])):
        parts = re.split(r"[\\/]+", folder)
        if len(parts) > 2:  # "/root" and "/usr" reveal nothing, and are in other words
            path = r"(?:\\{1,4}|/)".join(map(_written, parts))
            html = re.sub(rf"{path}(?!\w)", lambda _, name=name: name, html, flags=re.IGNORECASE)
    return html


def _written(name: str) -> str:
    """A pattern for a folder's name as pages have it: as it is, in an address, or in JSON."""
    forms = (name, quote(name), json.dumps(name)[1:-1])
    return f"(?:{'|'.join(map(_in_html, dict.fromkeys(forms)))})"


def _in_html(text: str) -> str:
    """A pattern for a text in HTML, where some characters have up to three forms."""
    return "".join(
        f"(?:{escape(each)}|&#{ord(each)};|{each})" if each in "&<>'\"" else re.escape(each)
        for each in text
    )


def self_contained(html: str, folder: Path, pages: set[str]) -> BeautifulSoup:
    """Removes or embeds everything that the HTML would load.

    Args:
        html: the output of `render_cells`.
        folder: the notebook's folder, from which its images are read.
        pages: file names of the pages beside this one; a link to another notebook becomes a link
            to its page, and a link to a missing file becomes plain text.
    """
    soup = BeautifulSoup(html, "html.parser")
    for tag in soup.find_all(["link", "base", "meta", "iframe", "embed", "object", "script"]):
        if tag.name != "script" or tag.get("src"):
            tag.decompose()
    for tag in soup.find_all(["img", "video", "audio", "source", "track", "image"]):
        _embed(tag, folder, soup)
    for tag in soup.find_all("a", href=True):
        _relink(tag, pages)
    return soup


def _embed(tag: Tag, folder: Path, soup: BeautifulSoup) -> None:
    """Embeds an image in the page; one on the network becomes a link to it."""
    for attribute in ("srcset", "poster"):
        del tag[attribute]
    where = "src" if tag.name != "image" else "href"
    address = tag.get(where, "")
    if not address or address.startswith(("data:", "#")):
        return
    if embedded := _embedded(address, folder):
        tag[where] = embedded
        tag["alt"] = tag.get("alt", "")
        return
    link = soup.new_tag("a", href=address)
    link.string = f"[{tag.get('alt') or 'image'}]"
    tag.replace_with(link)


def _embedded(address: str, folder: Path) -> str | None:
    """A picture below the notebook's folder as a data URL; None for anything else."""
    with suppress(OSError, ValueError):  # no such file, or no such name
        parts = urlsplit(address)
        file = (folder / unquote(parts.path)).resolve()
        if parts.scheme or parts.netloc or not file.is_relative_to(folder.resolve()):
            return None
        content = file.read_bytes() if file.is_file() else b""
        kinds = (kind for kind, signature in SIGNATURES.items() if signature.match(content))
        if kind := next(kinds, None):
            return f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return None


def _relink(tag: Tag, pages: set[str]) -> None:
    try:
        target = urlsplit(tag["href"])
    except ValueError:  # not an address
        target = urlsplit("/")
    if target.scheme in ("http", "https", "mailto", "data") or not (target.path or target.scheme):
        return
    page = re.sub(r"\.ipynb$", ".html", unquote(target.path).rsplit("/", 1)[-1])
    if page in pages and not target.scheme:
        tag["href"] = quote(page) + (f"#{target.fragment}" if target.fragment else "")
        return
    tag.name = "span"
    del tag["href"]


def tex_to_mathml(tex: str, block: bool = False) -> str:
    """TeX without dollar signs as MathML, which browsers draw without a script; else as code.

    >>> tex_to_mathml("x_")
    '<code class="tex">x_</code>'
    """
    # "aligned" is "align" inside a formula; the converter knows only the latter.
    known = re.sub(r"\{(aligned|split|gathered)\}", "{align*}", tex.strip())
    try:
        mathml = convert(known, display="block" if block else "inline")
    except Exception:  # its many small parsers raise any kind of error
        mathml = ""
    if mathml and not _NOT_UNDERSTOOD.search(mathml):
        return mathml
    return f'<code class="tex{" block" if block else ""}">{escape(tex.strip())}</code>'
