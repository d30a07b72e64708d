"""JupyterLab as a learner opens it, in a real Chromium, with every request counted."""

import pytest

from .chromium import CHROMIUM, start_chromium
from .lab_server import LabServer
from .notebook_page import open_notebook, run_all, stop_kernel


@pytest.fixture(scope="session")
def lab(notebook_files, tmp_path_factory):
    """A lab that all notebooks are opened in."""
    if not CHROMIUM:
        pytest.skip("no Chromium here: apt-get install chromium (Debian), or install Chrome")
    server = LabServer(tmp_path_factory.mktemp("jupyter"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser():
    """A Chromium for pages without a server."""
    with start_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(lab, request):
    """The module's ``NOTEBOOK``, kernel ready.

    The browser is the module's: Playwright keeps an event loop running while one is open, which
    other tests of this process must not meet.
    """
    with start_chromium(lab.chromium) as browser:
        page = open_notebook(browser, lab, request.module.NOTEBOOK)
        yield page
        stop_kernel(page)


@pytest.fixture(scope="module")
def ran(page):
    """The notebook after Run All."""
    return run_all(page)
