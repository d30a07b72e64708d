"""JupyterLab as a learner opens it, in a real Chromium, with every request counted."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / ".screenshots"  # git ignores it; look at them
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
LONG_MS = 900_000  # a shared machine can be several times slower than itself
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def lab(smollm2, tmp_path_factory):
    """The address of a lab that was started by its own command; its checkout is this one."""
    if not CHROMIUM:
        pytest.skip("no Chromium here: apt-get install chromium (Debian), or install Chrome")
    config = tmp_path_factory.mktemp("jupyter")
    (config / "jupyter_lab_config.json").write_text(
        json.dumps({"LabApp": {"expose_app_in_browser": True}})
    )
    saving = config / "settings" / "@jupyterlab" / "docmanager-extension"
    saving.mkdir(parents=True)  # the checkout's notebooks stay as they are
    (saving / "plugin.jupyterlab-settings").write_text('{"autosave": false}')
    env = os.environ | {
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTERLAB_SETTINGS_DIR": str(config / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(config / "workspaces"),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "labkit", "lab", "--no-browser"]
    server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    try:
        for line in server.stdout:
            if found := re.search(r"http://\S+", line):
                yield found.group()
                break
        else:
            pytest.fail("the lab said no address")
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def page(lab, request):
    """The module's ``NOTEBOOK``, kernel ready. ``page.outside``: requests off the machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.outside, page.errors = [], []
        page.on("request", lambda r: _note_outside(page, r.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda m: m.type == "error" and page.errors.append(m.text))
        name = request.module.NOTEBOOK  # in a workspace of its own, or others open beside it
        place = f"/lab/workspaces/{name}/tree/"
        page.goto(lab.replace("/lab/tree/", place).replace("00_start", name))
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
        page.wait_for_function(
            "name => window.jupyterapp.shell.currentWidget?.context?.path.includes(name)",
            arg=name,
            timeout=120_000,
        )
        page.evaluate(
            """async () => {
              const panel = window.jupyterapp.shell.currentWidget;
              await panel.context.ready;
              await panel.sessionContext.ready;
              await panel.sessionContext.session.kernel.info;
            }"""
        )
        yield page
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        browser.close()


# Whether every cell has run; or else the first error, or that the kernel is gone.
RAN = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const code = panel.content.widgets.filter(cell => cell.model.type === 'code');
  for (const [number, cell] of code.entries())
    for (const output of cell.model.outputs.toJSON())
      if (output.output_type === 'error')
        return [`code cell ${number}`, ...output.traceback].join('\\n');
  if (/dead|restarting/.test(panel.sessionContext.kernelDisplayStatus)) return 'no kernel';
  const ended = cell => cell.model.executionState === 'idle' && cell.model.executionCount !== null;
  return code.every(ended) && 'all';
}"""


@pytest.fixture(scope="module")
def ran(page):
    """The notebook after Run All."""
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    told = page.wait_for_function(RAN, timeout=LONG_MS).json_value()
    assert told == "all", told
    return page


def _note_outside(page, url):
    if not re.match(r"(http|ws)s?://(127\.0\.0\.1|localhost)[:/]|data:|blob:|about:", url):
        page.outside.append(url)


@pytest.fixture
def shot(page):
    """``shot(name)`` leaves a screenshot for people to look at."""
    SHOTS.mkdir(exist_ok=True)
    return lambda name: page.screenshot(path=SHOTS / f"{name}.png")


def shoot_cells(page):
    """A screenshot of each code cell and what it shows, for people to look at."""
    SHOTS.mkdir(exist_ok=True)
    notebook = page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
    cells = page.locator(".jp-CodeCell")
    for number in range(cells.count()):
        cells.nth(number).scroll_into_view_if_needed()
        page.wait_for_timeout(500)  # until plots that came into view are drawn
        cells.nth(number).screenshot(path=SHOTS / f"{Path(notebook).name[:2]}_cell_{number:02}.png")
