"""A key in a learner's notebook: used in every way there is, and found in nothing that is left."""

from contextlib import suppress
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient

import labkit
from labkit.backends.cloud.providers import PROVIDERS
from labkit.commands.notebooks.pages import write_pages

from ..tls_server import chat_end, claude_end, claude_start, claude_text, text

ROOT = Path(__file__).resolve().parents[3]
CELLS = """
import logging, os
import labkit as lab
logging.basicConfig(level=logging.DEBUG)
---
field = lab.comparison.api_key_panel("mistral")
field.field.set_state({"value": os.environ["TYPED"]})  # as a browser has it
field
---
lab.clouds(), lab.cloud("mistral")
---
cloud = lab.cloud("openai", address=os.environ["OPENAI_AT"], budget=lab.Budget(1))
claude = lab.cloud("anthropic", address=os.environ["ANTHROPIC_AT"])
cloud, claude, vars(cloud), vars(claude), cloud.estimate("Hi")
---
request = lab.payload(cloud, "Hi")
print(request)
lab.plot(request)
---
with lab.watch_network() as watch:
    reply = lab.generate(cloud, "Hi")
print(watch, reply, reply.http)
lab.plot(watch)
---
side = lab.compare("Hi", [cloud, claude])
lab.plot(side, kind="answers")
---
lab.plot(side)
---
table = lab.comparison.run_batch(["Hi", "Ho"], [cloud, claude], file="answers.jsonl")
[lab.save(table, f"answers.{kind}") for kind in ("json", "csv", "html")]
---
ballot = lab.comparison.vote_panel(table, file="votes.json")
ballot.choose("A")
ballot
---
lab.replay(lab.record(cloud, "Hi", folder="."))
---
panel = lab.comparison.compare_panel("Hi", [cloud])
panel.start().wait()
panel
---
lab.generate(cloud, "Hi")
"""


@pytest.fixture
def kernel_home(tmp_path, monkeypatch):
    """What a kernel leaves is left where the key is searched for."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


@pytest.mark.slow
def test_a_notebook_that_does_everything_with_a_key_holds_none(
    provider, planted, kernel_home, monkeypatch
):
    """Outputs, widgets, tracebacks, files, recordings, pages, command lines: `planted` looks."""
    openai, anthropic = provider("openai"), provider("anthropic")
    monkeypatch.setenv("TYPED", planted.key)
    monkeypatch.setenv("OPENAI_AT", openai.address)
    monkeypatch.setenv("ANTHROPIC_AT", anthropic.address)
    for _ in range(6):
        openai.answer(text("Rayleigh."), chat_end(2, 1))
    openai.refuse("401 Unauthorized", {"error": {"message": f"Not a key: {planted.key}"}})
    for _ in range(3):
        anthropic.answer(claude_start(2), claude_text("It scatters."), claude_end(1))
    notebook = a_notebook(CELLS.split("---"))
    notebook.cells[-1].metadata.tags = ["raises-exception"]
    run(notebook, kernel_home, planted)
    told = nbformat.writes(notebook)
    nbformat.write(notebook, kernel_home / "ran.ipynb")
    write_pages([(kernel_home / "ran.ipynb", notebook)], kernel_home)
    for word in ("is kept until", "Mistral: key found", "Bearer •••", "•••", "wants a key"):
        assert word in told
    assert len(openai.requests) == 7 and len(anthropic.requests) == 3
    assert all(planted.key in each.headers["authorization"] for each in openai.requests)
    written = {file.suffix for file in kernel_home.iterdir()}
    assert {".jsonl", ".json", ".csv", ".html", ".ipynb"} <= written


@pytest.mark.slow
def test_the_lesson_with_a_key_asks_the_provider_and_holds_none(
    provider, planted, proxy, kernel_home, monkeypatch
):
    """Notebook 04 as with a key of Anthropic's, whose own address a proxy leads to our server."""
    for name in (name for known in PROVIDERS.values() for name in known.key_names):
        monkeypatch.delenv(name, raising=False)
    server = provider("anthropic", host="api.anthropic.com")
    proxy(server.port)
    for number in range(20):
        server.answer(
            claude_start(9), claude_text(f"Answer {number}"), claude_text("."), claude_end(5)
        )
    notebook = nbformat.read(ROOT / "notebooks" / "04_compare.ipynb", as_version=4)
    run(notebook, kernel_home, planted)
    nbformat.write(notebook, kernel_home / "ran.ipynb")
    told = nbformat.writes(notebook)
    assert "claude-haiku-5-5 (Anthropic)" in told and "Answer 0." in told
    assert "must be left at" not in told, "it is asked for what it does not take"
    assert len(server.requests) == 7, "one in the columns, six to be voted on"


def a_notebook(cells):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c.strip()) for c in cells])


def run(notebook, folder, planted):
    """Executes a notebook and keeps its widgets' state, as JupyterLab can."""
    place = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=600, resources=place)
    with client.setup_kernel():
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # another test's, which has ended
                planted.saw(child.cmdline())
        client.set_widgets_metadata()
    assert notebook.metadata.widgets


def test_a_variable_that_holds_no_key_is_named(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1234…")
    assert not next(each for each in labkit.clouds() if each.provider == "openai").key_found
    with pytest.raises(labkit.LabError, match="What OPENAI_API_KEY holds is not one word"):
        labkit.cloud("openai")
