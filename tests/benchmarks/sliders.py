"""A slider of the bench: from the key to the drawn page, in the page alone.

    python tests/benchmarks/sliders.py [--moves 40] [--free]

In JupyterLab, with the settings of notebook 02, at 49,152 and 262,144 scores: from the key to the
frame after the one in which the numbers changed, in turn with a bare FigureWidget of 50 bars in the
same notebook; then the same while a cell runs. Beside it, the page's own frame time when idle.
With --free the browser draws as often as it can: what a screen of 60 Hz would round up to whole
frames is seen as it is. The ratio to the bare figure wants that; the bounds of a frame do not.
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
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright
from turns import spread

import labkit
from labkit.models.machine import inspect_machine

BENCH = """
import labkit, numpy as np
from labkit.topics.sampling.next_token.prediction import Prediction
rng = np.random.default_rng(1)
scores = (rng.normal(0, 2, SIZE) + 5 * rng.exponential(0.6, SIZE)).astype("float32")
labkit.explore(
    Prediction("made up", "x", (1, 2), scores, 0.1, "w{}".format), temperature=2, top_p=0.9
)
"""
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
FREE = [
    "--disable-frame-rate-limit",
    "--enable-surface-synchronization",
    "--run-all-compositor-stages-before-draw",
    "--disable-new-content-rendering-timeout",
]
# Handle, and the text that changes, of each contender.
CONTENDERS = {
    "49,152 scores": ("input[aria-label=temperature]", "tbody td:nth-child(3)"),
    "262,144 scores": ("input[aria-label=temperature]", "tbody td:nth-child(3)"),
    "a bare FigureWidget": (".noUi-handle", ".js-plotly-plot .gtitle"),
}
RUN_ALL = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  await window.jupyterapp.commands.execute('notebook:run-all-cells');
}"""
BUSY = """seconds => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
  .requestExecute({ code: `import time; time.sleep(${seconds})` }) }"""
# Starts a clock at the key, and stops it at the frame after the one in which the text is another.
WATCH = """([cell, selector]) => {
  const text = () => cell.querySelector(selector)?.textContent;
  window.seen = new Promise(resolve => {
    const before = text();
    window.addEventListener('keydown', event => {
      const observer = new MutationObserver(() => {
        if (text() === before) return;
        observer.disconnect();
        requestAnimationFrame(() => resolve(performance.now() - event.timeStamp));
      });
      observer.observe(cell, {subtree: true, childList: true, characterData: true});
    }, {once: true, capture: true});
  });
}"""
IDLE = """async () => {
  const gaps = [];
  let last = await new Promise(requestAnimationFrame);
  for (let n = 0; n < 120; n++) {
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  return gaps;
}"""


def main():
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--free", action="store_true", help="no limit of 60 frames a second")
    options = parser.parse_args()
    idle, quiet, busy = measure(options.moves, FREE if options.free else [])
    here = inspect_machine()
    print(f"{here.cpu}, {here.cores} cores; load {os.getloadavg()[0]:.1f}")
    print(f"idle frame, ms: {spread(idle, 1)}, p95 {p95(idle):.1f}\n")
    print("| key to drawn page | ms, median (range) | p95 | p95 above an idle frame's | to bare |")
    print("|---|---|---|---|---|")
    bare = quiet["a bare FigureWidget"]
    rows = {**quiet, **{f"{name}, a cell running": each for name, each in busy.items()}}
    for name, each in rows.items():
        ratio = statistics.median(each) / statistics.median(bare)
        above = p95(each) - p95(idle)
        print(f"| {name} | {spread(each, 0)} | {p95(each):.0f} | {above:.0f} | {ratio:.2f} |")


def p95(values):
    """The value that 95 % do not exceed."""
    return sorted(values)[int(0.95 * (len(values) - 1))]


def measure(moves, arguments=()):
    """Idle frames, moves of each contender in turn, and of the benches while a cell runs."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server, address = start_lab(Path(folder))
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--disable-gpu", *arguments],
            )
            page = browser.new_page(viewport={"width": 1280, "height": 2400})
            page.goto(address)
            page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
            page.evaluate(RUN_ALL)
            for number, (_, text) in enumerate(CONTENDERS.values()):
                cell = page.locator(".jp-CodeCell").nth(number)
                cell.locator(text).first.wait_for(timeout=300_000)
            page.wait_for_timeout(2000)
            idle = page.evaluate(IDLE)
            quiet = take_turns(page, CONTENDERS, moves)
            page.evaluate(BUSY, 0.8 * moves * 2 + 2)
            busy = take_turns(page, [name for name in CONTENDERS if "scores" in name], moves // 2)
            browser.close()
        finally:
            server.terminate()
            server.wait(20)
    return idle, quiet, busy


def take_turns(page, names, moves):
    """Milliseconds of each move of each contender, after a round that is thrown away."""
    times = {name: [] for name in names}
    for number in range(moves + 1):
        for name in names:
            times[name].append(press(page, name, number))
    return {name: each[1:] for name, each in times.items()}


def press(page, name, number):
    """Milliseconds from the key to the drawn text: right and left in turn, so no end is met."""
    handle, text = CONTENDERS[name]
    cell = page.locator(".jp-CodeCell").nth(list(CONTENDERS).index(name))
    cell.locator(handle).first.focus()
    page.evaluate(WATCH, [cell.element_handle(), text])
    page.keyboard.press("ArrowRight" if number % 2 else "ArrowLeft")
    taken = page.evaluate("() => window.seen")
    page.wait_for_timeout(600)  # all that this move put off is done
    return taken


def start_lab(folder):
    """JupyterLab on the loopback with all contenders in one notebook, and its address."""
    sources = [BENCH.replace("SIZE", size) for size in ("49_152", "262_144")]
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in (*sources, BARE)]
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
