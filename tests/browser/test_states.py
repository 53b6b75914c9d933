"""What the page says when there is nothing to show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.gallery import index_gallery, picture
from tests.browser.reading import names, search_for, wait_for_first, wait_for_text
from tests.browser.site import running_site

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.site import Site

pytestmark = pytest.mark.browser


def test_when_nothing_looks_like_it_the_page_says_so_and_shows_the_closest(
    page: Page, site: Site
) -> None:
    page.goto(f"{site.url}/?q=cyan&under={site.gallery / 'red'}")  # of all colours the farthest
    wait_for_text(page, "#notice", "Nothing here looks like that.")
    wait_for_text(page, "#notice", "The closest are:")
    assert all(name.startswith("red-") for name in names(page))
    page.wait_for_function(
        "() => document.getElementById('announcer').textContent.startsWith('Nothing here')"
    )
    search_for(page, "red", "red-")
    page.locator("#notice").wait_for(state="hidden")


def test_an_index_that_is_made_later_is_found(
    page: Page, tmp_path: Path, complaints: list[str]
) -> None:
    folder = tmp_path / "photos"
    picture(folder / "red.png", "red")
    with running_site(tmp_path / "home", folder) as site:
        page.goto(site.url)
        wait_for_text(page, "#notice", "No pictures are indexed yet.")
        index_gallery(tmp_path / "home", [folder])
        wait_for_first(page, "red")
        assert page.locator("#notice").is_hidden()
        wait_for_text(page, "#hero", "1 picture.")
    assert [text for text in complaints if "409" not in text] == []
    complaints.clear()


def test_captions_that_are_missing_are_told_of(
    page: Page, tmp_path: Path, complaints: list[str]
) -> None:
    picture(tmp_path / "photos" / "red.png", "red")
    index_gallery(tmp_path / "home", [tmp_path / "photos"])
    with running_site(tmp_path / "home", tmp_path / "photos") as site:
        page.goto(f"{site.url}/?q=red&target=captions")
        wait_for_text(page, "#notice", "No captions are indexed.")
        page.get_by_role("button", name="Look for pictures").click()
        wait_for_first(page, "red")
    assert [text for text in complaints if "409" not in text] == []
    complaints.clear()


def test_a_picture_that_has_expired_is_told_of(
    page: Page, site: Site, complaints: list[str]
) -> None:
    page.goto(f"{site.url}/?q=red&upload=expired")
    wait_for_text(page, "#notice", "Your picture has expired.")
    page.get_by_role("button", name="Search without it").click()
    wait_for_first(page, "red-")
    assert [text for text in complaints if "404" not in text] == []
    complaints.clear()


def test_what_cannot_be_asked_is_told_with_the_reason(
    page: Page, site: Site, complaints: list[str]
) -> None:
    page.goto(f"{site.url}/?q=red&minus=red%3A1.00")
    wait_for_text(page, "#notice", "cancel each other out")
    assert [text for text in complaints if "422" not in text] == []
    complaints.clear()


def test_a_server_that_went_away_is_told_of_and_found_again(
    page: Page, indexed_home: Path, gallery: Path
) -> None:
    with running_site(indexed_home, gallery) as site:
        page.goto(f"{site.url}/?q=red")
        wait_for_first(page, "red-")
    page.fill("#q", "green")
    wait_for_text(page, "#notice", "The server is not answering.")
    assert names(page, 1)[0].startswith("red-")  # what was found stays
    with running_site(indexed_home, gallery, port=int(site.url.rpartition(":")[2])):
        wait_for_first(page, "green-")
        page.locator("#notice", has_text="The server").wait_for(state="hidden")
