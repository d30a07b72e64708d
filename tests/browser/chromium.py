"""The Chromium that is installed here, and how tests start it."""

import contextlib
import re
import shutil

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ON_THIS_MACHINE = re.compile(r"(http|ws)s?://(127\.0\.0\.1|localhost)[:/]|data:|blob:|about:")


@contextlib.contextmanager
def start_chromium(executable=CHROMIUM, *, scrollbars=False):
    """A browser without windows, by Playwright; skips where there is no Chromium.

    Its scrollbars take no room, as on a phone or a Mac; with ``scrollbars``, they do.
    """
    if not CHROMIUM:
        pytest.skip("no Chromium here: apt-get install chromium (Debian), or install Chrome")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        without = ["--hide-scrollbars"] if scrollbars else []
        browser = playwright.chromium.launch(
            executable_path=executable, args=FLAGS, ignore_default_args=without
        )
        yield browser
        browser.close()


def new_page(browser, width=1280, height=1000):
    """A page that lists its ``requests``, those ``outside`` this machine, and its ``errors``."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.requests, page.outside, page.errors = [], [], []
    page.on("request", lambda request: _note(page, request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
    return page


def _note(page, url):
    page.requests.append(url)
    if not ON_THIS_MACHINE.match(url):
        page.outside.append(url)
