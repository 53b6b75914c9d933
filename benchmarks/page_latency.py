"""How long after the last letter do the first results stand on the page, and what does it weigh?

Measured in the browser, on the loopback: from the letter's input event (the pause of 60 ms that
waits for another letter included) to the frame in which the pictures' new order is painted.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks.page import chromium, demo_page
from benchmarks.record import Row, record

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response

QUESTIONS = ("a cat", "a cup of coffee", "a motorcycle", "a rocket", "coins", "green grass")
SETTLED_MS = 700

WATCH = """() => {
    const box = document.getElementById("q");
    const grid = document.getElementById("grid");
    box.addEventListener("input", () => {
        const typed = performance.now();
        new MutationObserver((_, watcher) => {
            watcher.disconnect();
            requestAnimationFrame(() => requestAnimationFrame(() => {
                window.waited = performance.now() - typed;
            }));
        }).observe(grid, { subtree: true, childList: true, attributes: true });
    });
}"""


def open_page(page: Page, url: str) -> int:
    """How many bytes the page itself weighs, as sent, once it has shown something."""
    responses: list[Response] = []

    def note(response: Response) -> None:
        responses.append(response)

    page.on("response", note)
    page.goto(url)
    page.locator("#grid li").first.wait_for()
    page.wait_for_timeout(SETTLED_MS)
    own = [one for one in responses if not urlsplit(one.url).path.startswith("/api/")]
    return sum(int(one.header_value("content-length") or 0) for one in own)


def measure(page: Page, question: str) -> float:
    """Milliseconds from the last letter of a question to its results."""
    page.fill("#q", question[:-1])
    page.wait_for_timeout(SETTLED_MS)
    page.evaluate("() => { window.waited = 0; }")
    page.locator("#q").press(question[-1])
    waited = page.wait_for_function("() => window.waited")
    return float(waited.json_value())


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    rounds = 1 if parser.parse_args().quick else 5
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_page(Path(folder)) as url,
        chromium() as browser,
    ):
        page = browser.new_page(viewport={"width": 1366, "height": 820})
        n_bytes = open_page(page, url)
        page.evaluate(WATCH)
        measure(page, QUESTIONS[0])  # not counted
        waits = [measure(page, one) for _ in range(rounds) for one in QUESTIONS]
    rows = [
        Row("first results after typing", statistics.median(waits), "ms, median"),
        Row("slowest", max(waits), "ms"),
        Row("page weight", n_bytes / 1000, "kB, as sent, without thumbnails"),
    ]
    record("page_latency", str(__doc__), {"n_questions": len(waits), "n_pictures": 20}, rows)


if __name__ == "__main__":
    main()
