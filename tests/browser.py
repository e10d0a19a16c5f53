"""A real headless Chromium with its network off, for pages that must work from a folder on disk.

A test asks for the fixture ``visit``, which ``conftest`` knows, and gets a function:

    def test_the_page_says_hello(visit, tmp_path):
        page = visit(tmp_path / "page.html", width=390, height=844, dark=True)
        assert page.title() == "Hello"

``page`` is Playwright's; after the test every page must have loaded nothing from outside and logged no error.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name resolves, so that a request which slips past the page's own offline switch fails too.
    "--host-resolver-rules=MAP * ~NOTFOUND",
]
LOCAL = {"file", "data", "blob", "about"}


class Browsing:
    """Pages of one test, and what they asked for and complained about.

    Attributes:
        requests: Address of everything that a page asked for.
        errors: Errors on the console and exceptions that nothing caught.
    """

    def __init__(self, browser) -> None:
        self._browser, self._contexts = browser, []
        self.requests: list[str] = []
        self.errors: list[str] = []

    def __call__(self, path: Path, *, width: int = 1366, height: int = 768, dark: bool = False, touch: bool = False, fragment: str = ""):  # fmt: skip
        """Open a file in a window of its own and return Playwright's page of it.

        Args:
            path: The file.
            width: Of the window in CSS pixels.
            height: Of the window in CSS pixels.
            dark: Whether the system prefers dark colours.
            touch: Whether the screen is a phone's: touched, and with two pixels to a CSS pixel.
            fragment: What follows ``#`` in the address.
        """
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            has_touch=touch,
            device_scale_factor=2 if touch else 1,
            # Pages stand still, so that no test waits for a movement to end.
            reduced_motion="reduce",
            offline=True,
        )
        self._contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.goto(path.resolve().as_uri() + (f"#{fragment}" if fragment else ""))
        return page

    def outside(self) -> list[str]:
        """Return the requests that would have left the machine."""
        return [url for url in self.requests if urlsplit(url).scheme not in LOCAL]

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def obstacles(page) -> list[str]:
    """Return what axe finds on a page that stands in the way of screen readers, keyboards, or weak eyes."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{each['help']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


# One browser a module: while Playwright runs, no other test in the process can start an event loop.
@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """Start Chromium, with an empty profile in a folder of its own."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("no Chromium on this machine: install it (apt-get install chromium) or name it in CHROMIUM")
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            # Playwright adds --headless and a new --user-data-dir, and removes that folder in the end.
            browser = playwright.chromium.launch(executable_path=executable, headless=True, args=ARGUMENTS)
        except Error as error:
            pytest.skip(f"Chromium does not start here: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium) -> Iterator[Callable]:
    """Give a `Browsing`; in the end, check that no page asked for anything outside or logged an error."""
    browsing = Browsing(chromium)
    yield browsing
    browsing.close()
    assert browsing.outside() == []
    assert browsing.errors == []


def wait_for(page, expression: str, arg: object = None) -> None:
    """Wait until an expression holds in a page; asked anew, since our pages forbid the `eval` of Playwright's own waiting."""
    for _ in range(200):
        if page.evaluate(expression, arg):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)
