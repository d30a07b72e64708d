"""Executed notebooks as pages that work offline, from a file or any static host, and an index.

A page contains all it needs: styles, images, and the modules of its panels. Pages with figures
share plotly's script, a file beside them. Whatever a notebook outputs, a policy in every page also
forbids the browser to load anything else.
"""

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import date
from html import escape, unescape
from pathlib import Path
from urllib.parse import quote

from nbconvert.filters.markdown_mistune import InvalidNotebook
from nbformat import NotebookNode
from plotly.offline import get_plotlyjs
from pygments.formatters import HtmlFormatter

from labkit import __version__
from labkit.errors import LabError
from labkit.filesystem.write import write_text
from labkit.ui.html import script_hash
from labkit.ui.pages.page_module import DRAWING, MARK, MODULES, page_script
from labkit.ui.theme import CONFIG, FIGURE_CSS, TOKEN_KEYS

from .render import render_cells, self_contained

OURS = '<meta name="generator" content="labkit run">'  # what tells the lab's pages from others
PLOTLY_FILE = "plotly.min.js"  # beside the pages, which share it
_WITH_PLOTLY = f'<script src="{PLOTLY_FILE}"></script>'

# The last line of defence: nothing is loaded but plotly's script from the page's own folder, and no
# other script runs but the page's own, even if a cell's own HTML has others. plotly.js makes images
# of its figures (blob:).
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; media-src data:; "
    "font-src data:; form-action 'none'; base-uri 'none'; script-src "
)


def write_pages(
    notebooks: list[tuple[Path, NotebookNode]], folder: Path
) -> tuple[list[Path], list[LabError]]:
    """Writes a page per notebook, and an index if the folder has more than one.

    Args:
        notebooks: file and executed cells of each notebook.
        folder: folder of the pages, created if missing. Pages of earlier runs stay.
    Returns:
        The files written, the index first; and why each other page could not be.
    Raises:
        LabError: two notebooks would become the same page, somebody else's file would be replaced,
            or the folder cannot be written.
    """
    files, pages = plan_pages([path for path, _ in notebooks], folder)
    ours = (*_scripts(), *map(page_script, MODULES))
    pending, failures = dict(zip(files, notebooks, strict=True)), []
    while True:
        written, failed = {}, set()
        for page, (path, notebook) in pending.items():
            try:  # the others have run too, for minutes perhaps
                text = render_page(path, notebook, pages)
                write_text(page, text, scripts=ours)
                written[page] = _WITH_PLOTLY in text
            except LabError as error:
                failures.append(error)
                failed.add(page)
        missing = {page.name for page in failed if not page.exists()}
        if not missing:
            break
        pages -= missing  # once more: the others are not to link to them
        pending = {page: each for page, each in pending.items() if page not in failed}
    try:
        if any(written.values()):
            script = get_plotlyjs()
            write_text(folder / PLOTLY_FILE, script, scripts=(script,))
        return ([_write_index(folder)] if len(pages) > 1 else []) + [*written], failures
    except OSError as error:
        raise _unwritable(folder, error) from error


def plan_pages(notebooks: list[Path], folder: Path) -> tuple[list[Path], set[str]]:
    """Makes the folder, before notebooks run for it.

    Returns:
        The file of each notebook's page, and the names of all pages that there will be.
    Raises:
        LabError: see `write_pages`.
    """
    names = [path.stem + ".html" for path in notebooks]
    for name, count in Counter(names).items():
        if name == "index.html":
            raise LabError("index.html is the list of all pages.", "Rename the notebook.")
        if count > 1:
            raise LabError(f"Two pages would be called {name}.", "Run the notebooks one by one.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # it can be written to
            pages = {*names, *(path.name for path in _pages_in(folder))}
        written = [folder / name for name in names]
        index = [folder / "index.html"] if len(pages) > 1 else []
        _require_ours([*written, *index], OURS, "a page of the lab")
        _require_ours([folder / PLOTLY_FILE], "* plotly.js v", "plotly's script")
    except OSError as error:
        raise _unwritable(folder, error) from error
    return written, pages


def _unwritable(folder: Path, error: OSError) -> LabError:
    return LabError(
        f"The pages cannot be written to {folder}: {error.strerror}.",
        "Name another folder: --output FOLDER.",
    )


def render_page(path: Path, notebook: NotebookNode, pages: set[str]) -> str:
    """One executed notebook as a complete HTML document, with links to the `pages` beside it.

    Raises:
        LabError: a cell shows an image that is not attached to it.
    """
    try:
        soup = self_contained(render_cells(notebook), path.parent, pages)
    except (InvalidNotebook, RuntimeError) as error:  # the latter of an attachment without content
        raise LabError(f"{path.name} cannot be shown: {error}.") from error
    headings = soup.select(".prose :is(h1, h2, h3, h4, h5, h6)")
    title = _text(headings[0]) if headings else path.stem
    first = soup.select_one(".prose > p")
    back = '<nav><a href="index.html">All pages</a></nav>' if len(pages) > 1 else ""
    today = date.today()
    made = f"{escape(path.name)}, run on {today.day} {today:%B %Y} with labkit {__version__}."
    body = f"{back}<main>{soup}</main><footer>{made} To change it, open the notebook.</footer>"
    drawing, token_keys = _scripts()
    drawn = ".figure", *(f"[{MARK}={name}]" for name in DRAWING)
    scripts = [drawing] if soup.select_one(", ".join(drawn)) else []
    if soup.select_one(".lk-strip, .lk-trace"):
        scripts.append(token_keys)
    modules = [page_script(name) for name in MODULES if soup.select_one(f"[{MARK}={name}]")]
    return _document(title, _text(first) if first else "", body, scripts, modules)


def _scripts() -> tuple[str, ...]:
    """What a page may run besides its modules: for its figures, and for its rows of tokens."""
    return _drawing(), f"{TOKEN_KEYS}\nstepThroughTokens();"


def _text(tag) -> str:
    """An element's text on one line, without the anchor link of a heading."""
    own = (part for part in tag.strings if not part.find_parent("a", class_="anchor-link"))
    return " ".join("".join(own).split())


def _document(
    title: str,
    description: str,
    body: str,
    scripts: Sequence[str] = (),
    modules: Sequence[str] = (),
) -> str:
    with_plotly = _drawing() in scripts
    # plotly.js is the one script that is loaded, and generates code for some of its figures.
    allowed = ["'self'", "'unsafe-eval'"] if with_plotly else []
    allowed += [script_hash(script) for script in (*scripts, *modules)]
    allowed = allowed or ["'none'"]
    drawing = {page_script(name) for name in DRAWING}
    # What draws no figure runs at once, and does not wait for plotly's script.
    early = [module for module in modules if module not in drawing]
    body += "".join(f'\n<script type="module" async>{module}</script>' for module in early)
    body += f"\n{_WITH_PLOTLY}" if with_plotly else ""
    body += "".join(f"\n<script>{script}</script>" for script in scripts)
    late = (module for module in modules if module in drawing)
    body += "".join(f'\n<script type="module">{module}</script>' for module in late)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}{" ".join(allowed)}">
{OURS}
<meta name="description" content="{escape(description[:200])}">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{_styles()}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def _styles() -> str:
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    own = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{own}{FIGURE_CSS}"


def _require_ours(files: list[Path], mark: str, what: str) -> None:
    """Nothing that somebody else wrote is replaced."""
    for file in files:
        if os.path.exists(file) and not _holds(file, mark):
            problem = f"{file} is not {what}, and is not replaced."
            raise LabError(problem, "Name another folder for the pages: --output FOLDER.")


def _holds(file: Path, mark: str) -> bool:
    return os.path.isfile(file) and mark in _head(file)


def _drawing() -> str:
    """The script that draws the figures of a page."""
    own = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
    return f"const CONFIG = {json.dumps(dict(CONFIG))};\n{own}"


def _pages_in(folder: Path) -> list[Path]:
    """The lab's pages in a folder, those of earlier runs included."""
    pages = sorted(path for path in folder.glob("*.html") if path.name != "index.html")
    return [path for path in pages if _holds(path, OURS)]


def _head(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(4000)


def _write_index(folder: Path) -> Path:
    items = []
    for page in _pages_in(folder):
        title = re.search("<title>(.*?)</title>", _head(page), re.S)
        about = re.search('name="description" content="(.*?)"', _head(page), re.S)
        name, text = (
            escape(unescape(found[1])) if found else default
            for found, default in ((title, escape(page.stem)), (about, ""))
        )
        number = re.match(r"\d\d(?=_)", page.stem)  # the notebooks name each other by it
        name = f"{number[0]} · {name}" if number else name
        items.append(f'<li><a href="{quote(page.name)}">{name}</a><p>{text}</p></li>')
    body = f'<main><h1>The lab, page by page</h1><ul class="pages">{"".join(items)}</ul></main>'
    index = folder / "index.html"
    write_text(index, _document("The lab, page by page", "", body))
    return index
