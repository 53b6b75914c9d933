"""The library's panel: an indexing run as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.gallery import index_gallery, picture
from tests.browser.reading import wait_for_first, wait_for_text
from tests.browser.site import running_site
from tests.photos import bad_photo

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.site import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Site]:
    """A server over one red picture, in whose folder 12 green ones and a bad file arrived."""
    folder = tmp_path / "photos"
    picture(folder / "red.png", "red")
    index_gallery(tmp_path / "home", [folder])
    for number in range(12):
        picture(folder / f"green-{number}.png", "green", number)
    bad_photo(folder / "broken.png")
    with running_site(tmp_path / "home", folder) as site:
        site.encoder.open = False
        yield site


def start(page: Page, site: Site) -> None:
    """Open the panel and start to index."""
    page.goto(f"{site.url}/?q=green")
    wait_for_first(page, "red")
    page.click("#library-button")
    wait_for_text(page, "#library-counts", "1 picture")
    page.click("#job-start")


def test_indexing_is_watched_and_its_pictures_are_found(page: Page, growing: Site) -> None:
    start(page, growing)
    growing.encoder.let_through(1)
    wait_for_text(page, "#job-text", "of 13 pictures")
    assert page.locator("#job-line").is_visible()  # also when the panel is closed
    growing.encoder.let_through(10)
    wait_for_text(page, "#job-result", "12 added, 1 failed")
    wait_for_first(page, "green-")  # without typing anything again
    wait_for_text(page, "#library-counts", "13 pictures")
    page.locator("#failures summary").click()
    wait_for_text(page, "#failures", "broken.png")


def test_indexing_is_cancelled_and_what_was_done_is_kept(page: Page, growing: Site) -> None:
    start(page, growing)
    growing.encoder.let_through(1)
    wait_for_text(page, "#job-text", "of 13 pictures")
    page.click("#job-cancel")
    wait_for_text(page, "#job-text", "Stopping")
    growing.encoder.open = True
    wait_for_text(page, "#job-result", "Cancelled; what was done is kept.")
    wait_for_first(page, "green-")
    assert page.locator("#job-start").is_visible()


def test_a_run_that_goes_on_is_shown_to_whoever_comes(page: Page, growing: Site) -> None:
    start(page, growing)
    growing.encoder.let_through(1)
    wait_for_text(page, "#job-text", "of 13 pictures")
    page.reload()
    page.locator("#job-line").wait_for()
    page.click("#library-button")
    wait_for_text(page, "#job-text", "of 13 pictures")
    growing.encoder.let_through(10)
    wait_for_text(page, "#job-result", "12 added")
