"""A key in a learner's notebook: used in every way there is, and found in nothing that is left."""

from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient

from labkit.commands.pages import write_pages

from .secure import chat_end, claude_end, claude_start, claude_text, text

ROOT = Path(__file__).resolve().parents[2]
CELLS = """
import logging, os
import labkit as lab
logging.basicConfig(level=logging.DEBUG)
---
field = lab.enter_key("mistral")
field.children[0].set_state({"value": os.environ["TYPED"]})  # as a browser has it
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
print(watch, reply, reply.wire)
lab.plot(watch)
---
side = lab.compare("Hi", [cloud, claude])
lab.show_columns(side)
---
lab.plot(side)
---
table = lab.run_batch(["Hi", "Ho"], [cloud, claude], file="answers.jsonl")
[lab.save_batch(table, f"answers.{kind}") for kind in ("json", "csv", "html")]
---
ballot = lab.vote(table, file="votes.json")
ballot.choose("A")
ballot
---
lab.replay(lab.record(cloud, "Hi", folder="."))
---
panel = lab.compare_live("Hi", [cloud])
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
    notebook = run(kernel_home, planted)
    told = nbformat.writes(notebook)
    nbformat.write(notebook, kernel_home / "ran.ipynb")
    write_pages([(kernel_home / "ran.ipynb", notebook)], kernel_home)
    for word in ("is kept until", "Mistral: key found", "Bearer •••", "•••", "wants a key"):
        assert word in told
    assert len(openai.requests) == 7 and len(anthropic.requests) == 3
    assert all(planted.key in each.headers["authorization"] for each in openai.requests)
    written = {file.suffix for file in kernel_home.iterdir()}
    assert {".jsonl", ".json", ".csv", ".html", ".ipynb"} <= written


def run(folder, planted):
    """The notebook after its cells, its widgets' state included."""
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS.split("---")]
    cells[-1].metadata.tags = ["raises-exception"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    with client.setup_kernel():
        for number, cell in enumerate(cells):
            client.execute_cell(cell, number)
        for child in psutil.Process().children(recursive=True):
            planted.saw(child.cmdline())
        client.set_widgets_metadata()
    assert notebook.metadata.widgets
    return notebook
