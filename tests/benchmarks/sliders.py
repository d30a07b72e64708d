"""A slider of the chain's panel: what the kernel takes, and what the learner sees.

    python tests/benchmarks/sliders.py [--moves 40]

Kernel side: from the slider's new value to the figure's new data, all seven stages on, over the
whole vocabulary. In the browser, with notebook 02's settings: from the key pressed on the slider to
the new title drawn, in turn with a bare FigureWidget of 50 bars in the same notebook.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright
from turns import spread

import labkit

PREDICTED = """
import labkit
prediction = labkit.predict(labkit.load("smollm2-135m"), "The capital of France is", raw=True)
panel = labkit.explore(prediction, SETTINGS)
panel
"""
ALL = (
    "temperature=1.5, top_k=5000, top_p=0.95, min_p=0.001, typical_p=0.95, repetition_penalty=1.1, "
    "presence_penalty=0.3"
)
NOTEBOOKS = "temperature=2, top_p=0.9"
BARE = """
import ipywidgets, plotly.graph_objects as go, random
bare = go.FigureWidget(go.Bar(y=[1] * 50), layout={"title": {"text": "start"}})
slider = ipywidgets.FloatSlider(1.5, min=0, max=3, step=0.05)
def move(change):
    with bare.batch_update():
        bare.data[0].y = [random.random() for _ in range(50)]
        bare.layout.title.text = f"at {change.new:.2f}"
slider.observe(move, "value")
ipywidgets.VBox([slider, bare])
"""
RUN_ALL = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  await window.jupyterapp.commands.execute('notebook:run-all-cells');
}"""
# Starts a clock at the key, and stops it in the frame in which the title is another.
WATCH = """cell => {
  const title = () => cell.querySelector('.js-plotly-plot .gtitle')?.textContent;
  window.seen = new Promise(resolve => {
    const before = title();
    window.addEventListener('keydown', event => {
      const look = () => title() !== before ? resolve(performance.now() - event.timeStamp)
                                            : requestAnimationFrame(look);
      look();
    }, {once: true, capture: true});
  });
}"""


def main():
    """Measures both sides and prints them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=40)
    moves = parser.parse_args().moves
    kernel = sorted(kernel_ms(100))
    print(f"kernel side, ms: {spread(kernel, 1)}, p95 {kernel[94]:.1f}")
    panel, bare = browser_ms(moves)
    ratios = [one / other for one, other in zip(panel, bare, strict=True)]
    print(f"key to new title, ms: the panel {spread(panel, 0)}, a bare figure {spread(bare, 0)}")
    print(
        f"ratio of the medians {statistics.median(panel) / statistics.median(bare):.2f}, ", end=""
    )
    print(f"paired {spread(ratios, 2)}")


def kernel_ms(moves):
    """Milliseconds of each move, after one that is thrown away."""
    scope = {}
    exec(PREDICTED.replace("\npanel\n", "").replace("SETTINGS", ALL), scope)
    times = []
    for number in range(moves + 1):
        began = time.perf_counter()
        scope["panel"].controls["temperature"].value = 0.5 + number / 50
        times.append(1000 * (time.perf_counter() - began))
    return times[1:]


def browser_ms(moves):
    """Milliseconds of each move of the panel's slider and of the bare one, in turn."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server, address = start_lab(Path(folder))
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 2400})
            page.goto(address)
            page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
            page.evaluate(RUN_ALL)
            cells = [page.locator(".jp-CodeCell").nth(place) for place in (0, 1)]
            handles = [cells[0].locator(".noUi-handle").nth(2), cells[1].locator(".noUi-handle")]
            for cell in cells:
                cell.locator(".js-plotly-plot .gtitle").first.wait_for(timeout=120_000)
            times = [
                [press(page, *pair, n) for pair in zip(cells, handles, strict=True)]
                for n in range(moves + 1)
            ]
            browser.close()
        finally:
            server.terminate()
            server.wait(20)
    return [list(each) for each in zip(*times[1:], strict=True)]


def press(page, cell, handle, number):
    """Milliseconds from the key to the new title: right and left in turn, so no end is met."""
    handle.focus()
    page.evaluate(WATCH, cell.element_handle())
    page.keyboard.press("ArrowRight" if number % 2 else "ArrowLeft")
    taken = page.evaluate("() => window.seen")
    page.wait_for_timeout(500)  # all that this move put off is done
    return taken


def start_lab(folder):
    """JupyterLab on the loopback with the two figures in one notebook, and its address."""
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in (PREDICTED, BARE)]
    cells[0].source = cells[0].source.replace("SETTINGS", NOTEBOOKS)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "two.ipynb")
    config = {
        "LabApp": {"expose_app_in_browser": True, "news_url": None},
        "ServerApp": {"root_dir": str(folder), "open_browser": False},
    }
    (folder / "jupyter_lab_config.json").write_text(json.dumps(config))
    paths = os.pathsep.join(
        [str(Path(labkit.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    )
    env = os.environ | {"JUPYTER_CONFIG_DIR": str(folder), "PYTHONPATH": paths}
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", "--ip=127.0.0.1", "--port=0"]
    server = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        if found := re.search(r"(http://127\.0\.0\.1:\d+/lab)(\?token=\w+)", line):
            return server, f"{found[1]}/tree/two.ipynb{found[2]}"
    raise RuntimeError("the lab said no address")


if __name__ == "__main__":
    main()
