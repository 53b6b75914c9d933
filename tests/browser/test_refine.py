"""Terms with weights, and filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.reading import focused, names, wait_for_first, wait_for_text

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.site import Site

pytestmark = pytest.mark.browser


def test_terms_are_added_weighed_and_taken_away(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red")
    wait_for_first(page, "red-")
    page.click("#add-plus")
    page.keyboard.type("blue")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=red&plus=blue%3A0.50")
    assert focused(page) == "add-plus"
    slider = page.get_by_role("slider", name="Weight: More of blue")
    slider.fill("2")
    page.wait_for_url("**&plus=blue%3A2.00")
    wait_for_first(page, "blue-")
    page.click("#add-minus")
    page.keyboard.type("red")
    page.keyboard.press("Enter")
    page.wait_for_url("**&minus=red%3A0.50")
    page.get_by_role("button", name="Remove: More of blue").click()
    page.wait_for_url("**/?q=red&minus=red%3A0.50")
    wait_for_first(page, "red-")


def test_a_term_can_be_given_up(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red")
    page.click("#add-minus")
    page.keyboard.type("blue")
    page.keyboard.press("Escape")
    assert focused(page) == "add-minus"
    assert page.locator("#term").is_hidden()
    assert page.url.endswith("/?q=red")


def test_filters_narrow_the_search(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red")
    wait_for_first(page, "red-")
    page.click("#filters-button")
    assert page.locator("#filters-button").get_attribute("aria-expanded") == "true"
    page.locator("#formats label", has_text="PNG").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('#grid li img')]"
        ".every((one) => one.alt.endsWith('png'))"
    )
    page.locator("#orientations label", has_text="Portrait").click()
    page.locator("#under").select_option(str(site.gallery / "green"))
    wait_for_first(page, "green-")
    page.fill("#taken-from", "2021-01-01")
    page.fill("#taken-to", "2021-12-31")
    page.wait_for_url("**taken_to=2021-12-31**")
    assert page.locator("#filters-count").inner_text() == "4"
    page.wait_for_function("() => document.querySelectorAll('#grid li').length < 10")
    kept = names(page, 99)
    assert kept
    assert all(name.startswith("green-") and name.endswith("png") for name in kept)
    page.reload()
    wait_for_first(page, "green-")
    assert sorted(names(page, 99)) == sorted(kept)
    page.click("#filters-button")
    assert page.locator("#under").input_value() == str(site.gallery / "green")
    page.get_by_role("button", name="Clear filters").click()
    page.wait_for_url("**/?q=red")
    wait_for_first(page, "red-")


def test_filters_that_leave_nothing_say_so(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red&taken_to=1999-01-01")
    wait_for_text(page, "#notice", "Nothing is left after the filters.")
    page.get_by_role("button", name="Clear the filters").click()
    wait_for_first(page, "red-")


def test_a_folder_can_be_looked_through_without_a_question(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.click("#filters-button")
    page.locator("#under").select_option(str(site.gallery / "blue"))
    wait_for_text(page, "#summary", "A look around 40 pictures")
    assert all(name.startswith("blue-") for name in names(page, 99))
