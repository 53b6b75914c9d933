"""What a person sees on the page, in the terms of the tests."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import JSHandle, Page

_FILE = """([name, type, content]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], name, { type }));
    return carried;
}"""


def names(page: Page, count: int = 3) -> list[str]:
    """The file names of the first pictures of the grid."""
    shown: list[str] = page.eval_on_selector_all("#grid li img", "all => all.map((one) => one.alt)")
    return shown[:count]


def wait_for_first(page: Page, start: str) -> None:
    """Wait until the first picture's name begins with `start`."""
    page.wait_for_function(
        "(start) => document.querySelector('#grid li img')?.alt.startsWith(start)", arg=start
    )


def wait_for_text(page: Page, selector: str, part: str) -> None:
    """Wait until an element is shown whose text holds `part`."""
    page.locator(selector, has_text=part).first.wait_for(state="visible")


def search_for(page: Page, words: str, first: str) -> None:
    """Type words, and wait for a first picture whose name begins with `first`."""
    page.fill("#q", words)
    wait_for_first(page, first)


def focused(page: Page) -> str:
    """The id of the element in focus; of a picture in the grid its file name."""
    found: str = page.evaluate(
        "document.activeElement.querySelector('img')?.alt ?? document.activeElement.id"
    )
    return found


def carried_file(page: Page, path: Path, kind: str = "image/png") -> JSHandle:
    """What a drag or a paste of a file carries."""
    content = base64.b64encode(path.read_bytes()).decode()
    return page.evaluate_handle(_FILE, [path.name, kind, content])


def drop(page: Page, path: Path) -> None:
    """Drag a file from outside over the page, and let it go."""
    carried = carried_file(page, path)
    page.dispatch_event("body", "dragover", {"dataTransfer": carried})
    page.locator("#drop").wait_for(state="visible")
    page.dispatch_event("body", "drop", {"dataTransfer": carried})


def paste(page: Page, path: Path) -> None:
    """Paste a file."""
    page.evaluate(
        "(carried) => document.body.dispatchEvent(new ClipboardEvent("
        "'paste', { clipboardData: carried, bubbles: true, cancelable: true }))",
        carried_file(page, path),
    )


def scroll_to_the_end(page: Page) -> None:
    """Turn the wheel until the page says that this was the last picture."""
    for _ in range(300):
        if page.locator("#end").is_visible():
            return
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(50)
    raise AssertionError(f"no end after {len(names(page, 999))} pictures")
