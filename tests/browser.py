"""A real browser for the tests of pages: the machine's Chromium, driven by Playwright, which brings none of its own."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

__all__ = ["CHROMIUM", "OpenPage", "assert_contrast", "assert_named", "browser", "open_page"]

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

_PATIENCE = 60_000  # milliseconds; for what should come at once


# For a module and not for the session: while Playwright runs, no other event loop of asyncio can run in its thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium without windows; each page has a context, and so cookies and a cache, of its own."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium (on Debian: apt-get install chromium)")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        # Root has no sandbox, and what is looked at is our own; a container's /dev/shm may be small.
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, chromium_sandbox=False, args=["--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()
    for thread in threading.enumerate():
        if "waitpid" in thread.name:  # asyncio's, which waits for the driver's end: other tests count threads
            thread.join()


class OpenPage:
    """Opens pages, each in a context of its own, and notes what goes wrong in them."""

    def __init__(self, browser: Browser) -> None:
        self.problems: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def __call__(
        self,
        url: str,
        *,
        width: int = 1400,
        height: int = 900,
        dark: bool = False,
        may_fail: bool = False,
        foreign: str | None = None,
    ) -> Page:
        """Open a page; with ``may_fail`` requests and the console may tell of failures. ``foreign`` may be asked."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        self._contexts.append(context)
        context.set_default_timeout(_PATIENCE)
        page = context.new_page()
        address = urlsplit(url)
        allowed = (f"{address.scheme}://{address.netloc}/", "data:", *([] if foreign is None else [f"{foreign}/"]))
        problems = self.problems

        def asked(request: Request) -> None:
            if not request.url.startswith(allowed):
                problems.append(f"a request to another origin: {request.url}")

        def said(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and not may_fail:
                problems.append(f"the console says: {message.text}")

        def lost(request: Request) -> None:
            if not may_fail:
                problems.append(f"{request.method} {request.url} failed: {request.failure}")

        page.on("request", asked)
        page.on("console", said)
        page.on("requestfailed", lost)
        page.on("pageerror", lambda error: problems.append(f"an error in the page: {error}"))
        page.goto(url)
        return page

    def close(self) -> None:
        """Close them all."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """What opens pages; at the end, none of them may have had an error, a lost request, or one to another origin."""
    opener = OpenPage(browser)
    yield opener
    problems = list(opener.problems)  # closing cuts what is still asked
    opener.close()
    assert not problems


def assert_named(page: Page) -> None:
    """Assert that all that can be used or gone to has a name for those who do not see it."""
    nameless = re.findall(
        r"- (?:button|textbox|searchbox|combobox|spinbutton|checkbox|table|dialog|region|link)(?! \")",
        page.locator("body").aria_snapshot(),
    )
    assert not nameless


_CONTRASTS = """
() => {
  const parts = color => color.match(/[0-9.]+/g).map(Number);
  const light = ([red, green, blue]) => {
    const linear = [red, green, blue].map(part => part / 255).map(
      part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = element => {
    for (; element; element = element.parentElement) {
      const color = parts(getComputedStyle(element).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!own || element.disabled || !element.checkVisibility()) continue;
    const [one, other] = [light(parts(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) found.push(`${element.tagName} ${element.className} ${element.textContent}: ${contrast}`);
  }
  return found;
}
"""


def assert_contrast(page: Page) -> None:
    """Assert that every text that is seen differs enough from what is behind it: WCAG 2.2, 1.4.3."""
    assert page.evaluate(_CONTRASTS) == []
