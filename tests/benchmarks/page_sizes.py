"""How many bytes a page of `run --to html` has, and how many until its first slider moves.

    python -m labkit run --to html --output PAGES
    python -m tests.benchmarks.page_sizes PAGES

Each page is opened in Chromium from a server on the loopback, which counts what it has sent when a
slider was moved by a key and the page has answered. Plotly's script is held back where a slider
works without it.
"""

import argparse
import contextlib
import functools
import gzip
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import TimeoutError as NotYet

from labkit.commands.notebooks.pages import PLOTLY_FILE
from tests.browser.chromium import new_page, start_chromium

SLIDER, HELD_MS = "main input[type=range]", 10_000
ANSWERS = """() => [...document.querySelectorAll('[role=status], .lk-bench thead')]
  .map(each => each.textContent).join()"""


class CountingHandler(SimpleHTTPRequestHandler):
    """Sends files and adds up their bytes; plotly's script only once it is let go."""

    sent, free = 0, threading.Event()

    def copyfile(self, source, outputfile):
        """Sends a file's content."""
        if self.path.endswith(PLOTLY_FILE):
            self.free.wait()
        with contextlib.suppress(ConnectionError):  # of a page that was closed
            outputfile.write(content := source.read())
            CountingHandler.sent += len(content)

    def log_message(self, *args):
        """Says nothing."""


def bytes_to_slider(browser, address):
    """Bytes sent when the page's first slider moved; None where it has none."""
    CountingHandler.sent = 0
    CountingHandler.free.clear()
    page = new_page(browser)
    page.goto(address, wait_until="commit")
    slider = page.locator(SLIDER).first
    try:
        slider.wait_for(timeout=HELD_MS)
    except NotYet:
        CountingHandler.free.set()
        page.wait_for_load_state("load")
        if not page.locator(SLIDER).count():
            return None
    before = page.evaluate(ANSWERS)
    is_last = slider.input_value() == slider.get_attribute("max")
    slider.press("ArrowLeft" if is_last else "ArrowRight")
    page.wait_for_function(f"before => ({ANSWERS})() !== before", arg=before)
    CountingHandler.free.set()
    sent = CountingHandler.sent
    page.close()
    return sent


def main():
    """Prints a row for each page of a folder, in kB."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    serve = functools.partial(CountingHandler, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("file, kB, in gzip, sent until the first slider moved")
    with start_chromium() as browser:
        for file in sorted([*folder.glob("*.html"), folder / PLOTLY_FILE]):
            content = file.read_bytes()
            sent = None
            if file.suffix == ".html":
                sent = bytes_to_slider(
                    browser, f"http://127.0.0.1:{server.server_port}/{file.name}"
                )
            kilobytes = [len(content), len(gzip.compress(content))] + ([sent] if sent else [])
            print(file.name, *(f"{each / 1000:,.0f}" for each in kilobytes), sep="\t")


if __name__ == "__main__":
    main()
