"""One picture, large: by keyboard, with all that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.gallery import HOSTILE_CAPTION
from tests.browser.reading import focused, names, wait_for_first, wait_for_text

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.site import Site

pytestmark = pytest.mark.browser


def test_the_grid_and_the_lightbox_work_by_keyboard(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red")
    wait_for_first(page, "red-")
    first, second, *_ = names(page)
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    assert focused(page) == first
    page.keyboard.press("ArrowRight")
    assert focused(page) == second
    page.keyboard.press("ArrowDown")
    below = focused(page)
    assert below not in (first, second)
    page.keyboard.press("ArrowUp")
    assert focused(page) in (first, second)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    wait_for_text(page, "#light-name", first)
    wait_for_text(page, "#light-position", "1 of ")
    page.keyboard.press("ArrowRight")
    wait_for_text(page, "#light-name", second)
    page.keyboard.press("ArrowLeft")
    wait_for_text(page, "#light-name", first)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.locator("#lightbox").wait_for(state="hidden")
    assert focused(page) == second  # where the eye is, not where the lightbox was opened
    assert page.url.endswith("/?q=red")


def test_the_focus_stays_inside_the_lightbox(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red")
    wait_for_first(page, "red-")
    page.locator("#grid a").first.click()
    wait_for_text(page, "#light-name", "red-")
    inside = "document.activeElement === document.body || document.activeElement.closest('dialog')"
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(f"Boolean({inside})")


def test_the_lightbox_tells_what_is_known(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=yellow")
    wait_for_first(page, "yellow")
    page.locator("#grid a").first.click()
    wait_for_text(page, "#light-captions", "yellow from edge to edge")
    assert page.locator("#light-folder").inner_text() == str(site.gallery / "rare")
    page.wait_for_function("() => document.getElementById('light-picture').naturalWidth === 300")
    shown = page.locator("#light-picture").bounding_box()
    assert shown is not None
    assert (shown["width"], shown["height"]) == (300, 60)
    facts = page.locator("#light-facts").inner_text()
    assert "300 \N{MULTIPLICATION SIGN} 60" in facts
    assert "PNG" in facts
    wait_for_text(page, "#light-facts", "Closeness")
    with page.expect_download() as download:
        page.click("#light-download")
    assert download.value.suggested_filename == "yellow.png"
    page.keyboard.press("c")
    wait_for_text(page, "#toast", "Path copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == str(site.gallery / "rare" / "yellow.png")
    page.get_by_role("button", name="a yellow panorama").click()  # search for these words
    page.wait_for_url("**/?q=a+yellow+panorama")
    page.locator("#lightbox").wait_for(state="hidden")


def test_the_lightbox_tells_of_copies(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=cyan")
    wait_for_first(page, "copy")
    page.locator("#grid a").first.click()
    wait_for_text(page, "#light-copies", "copy ")


def test_more_like_this_leaves_the_lightbox(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=blue")
    wait_for_first(page, "blue-")
    page.locator("#grid a").first.click()
    wait_for_text(page, "#light-name", "blue-")
    page.keyboard.press("m")
    page.wait_for_url("**/?like=*")
    page.locator("#lightbox").wait_for(state="hidden")
    wait_for_first(page, "blue-")


def test_a_picture_in_the_lightbox_can_be_shared_as_a_link(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red")
    wait_for_first(page, "red-")
    page.locator("#grid a").nth(2).click()
    page.wait_for_url("**&view=*")
    address, name = page.url, page.locator("#light-name").inner_text()
    page.go_back()
    page.locator("#lightbox").wait_for(state="hidden")
    page.goto(address)
    wait_for_text(page, "#light-name", name)
    page.keyboard.press("Escape")  # there is nothing to go back to: only the address changes
    page.wait_for_url("**/?q=red")
    page.goto(address.replace("q=red", "q=green&format=JPEG"))  # not among the hits
    wait_for_text(page, "#light-name", name)


def test_pictures_that_the_page_has_not_loaded_yet_follow(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 500, "height": 400})
    page.goto(f"{site.url}/?q=red")
    wait_for_first(page, "red-")
    page.locator("#grid a").first.click()
    for place in range(2, 45):
        page.keyboard.press("ArrowRight")
        wait_for_text(page, "#light-position", f"{place} of 124")


def test_names_and_captions_never_become_markup(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=magenta")
    page.locator("#grid li").nth(1).wait_for()
    assert "<img src=x onerror=document.title='owned'>.png" in names(page, 2)
    page.locator("#grid a").nth(names(page, 2).index("magenta.png")).click()
    wait_for_text(page, "#light-captions", HOSTILE_CAPTION)
    page.keyboard.press("Escape")
    page.goto(f"{site.url}/?q=magenta&target=captions")
    wait_for_text(page, "#captions", HOSTILE_CAPTION)
    made = page.evaluate("document.querySelectorAll('[onerror], b, main script').length")
    assert made == 0
    assert "owned" not in page.title()
