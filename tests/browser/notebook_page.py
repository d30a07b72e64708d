"""A notebook open in JupyterLab: opened, run whole, and what its cells gave."""

from pathlib import Path

from labkit.classroom.marks.assignment import is_exercise, lesson, source_notebook

from .chromium import new_page

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
LEAST_CONTRAST = 4.5  # WCAG 2.1, 1.4.3
UNDRAWN = """cell => [...cell.querySelectorAll('.jp-RenderedPlotly, .js-plotly-plot')]
  .some(plot => !plot.querySelector('.svg-container')?.clientHeight)"""
DRAWN = ".jp-RenderedPlotly, .jupyter-widgets"
DRAWN_MS = (250, *[200] * 12)  # between two looks at one of them
THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"

LONG_MS = 1_800_000  # a shared machine can be several times slower than itself
SECOND_MS = 1000  # looked at rarely: each look reads all outputs, and the machine has two cores
OPEN = "name => window.jupyterapp.shell.currentWidget?.context?.path.includes(name)"
READY = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}"""
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
# What code gives in the notebook's kernel, or its error; no cell of it is there.
EXECUTE = """async code => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({ code, store_history: false });
  let came = '';
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === 'execute_result') came = content.data['text/plain'];
    if (header.msg_type === 'error') came = `${content.ename}: ${content.evalue}`;
  };
  await future.done;
  return came;
}"""
NAME = "() => window.jupyterapp.shell.currentWidget.context.path"
OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code')
  .flatMap(cell => cell.model.outputs.toJSON())"""

# Other cells in an open notebook, which is never saved: their code, and outputs as if saved.
SET_CELLS = """cells => {
  const { model } = window.jupyterapp.shell.currentWidget.context;
  const cell = ([source, outputs], number) => ({
    cell_type: 'code', id: `cell-${number}`, source, outputs, execution_count: null,
    metadata: { trusted: true },
  });
  model.fromJSON({ ...model.toJSON(), cells: cells.map(cell) });
}"""


def set_cells(page, *cells):
    """Replaces the notebook's cells: each a text, or a pair of a text and outputs."""
    page.evaluate(SET_CELLS, [(cell, []) if isinstance(cell, str) else cell for cell in cells])


def open_notebook(browser, lab, name):
    """A page with that notebook, its kernel ready, in a workspace of its own."""
    page = new_page(browser)
    page.lab = lab
    address = lab.address.replace("/lab/tree/", f"/lab/workspaces/{name}/tree/")
    page.goto(address.replace("00_start", name))
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    page.wait_for_function(OPEN, arg=name, timeout=120_000)
    page.evaluate(READY)
    return page


def run_all(page):
    """Runs every cell, by JupyterLab's own command, and fails with the first error."""
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    ended = page.wait_for_function(RAN, polling=SECOND_MS, timeout=LONG_MS).json_value()
    assert ended == "all", ended
    return page


def stop_kernel(page):
    """Shuts the notebook's kernel down."""
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")


def assert_ran_whole(page, figures):
    """After `run_all`: no network, nothing on stderr, widgets, and at least `figures` figures.

    And the answer key is right: each exercise's check takes its answer, in the same kernel.
    """
    page.lab.assert_offline()
    assert_no_warnings(outputs := page.evaluate(OUTPUTS))
    assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    assert has_output(outputs, "application/vnd.jupyter.widget-view+json")
    assert has_output(outputs, "application/vnd.plotly.v1+json")
    assert page.locator(".js-plotly-plot .main-svg").count() >= figures

    assert_answers_are_right(page)


def assert_answers_are_right(page):
    """Each exercise of the notebook says so of the answer in the key."""
    for cell in filter(is_exercise, source_notebook(lesson(page.evaluate(NAME))).cells):
        said = page.evaluate(EXECUTE, cell.source)
        assert said.startswith("✓ Right."), (cell.metadata.nbgrader.grade_id, said)


def assert_no_warnings(outputs):
    """No cell wrote to stderr."""
    written = [o["text"] for o in outputs if o["output_type"] == "stream" and o["name"] == "stderr"]
    assert not written, written


def has_output(outputs, mime_type):
    """Whether a cell showed something of that type."""
    return any(mime_type in output.get("data", {}) for output in outputs)


def _contrasts(cell):
    """The texts of a cell in view, as soon as its plots are drawn in the theme's colours."""
    for wait_ms in DRAWN_MS if cell.locator(DRAWN).count() else (50,):
        cell.page.wait_for_timeout(wait_ms)
        found = cell.evaluate(CONTRAST, [".jp-OutputArea-output", LEAST_CONTRAST])
        found["undrawn"] = cell.evaluate(UNDRAWN)
        if not found["bad"] and not found["undrawn"]:
            break
    return found


def assert_readable(page, more_than=50):
    """The texts of all outputs stand out from what is behind them, in the light and dark theme."""
    cells = page.locator(".jp-CodeCell")
    try:
        for theme in ("JupyterLab Dark", "JupyterLab Light"):
            page.evaluate(THEME, theme)
            page.wait_for_function(
                "theme => document.body.dataset.jpThemeName === theme", arg=theme
            )
            count, bad = 0, []
            for number in range(cells.count()):
                cell = cells.nth(number)
                cell.scroll_into_view_if_needed()
                found = _contrasts(cell)
                assert not found["undrawn"], f"{theme}: a figure is blank"
                count, bad = count + found["count"], [*bad, *found["bad"]]
            assert count > more_than, "few texts were seen"
            assert not bad, f"{theme}: " + "\n".join(dict.fromkeys(bad))
    finally:
        page.evaluate(THEME, "JupyterLab Light")
