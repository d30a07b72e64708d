"""`labkit run`, with real kernels: what is said, what is written, and that pages fetch nothing."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from argparse import Namespace
from html import unescape
from pathlib import Path
from urllib.parse import quote, unquote

import nbformat
import psutil
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from plotly.offline import get_plotlyjs

from labkit.backends.remote.api_keys import use_key
from labkit.commands import run
from labkit.commands.notebooks import execute, find, pages, render
from labkit.commands.notebooks.execute import NotebookRun
from labkit.errors import LabError

from ..browser.chromium import new_page, start_chromium

CHECKOUT = Path(__file__).resolve().parents[2]
DOT = (  # one green pixel, as PNG
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

LESSON = [
    new_markdown_cell(
        "# What *is* a token?\n\nTen minutes & no key.\n\n"
        "Entropy is $H = -\\sum_i p_i \\log_2 p_i$ bits; $x_$ is no formula; it costs \\$5.\n\n"
        "$$\\begin{aligned} a &= b \\\\ &= c \\end{aligned}$$\n\n"
        "[Next](02_more.ipynb#Two), [later](09_none.ipynb), [paper](https://example.org/p), "
        "[below](#Pictures)."
    ),
    new_code_cell(
        "import os, sys, labkit, plotly.graph_objects as go\n"
        "print(sys.executable, os.environ['LABKIT_STATIC'], os.getcwd(), labkit.__name__)"
    ),
    new_code_cell(
        "go.Figure(go.Bar(y=[3, 1]), dict(title='</script><b>Two</b> bars', width=900, height=300))"
    ),
    new_markdown_cell("## Pictures\n\n![a dot](dot.png) ![gone](http://example.org/far.png)"),
    new_code_cell(
        "from IPython.display import HTML, Image, Javascript, display\n"
        "import base64, ipywidgets\n"
        f"display(Image(base64.b64decode('{DOT}')))\n"
        "HTML('<p id=kept>kept</p><script src=\"https://example.org/x.js\"></script>'\n"
        "     '<link rel=stylesheet href=//example.org/x.css><iframe src=https://example.org>'\n"
        "     '</iframe><img srcset=\"https://example.org/2x.png 2x\" src=dot.png>')"
    ),
    new_code_cell("ipywidgets.IntSlider()"),
    new_code_cell("print('<b>model text</b> & more')\nprint('careful', file=sys.stderr)"),
    new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
]


def write(folder: Path, name: str, *cells) -> Path:
    path = folder / name
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def args(*notebooks, to=None, output=None) -> Namespace:
    return Namespace(notebooks=[str(path) for path in notebooks], to=to, output=output)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Two notebooks as pages, made once: (folder of the pages, the lesson's own file)."""
    use_key("choroplethmapbox")  # a key may be found in the scripts of a page, and harms none
    folder = tmp_path_factory.mktemp("lab")
    (folder / "dot.png").write_bytes(base64.b64decode(DOT))
    lesson = write(folder, "01_token.ipynb", *LESSON)
    more = write(folder, "02_more.ipynb", new_markdown_cell("# More\n\n[Back](01_token.ipynb)"))
    before = lesson.read_bytes()
    assert run.main(args(lesson, more, to="html", output=folder / "out")) == 0
    assert lesson.read_bytes() == before
    return folder / "out", lesson


@pytest.fixture(scope="module")
def page(site) -> BeautifulSoup:
    return BeautifulSoup((site[0] / "01_token.html").read_text(encoding="utf-8"), "html.parser")


# -- running ---------------------------------------------------------------------------------------


def test_a_failing_cell_stops_its_notebook_and_no_other(tmp_path, capsys):
    bad = write(
        tmp_path,
        "bad.ipynb",
        new_markdown_cell("# Bad"),
        new_code_cell("x = 1\nraise KeyError('broken on purpose')"),
        new_code_cell("open('later', 'w')"),
    )
    good = write(tmp_path, "good.ipynb", new_code_cell("open('ran', 'w').close()"))
    assert run.main(args(bad, good)) == 1
    said = capsys.readouterr().out
    assert re.search(r"FAILED +\S*bad\.ipynb  cell 2 of 3: x = 1\n", said)
    assert "----> 2 raise KeyError('broken on purpose')" in said
    assert "KeyError: 'broken on purpose'" in said
    assert "\x1b" not in said
    assert re.search(r"done +\S*good\.ipynb", said)
    assert "2 notebooks: 1 done, 1 failed\n" in said
    assert (tmp_path / "ran").exists()  # and the kernel's folder is the notebook's
    assert not (tmp_path / "later").exists()


def test_the_kernel_is_this_python_whatever_is_installed(tmp_path, monkeypatch):
    spec = tmp_path / "kernels" / "python3"
    spec.mkdir(parents=True)
    broken = {"argv": ["no-such-python"], "display_name": "Python 3", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(broken))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    cell = new_code_cell(f"import sys\nassert sys.executable == {sys.executable!r}")
    path = write(tmp_path, "which.ipynb", cell)
    assert run.main(args(path)) == 0


def test_a_kernel_that_dies_is_one_sentence(tmp_path, capsys):
    path = write(tmp_path, "dies.ipynb", new_code_cell("import os; os._exit(1)"))
    assert run.main(args(path)) == 1
    assert "cell 1 of 1: import os; os._exit(1)\n    The kernel died" in capsys.readouterr().out


def test_what_a_kernel_itself_writes_to_the_terminal_is_not_shown(tmp_path, capfd, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os\nfor n in 1, 2: os.write(n, b'noise')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    cell = new_code_cell("import sitecustomize as s\nfor n in 1, 2: s.os.write(n, b'more noise')")
    assert run.main(args(write(tmp_path, "lesson.ipynb", cell))) == 0
    shown, errors = capfd.readouterr()
    assert "done" in shown and "noise" not in shown + errors


LAUNCHER = """
import pathlib
if pathlib.Path("broken").exists():
    raise ImportError("a broken package")
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""


def test_a_kernel_that_cannot_start_says_why_and_the_others_run(tmp_path, capfd, monkeypatch):
    (tmp_path / "ipykernel_launcher.py").write_text(LAUNCHER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "there").mkdir()
    (tmp_path / "there/broken").touch()
    bad = write(tmp_path / "there", "bad.ipynb", new_code_cell("1"))
    good = write(tmp_path, "good.ipynb", new_code_cell("1"))
    assert run.main(args(bad, good, to="html", output=tmp_path / "out")) == 1
    shown, errors = capfd.readouterr()
    why = r"FAILED +\S*bad.ipynb  its start\n    The notebook's kernel did not start.*\n(.*\n)*"
    assert re.search(why + r" +ImportError: a broken package\n    → .* labkit doctor\n", shown)
    assert "2 notebooks: 1 done, 1 failed\n" in shown and not errors
    assert (tmp_path / "out/good.html").exists()


def test_a_cell_that_never_ends_is_stopped(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(execute, "CELL_TIMEOUT_S", 1)
    path = write(tmp_path, "slow.ipynb", new_code_cell("import time\ntime.sleep(60)"))
    assert run.main(args(path)) == 1
    assert "It ran longer than 1 s, and was stopped." in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_stops_the_kernel_and_says_what_was_done(tmp_path):
    write(tmp_path, "a.ipynb", new_code_cell("1"))
    wait = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)"
    write(tmp_path, "b.ipynb", new_code_cell("1"), new_code_cell(wait))
    write(tmp_path, "c.ipynb", new_code_cell("1"))
    code = (
        "import sys; from argparse import Namespace; from labkit.commands.run import main;"
        "sys.exit(main(Namespace(notebooks=['a', 'b', 'c'], to='html', output='out')))"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(CHECKOUT), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = _wait_for(tmp_path / "pid")
    command.send_signal(signal.SIGINT)
    said, errors = command.communicate(timeout=20)
    assert command.returncode == 130
    assert not psutil.pid_exists(pid)
    assert re.search(r"stopped +b\.ipynb  cell 2 of 2: import os, time", said)
    assert "3 notebooks: 1 done, 2 not finished" in said
    assert (tmp_path / "out" / "a.html").exists()  # what was done is not lost
    assert "Traceback" not in said + errors


def _wait_for(file: Path) -> int:
    for _ in range(300):
        if file.exists() and file.read_text():
            return int(file.read_text())
        time.sleep(0.1)
    raise AssertionError(f"{file.name} was not written")


def test_the_bar_names_the_section(tmp_path, capsys, monkeypatch):
    path = write(tmp_path, "n.ipynb", new_markdown_cell("## Softmax"), new_code_cell("1"))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    list(execute._with_progress(path, run.read_notebook(path)))
    assert re.search(r"n .* cell 2 of 2, Softmax", capsys.readouterr().err)


# -- finding and reading ---------------------------------------------------------------------------


def test_all_notebooks_by_default_and_short_names(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    second, first = (write(tmp_path / "notebooks", f"0{n}_x.ipynb") for n in (1, 0))
    monkeypatch.setattr(find, "ROOT", tmp_path)
    assert find.find_notebooks([]) == [first, second]
    assert find.find_notebooks(["01_x", "notebooks/01_x.ipynb"]) == [second]
    with pytest.raises(LabError, match="no notebook '01_xx'") as error:
        find.find_notebooks(["01_xx"])
    assert error.value.hint == "Did you mean notebooks/01_x.ipynb?"


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b"{}", b"\xff\xfe", b"", b'{"nbformat": 4, "metadata": {}}']
)
def test_what_is_no_notebook_is_refused_before_anything_runs(tmp_path, text):
    good = write(tmp_path, "good.ipynb", new_code_cell("open('ran', 'w')"))
    (tmp_path / "bad.ipynb").write_bytes(text)
    with pytest.raises(LabError, match=r"bad\.ipynb is not a notebook: \S"):
        run.main(args(good, tmp_path / "bad.ipynb"))
    assert not (tmp_path / "ran").exists()


def test_a_folder_for_pages_needs_pages():
    with pytest.raises(LabError, match="--output"):
        run.main(args(output="out"))


# -- pages -----------------------------------------------------------------------------------------


def test_a_page_says_what_it_is(page):
    assert page.html["lang"] == "en"
    assert page.title.string == "What is a token?"
    assert page.select_one("meta[name=description]")["content"] == "Ten minutes & no key."
    assert page.select_one("meta[name=viewport]")


def test_outputs_read_without_a_kernel(page, site):
    text = page.get_text()
    assert f"1 {site[1].parent} labkit" in text  # LABKIT_STATIC, the folder, the import
    assert "<b>model text</b> & more" in text
    assert page.select_one("pre.stderr").get_text() == "careful\n"
    assert page.select_one("#kept")
    assert page.select_one(".output > .note").get_text() == "Interactive: open the notebook."
    assert page.select_one("details.error summary").get_text().startswith("ZeroDivisionError: ")
    assert "In [" not in text


def test_pictures_are_in_the_page(page):
    pictures = page.find_all("img")
    assert len(pictures) == 3
    assert all(picture["src"] == f"data:image/png;base64,{DOT}" for picture in pictures)
    assert page.find("a", string="[gone]")["href"] == "http://example.org/far.png"


def test_nothing_is_fetched_from_outside(site):
    for file in site[0].glob("*.html"):
        soup = BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")
        assert not soup.find_all(["link", "iframe", "base", "object", "embed"])
        loaded = [tag.extract()["src"] for tag in soup.find_all("script", src=True)]
        assert loaded in ([], ["plotly.min.js"]), "from the page's own folder"
        for tag in soup.find_all(src=True):
            assert tag["src"].startswith("data:")
        assert not soup.find_all(srcset=True)
        assert "default-src 'none'" in str(soup.head)


def test_links_between_pages_lead_somewhere(page, site):
    links = {a.get_text(): a["href"] for a in page.select("main a, nav a")}
    assert links["Next"] == "02_more.html#Two"
    assert links["paper"] == "https://example.org/p"
    assert links["below"] == "#Pictures"
    assert "later" not in links
    assert "later" in page.get_text()
    local = [href.split("#")[0] for href in links.values() if not href.startswith(("http", "#"))]
    assert all((site[0] / href).is_file() for href in local)


@pytest.fixture
def outside(tmp_path):
    """A notebook's folder beside files that no page may take along."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/id_rsa").write_text("PRIVATE KEY")
    (tmp_path / "outside/dot.png").write_bytes(base64.b64decode(DOT))
    folder = tmp_path / "lesson"
    (folder / "pictures").mkdir(parents=True)
    for name in ("dot.png", "pictures/100% a#b.png", "pictures/no ending"):
        (folder / name).write_bytes(base64.b64decode(DOT))
    (folder / "secret.png").write_text("PRIVATE KEY")
    (folder / "vector.svg").write_text('<?xml version="1.0"?>\n<!-- <a> --> <svg></svg>')
    (folder / "text.svg").write_text("<html>PRIVATE KEY<svg></svg></html>")
    try:
        (folder / "link.png").symlink_to(tmp_path / "outside/dot.png")
        (folder / "link").symlink_to(tmp_path / "outside")
    except OSError:  # Windows, without the right to
        pass
    return folder


@pytest.mark.parametrize(
    "address",
    [
        "../outside/id_rsa",
        "../outside/dot.png",
        "%2e%2e/outside/dot.png",
        "/etc/hostname",
        "file:///etc/hostname",
        "FILE:dot.png",
        "link.png",
        "link/dot.png",
        "secret.png",
        "text.svg",
        ".",
        "",
        "missing.png",
        "a%00b.png",
        "http://[broken/dot.png",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("form", ["![x]({})", '<img src="{}">', '<video src="{}"></video>'])
def test_a_page_takes_along_pictures_of_its_folder_alone(outside, address, form):
    cell = new_markdown_cell(form.format(address))
    html = pages.render_page(outside / "a.ipynb", new_notebook(cells=[cell]), set())
    body = html.partition("<main>")[2]
    assert "base64" not in body


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("dot.png", "image/png"),
        ("./pictures/../dot.png?raw=1#top", "image/png"),
        ("pictures/100%25%20a%23b.png", "image/png"),
        ("pictures/no%20ending", "image/png"),
        ("vector.svg", "image/svg+xml"),
    ],
)
def test_pictures_below_the_folder_are_embedded(outside, address, kind):
    cell = new_markdown_cell(f"![x]({address})")
    html = pages.render_page(outside / "a.ipynb", new_notebook(cells=[cell]), set())
    assert f'src="data:{kind};base64,' in html


ODD_NAMES = ["b#sharp", "why?", "100% local", 'a"b<i>', "a&amp;b", "naïve 日本"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_pages_with_odd_names_are_linked(tmp_path):
    cells = [new_markdown_cell("# <script>t</script>")]
    links = [f"[{n}](<{quote(name)}.ipynb>)" for n, name in enumerate(ODD_NAMES)]
    cells.append(new_markdown_cell(" ".join(links)))
    notebooks = [(tmp_path / f"{name}.ipynb", new_notebook(cells=cells)) for name in ODD_NAMES]
    written, _ = pages.write_pages(notebooks, tmp_path / "out")
    for page, pattern in ((written[0], ".pages a"), (written[1], "main p a")):
        found = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select(pattern)
        targets = [unquote(a["href"]) for a in found]
        assert sorted(targets) == sorted(f"{name}.html" for name in ODD_NAMES)
        assert not any(set("#?<") & set(a["href"]) for a in found)


def test_a_title_of_a_page_that_somebody_wrote_is_escaped(tmp_path):
    page = '<meta name="generator" content="labkit run"><title><img src=x> &lt;b&gt;</title>'
    (tmp_path / "a.html").write_text(page)
    pages._write_index(tmp_path)
    index = (tmp_path / "index.html").read_text()
    assert "<img" not in index and "&lt;img src=x&gt; &lt;b&gt;" in index


def test_the_index_lists_pages_of_earlier_runs_too(site, tmp_path):
    index = BeautifulSoup((site[0] / "index.html").read_text(encoding="utf-8"), "html.parser")
    listed = {a["href"]: a.get_text() for a in index.select(".pages a")}
    assert listed == {"01_token.html": "01 · What is a token?", "02_more.html": "02 · More"}
    one, two = (
        (tmp_path / f"{n}.ipynb", new_notebook(cells=[new_markdown_cell(f"# {n}")])) for n in "ab"
    )
    (tmp_path / "other.html").write_text("somebody else's")
    assert [p.name for p in pages.write_pages([one], tmp_path)[0]] == ["a.html"]
    assert [p.name for p in pages.write_pages([two], tmp_path)[0]] == ["index.html", "b.html"]
    assert "other" not in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize("name", ["index.html", "a.html"])
def test_pages_of_others_are_not_replaced(tmp_path, name):
    (tmp_path / name).write_text("my own site")
    notebooks = [(tmp_path / f"{stem}.ipynb", new_notebook()) for stem in "ab"]
    with pytest.raises(LabError, match="is not a page of the lab"):
        pages.write_pages(notebooks, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "my own site"


@pytest.mark.parametrize(
    "data",
    [
        {"image/png": ["AA"]},
        {"image/png": "AAAA", "metadata": {"image/png": {"width": "x"}}},
        {render.PLOTLY: []},
        {render.PLOTLY: {"layout": None}},
        {render.PLOTLY: {"layout": {"height": "x"}}},
        {render.PLOTLY: {"layout": {"height": 1e400}}},
        {render.PLOTLY: {"layout": {"title": {"text": 5}}}},
        {"text/latex": 5},
    ],
    ids=str,
)
def test_an_output_of_another_form_is_a_note(data):
    output = {"output_type": "display_data", "metadata": data.pop("metadata", {}), "data": data}
    cell = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [output]}
    notebook = nbformat.from_dict({"cells": [cell], "metadata": {}})
    html = pages.render_page(Path("a.ipynb"), notebook, set())
    assert "An output that is not of Jupyter's form is left out." in html


def test_a_picture_is_no_markup():
    output = new_output("display_data", {"image/png": '"><b>x</b>'})
    html = render.render_cells(new_notebook(cells=[new_code_cell("1", outputs=[output])]))
    assert "<b>" not in html


def test_an_attachment_without_content_is_a_sentence():
    cell = new_markdown_cell("![x](attachment:a.png)", attachments={"a.png": {}})
    with pytest.raises(LabError, match=r"a\.ipynb cannot be shown"):
        pages.render_page(Path("a.ipynb"), new_notebook(cells=[cell]), set())


def test_a_page_that_cannot_be_leaves_the_others(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run, "execute", lambda path, notebook: NotebookRun(path, notebook, 0.1))
    bad = write(tmp_path, "bad.ipynb", new_markdown_cell("![x](attachment:gone.png)"))
    links = new_markdown_cell("# Good\n\n[Bad](bad.ipynb), [good](good.ipynb)")
    good = write(tmp_path, "good.ipynb", links)
    assert run.main(args(good, bad, to="html", output=tmp_path / "out")) == 1
    shown = capsys.readouterr().out
    assert "2 notebooks: 2 done\n" in shown and shown.count("out/good.html") == 1
    (line,) = re.findall(r"^no page  (.*)$", shown, re.M)
    assert re.match(r"bad\.ipynb cannot be shown: .*gone\.png", line)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.html"]
    page = BeautifulSoup((tmp_path / "out/good.html").read_text(encoding="utf-8"), "html.parser")
    assert [a["href"] for a in page.select("main p a, nav a")] == ["good.html"]
    old = '<meta name="generator" content="labkit run">'  # a page of an earlier run stays, linked
    (tmp_path / "out/bad.html").write_text(old)
    assert run.main(args(good, bad, to="html", output=tmp_path / "out")) == 1
    assert 'href="bad.html"' in (tmp_path / "out/good.html").read_text(encoding="utf-8")
    assert (tmp_path / "out/index.html").exists()


@pytest.mark.parametrize("opened", ["<textarea>", "<script>", "<style>", "<title>", "<div><table>"])
def test_what_a_cell_leaves_open_swallows_no_other(opened):
    html = new_output("display_data", {"text/html": opened})
    cells = [new_markdown_cell(opened), new_code_cell("1", outputs=[html]), new_markdown_cell("Z")]
    page = pages.render_page(Path("a.ipynb"), new_notebook(cells=cells), set())
    sections = BeautifulSoup(page, "html.parser").select("main > section")
    assert len(sections) == 3 and sections[-1].get_text().strip() == "Z"


def test_two_notebooks_of_one_name_are_refused(tmp_path):
    nb = new_notebook()
    with pytest.raises(LabError, match=r"called a\.html"):
        pages.write_pages([(tmp_path / "x/a.ipynb", nb), (tmp_path / "y/a.ipynb", nb)], tmp_path)


@pytest.mark.parametrize(
    ("name", "output", "why"),
    [("a", "a.ipynb", "cannot be written"), ("index", "pages", "list of all pages")],
)
def test_where_no_page_can_be_nothing_runs(tmp_path, monkeypatch, name, output, why):
    monkeypatch.setattr(run, "execute", lambda *_: pytest.fail("it ran"))
    path = tmp_path / f"{name}.ipynb"
    nbformat.write(new_notebook(), path)
    with pytest.raises(LabError, match=why):
        run.main(Namespace(notebooks=[str(path)], to="html", output=str(tmp_path / output)))


def test_a_write_that_fails_leaves_the_old_page(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    page = tmp_path / "a.html"
    page.write_text("old")
    with pytest.raises(LabError, match="cannot be written: No space"):
        pages.write_text(page, "new")
    assert page.read_text() == "old"
    assert list(tmp_path.iterdir()) == [page]


def test_plotly_is_shared_and_loaded_only_where_a_figure_is(site):
    with_figure, without = (
        (site[0] / name).read_text(encoding="utf-8") for name in ("01_token.html", "02_more.html")
    )
    assert with_figure.count('<script src="plotly.min.js">') == 1
    assert "'self'" in with_figure and "'self'" not in without
    assert "plotly.min.js" not in without and len(with_figure) < 3e6
    assert (site[0] / "plotly.min.js").read_text(encoding="utf-8") == get_plotlyjs()


def test_a_file_with_the_name_of_plotlys_script_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "execute", lambda *_: pytest.fail("it ran, for nothing"))
    lesson = write(tmp_path, "a.ipynb", new_code_cell("1"))
    (tmp_path / "plotly.min.js").write_text("mine")
    with pytest.raises(LabError, match="not plotly's script"):
        run.main(args(lesson, to="html", output=tmp_path))
    assert (tmp_path / "plotly.min.js").read_text() == "mine"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({render.WIDGET: {}, "text/html": "<i>static</i>"}, "<i>static</i>"),
        ({render.WIDGET: {}, "text/plain": " 40%|####  | 4/10 [00:00<?]"}, ""),
        ({render.WIDGET: {}, "text/plain": "load:  40%|####  | 4/10 [00:00<?]"}, ""),
        ({render.WIDGET: {}, "text/plain": "compare: 12token [00:03, 4.00token/s]"}, ""),
        ({"text/plain": "a < b"}, "<pre>a &lt; b</pre>"),
        ({"application/javascript": "alert(1)"}, ""),
        ({"text/markdown": "*so*"}, '<div class="prose"><p><em>so</em></p>\n</div>'),
    ],
)
def test_the_richest_static_form_is_shown(data, expected):
    output = new_output("display_data", data)
    shown = f'<div class="output">{expected}</div>' if expected else ""
    assert render._output(output) == shown


@pytest.mark.parametrize(
    ("home", "text", "shown"),
    [
        ("/home/ada", "/home/ada/x.py: a warning", "~/x.py: a warning"),
        ("/home/ada", "file:///home/ada", "file://~"),
        ("/home/ada", "/home/adam/x.py", "/home/adam/x.py"),
        (r"C:\Users\anna", r"C:\Users\anna\x.json", r"~\x.json"),
        (r"C:\Users\anna", "c:/users/anna/x.json", "~/x.json"),
        (r"C:\Users\anna", repr(r"C:\Users\anna\x"), r"&#39;~\\x&#39;"),
        (r"C:\Users\anna", r"C:\Users\annabel\x", r"C:\Users\annabel\x"),
        (r"\\server\home\anna", r"\\server\home\anna\x", r"~\x"),
        ("/root", "/root/x", "/root/x"),
        ("/home/o'neil", "/home/o'neil/x", "~/x"),
        ("/home/a & b", "/home/a & b/x", "~/x"),
        ("/home/Jürgen", "/home/Jürgen/x", "~/x"),
        ("/home/Jürgen M", "file:///home/J%C3%BCrgen%20M/x", "file://~/x"),
        ("/home/o'neil", "/home/o'neilson", "/home/o&#39;neilson"),
    ],
)
def test_a_persons_folders_are_not_published(monkeypatch, home, text, shown):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path.replace("~", home))
    error = new_output("error", ename="E", evalue=text, traceback=[text])
    drawn = new_output("display_data", {render.PLOTLY: {"layout": {"title": {"text": text}}}})
    cells = [
        new_code_cell("1", outputs=[each])
        for each in (new_output("stream", text=text), error, drawn)
    ]
    html = render.render_cells(new_notebook(cells=cells))
    assert f">{shown}<" in html
    if "~" in shown:
        assert not re.search(home.replace("\\", r"[\\/]+") + r"\b", unescape(html), re.I)
        assert all(part in html for part in ("<strong>E", "aria-label")) and "rgen" not in html


def test_formulas_are_drawn_or_stay_tex(page, monkeypatch):
    assert page.find("code", class_="tex", string="x_")
    assert "it costs $5" in page.get_text()
    monkeypatch.setattr(render, "convert", None)
    assert render.tex_to_mathml("a<b", block=True) == '<code class="tex block">a&lt;b</code>'


def test_formulas_as_mathml(page):
    pytest.importorskip("latex2mathml", reason="formulas stay TeX without latex2mathml")
    assert [len(page.find_all("math")), len(page.select("math[display=block] mtr"))] == [2, 2]
    assert render.tex_to_mathml(r"\weird{x}") == r'<code class="tex">\weird{x}</code>'


@pytest.mark.slow
def test_a_browser_draws_the_page_and_asks_for_nothing(site):
    with start_chromium() as browser:
        view = new_page(browser, width=390, height=800)
        warnings = []
        view.on("console", lambda message: warnings.append(message.text))
        view.goto((site[0] / "01_token.html").as_uri())
        view.wait_for_selector(".js-plotly-plot .main-svg", timeout=120_000)
        assert view.locator(".bars .point").count() == 2
        assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")  # on a phone
        assert view.locator(".modebar-btn[data-title*=hare]").count() == 0
        view.click("text=Next")
        assert view.title() == "More"
    names = ("01_token.html", "plotly.min.js", "02_more.html")
    files = [(site[0] / name).as_uri() for name in names]
    assert [url.split("#")[0] for url in view.requests] == files
    assert view.errors == warnings == []
