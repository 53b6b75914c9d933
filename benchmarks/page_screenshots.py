"""What does the page look like? Writes the README's three pictures of it into `docs/`.

Run it after a change of the page; only scikit-image's photographs are shown.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.page import chromium, demo_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DOCS = Path(__file__).resolve().parents[1] / "docs"
QUALITY = 82
SETTLED_MS = 1500
LOADED = """() => [...document.querySelectorAll("#grid img[loading=eager]")]
    .every((one) => one.complete && one.naturalWidth)"""
FILES = ("page-search.jpg", "page-lightbox.jpg", "page-phone.jpg")


def search(page: Page, url: str) -> None:
    """Words, and more of something."""
    page.goto(f"{url}/?q=a+motorcycle&plus=red%3A0.40")
    page.wait_for_timeout(SETTLED_MS)
    page.locator("#grid li").first.hover()


def lightbox(page: Page, url: str) -> None:
    """One picture with its captions."""
    page.goto(f"{url}/?q=a+cup+of+coffee")
    page.locator("#grid a").first.click()
    page.locator("#light-captions li").first.wait_for()


def phone(page: Page, url: str) -> None:
    """The start on a phone."""
    page.goto(url)
    page.locator("#hero-text", has_text="20 pictures").wait_for()


def main() -> None:
    """Take the pictures."""
    DOCS.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="demo-") as folder,
        demo_page(Path(folder)) as url,
        chromium() as browser,
    ):
        laptop = browser.new_page(viewport={"width": 1280, "height": 800})
        take(laptop, url, FILES[0])
        laptop.emulate_media(color_scheme="dark")
        take(laptop, url, FILES[1])
        take(phone_page(browser), url, FILES[2])


def phone_page(browser: Browser) -> Page:
    """A page as a phone shows it."""
    return browser.new_page(
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
        color_scheme="dark",
    )


def take(page: Page, url: str, name: str) -> None:
    """Take one picture."""
    {FILES[0]: search, FILES[1]: lightbox, FILES[2]: phone}[name](page, url)
    page.wait_for_function(LOADED)
    page.wait_for_timeout(SETTLED_MS)
    path = DOCS / name
    page.screenshot(path=path, type="jpeg", quality=QUALITY)
    print(f"{path.relative_to(DOCS.parent)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
