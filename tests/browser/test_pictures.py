"""Searching by a picture: dropped, pasted, or one of the results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.gallery import picture
from tests.browser.reading import drop, focused, names, paste, wait_for_first, wait_for_text
from tests.photos import bad_photo

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.site import Site

pytestmark = pytest.mark.browser


def test_a_dropped_picture_finds_others_like_it(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto(f"{site.url}/?q=red")
    wait_for_first(page, "red-")
    drop(page, picture(tmp_path / "mine.png", "green", 77))
    wait_for_first(page, "green-")
    assert "?upload=" in page.url
    assert page.input_value("#q") == ""
    preview = page.locator("#chips .picture img").get_attribute("src")
    assert preview is not None
    assert preview.startswith("data:image/jpeg")
    page.reload()  # the server keeps no picture, the tab keeps a small copy
    wait_for_first(page, "green-")
    assert page.locator("#chips .picture img").is_visible()


def test_a_pasted_picture_finds_others_like_it(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto(site.url)
    page.locator("#grid li").first.wait_for()
    paste(page, picture(tmp_path / "mine.png", "blue", 77))
    wait_for_first(page, "blue-")


def test_a_picture_can_be_chosen_from_a_file_dialog(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto(site.url)
    with page.expect_file_chooser() as chooser:
        page.click("#pick")
    chooser.value.set_files(picture(tmp_path / "mine.png", "red", 77))
    wait_for_first(page, "red-")


def test_what_is_no_picture_is_refused_with_the_reason(
    page: Page, site: Site, tmp_path: Path, complaints: list[str]
) -> None:
    page.goto(f"{site.url}/?q=red")
    wait_for_first(page, "red-")
    drop(page, bad_photo(tmp_path / "mine.png"))
    wait_for_text(page, "#toast", "picture")
    assert names(page, 1)[0].startswith("red-")
    assert page.url.endswith("/?q=red")
    assert [text for text in complaints if "422" not in text] == []
    complaints.clear()


def test_words_and_a_picture_are_weighed(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto(site.url)
    drop(page, picture(tmp_path / "mine.png", "green", 77))
    page.wait_for_url("**/?upload=*")
    page.fill("#q", "red")
    page.locator("#chips .picture input").fill("0.1")
    wait_for_first(page, "red-")
    assert "picture_weight=0.10" in page.url
    page.get_by_role("button", name="Remove: The picture").click()
    page.wait_for_url("**/?q=red")


def test_every_picture_leads_to_more_like_it(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red&orientation=landscape")
    wait_for_first(page, "red-")
    tile = page.locator("#grid li").nth(1)
    asked = tile.locator("img").get_attribute("alt")
    tile.hover()
    tile.get_by_role("button", name=f"More like {asked}").click()
    page.wait_for_url("**/?like=*&orientation=landscape")  # filters stay
    page.wait_for_function(
        "(asked) => ![...document.querySelectorAll('#grid li img')]"
        ".some((one) => one.alt === asked)",
        arg=asked,
    )
    assert names(page, 1)[0].startswith("red-")
    assert focused(page) == names(page, 1)[0]  # a keyboard goes on from the first result
