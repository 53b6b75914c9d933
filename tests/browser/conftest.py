"""A browser, a gallery, a server, and a page that must not complain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.browser import MISSING, launch
from tests.browser.gallery import index_gallery, make_gallery, write_captions
from tests.browser.site import Site, running_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

TIMEOUT_MS = 20_000


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, or a skip that says what is missing.

    Closed after this package: while Playwright's synchronous interface is open, no other test
    could run an event loop in this thread.
    """
    reason = "Playwright is not installed: pip install playwright"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    with playwright.sync_playwright() as driver:
        chromium = launch(driver)
        if chromium is None:
            pytest.skip(MISSING)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """125 pictures, not to be changed."""
    return make_gallery(tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="package")
def indexed_home(gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose index holds the gallery and its captions."""
    home = tmp_path_factory.mktemp("home")
    index_gallery(home, [gallery], [write_captions(home / "captions.csv", gallery)])
    return home


@pytest.fixture(scope="package")
def site(indexed_home: Path, gallery: Path) -> Iterator[Site]:
    """A server over the gallery."""
    with running_site(indexed_home, gallery) as site:
        yield site


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile at the size of a laptop; motion is reduced, so nothing is awaited."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(TIMEOUT_MS)
    yield context
    context.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the page's console said that a test has not expected; must be empty at the end."""
    return []


@pytest.fixture
def page(context: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    """An empty tab. Script errors and refused resources (CSP) fail the test.

    A server that is gone is no complaint: some tests stop theirs while the page is open.
    """
    page = context.new_page()

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "ERR_CONNECTION" not in message.text:
            complaints.append(f"{message.text} {message.location['url']}")

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.close()
    assert complaints == []
