"""`labkit docs`: the pages made of docstrings, whole and offline."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

import labkit
from labkit import cli
from labkit.commands import docs
from labkit.install.checkout import ROOT

pytestmark = pytest.mark.slow
LOADING = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The folder of pages, written by the command in a process of its own."""
    folder = tmp_path_factory.mktemp("api")
    command = [sys.executable, "-m", "labkit", "docs", "--to", folder]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    assert str(folder / "labkit.html") in ran.stdout
    assert not ran.stderr, "pdoc warns of what it cannot read"
    return folder


def anchors(page):
    return set(re.findall(r'id="([\w.]+)"', page.read_text(encoding="utf-8")))


def test_every_public_name_is_on_a_page(pages):
    flat = set(labkit.__all__)
    topics = {name for name in flat if (ROOT / "labkit" / "topics" / name).is_dir()}
    assert flat - topics <= anchors(pages / "labkit.html")
    front = (pages / "labkit.html").read_text(encoding="utf-8")
    for name in topics:
        assert f'href="labkit/topics/{name}.html"' in front
        page = pages / "labkit" / "topics" / f"{name}.html"
        assert set(getattr(labkit, name).__all__) <= anchors(page)


def test_what_verbs_return_is_described_too(pages):
    backends = pages / "labkit" / "backends"
    assert {"Reply", "Reply.text", "Stream"} <= anchors(backends / "reply.html")
    assert {"Step", "Step.logprob"} <= anchors(backends / "steps.html"), "a reply consists of them"
    assert 'reply.html#Reply"' in (pages / "labkit.html").read_text(encoding="utf-8")


class Loads(HTMLParser):
    """Addresses from which a page loads something."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        address = dict(attrs).get(LOADING.get(tag))
        self.addresses += [address] if address else []


def test_the_pages_load_nothing_from_outside(pages):
    files = list(pages.rglob("*.html"))
    assert len(files) > 20
    for file in files:
        text = file.read_text(encoding="utf-8")
        parser = Loads()
        parser.feed(text)
        styles = re.findall(r"url\(['\"]?([^)'\"]+)", text) + re.findall(r"@import\s+(\S+)", text)
        for address in parser.addresses + styles:
            assert address.startswith("data:") or "//" not in address, (file, address)
        for script in re.findall(r"<script[^>]*>(.*?)</script>", text, re.S):
            assert "//" not in re.sub(r"^\s*//.*", "", script, flags=re.M), file


def test_links_between_the_pages_lead_somewhere(pages):
    for file in pages.rglob("*.html"):
        for target in re.findall(r'href="([^"#:]+\.html)', file.read_text(encoding="utf-8")):
            assert (file.parent / target).exists(), (file, target)


@pytest.mark.parametrize("name", ["index.html", "labkit.html", "search.js"])
def test_files_of_others_are_not_replaced(tmp_path, capsys, name):
    (tmp_path / name).write_text("my own site")
    assert cli.main(["docs", "--to", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"{name} is not one of these pages, and is not replaced" in said and "--to" in said
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "my own site"


def test_its_own_pages_are_made_anew(pages):
    docs._require_ours(pages)


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path, capsys):
    (tmp_path / "api").write_text("")
    assert cli.main(["docs", "--to", str(tmp_path / "api")]) == 1
    said = capsys.readouterr().err
    assert "cannot be written to" in said and "→ Name another folder: --to FOLDER." in said
