"""A headless Chromium for tests of pages; they are skipped with the reason where there is none."""

import importlib.util
import shutil
import time
from contextlib import contextmanager

import pytest

from tests._data import ROOT


@contextmanager
def launch():
    """A browser process."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on the PATH")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """A page whose errors and requests are noted."""

    def __init__(self, context, url):
        self.page = context.new_page()
        self.errors, self.requests = [], []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(url)

    def _note(self, message):
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def wait(self, expression):
        """Wait until an expression holds; playwright's own wait needs a laxer policy."""
        deadline = time.monotonic() + 60
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, expression
            self.page.wait_for_timeout(50)

    def text(self, selector):
        return self.page.locator(selector).inner_text()


def violations(page):
    """What axe-core and the layout find on a page, as lines of text."""
    spec = importlib.util.spec_from_file_location("pages", ROOT / "tools" / "check_pages.py")
    tools = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tools)
    page.evaluate(tools.AXE.read_text("utf-8"))
    # what is in a figure are shapes, which take most of the time
    page.evaluate("document.querySelectorAll('figure svg').forEach(one => one.replaceChildren())")
    found = page.evaluate(tools.RUN_AXE, None)
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return found + ([f"{wide} pixels too wide"] if wide > 0 else [])
