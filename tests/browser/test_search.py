"""Searching by words, and what the address keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.reading import focused, names, scroll_to_the_end, wait_for_first, wait_for_text

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.site import Site

pytestmark = pytest.mark.browser


def test_something_is_shown_before_anything_is_asked(page: Page, site: Site) -> None:
    page.goto(site.url)
    wait_for_text(page, "#hero", "125 pictures")
    page.locator("#grid li").first.wait_for()
    shown = names(page, 99)  # read once: the grid grows meanwhile
    assert len(set(shown)) == len(shown) > 10


def test_results_follow_the_typing(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.keyboard.press("/")
    assert focused(page) == "q"
    page.keyboard.type("red")
    wait_for_first(page, "red-")
    page.keyboard.type(" green", delay=15)  # what is typed on counts, however fast
    page.locator("#q").press("Control+a")
    page.keyboard.type("blue", delay=15)
    wait_for_first(page, "blue-")
    assert "q=blue" in page.url


def test_a_newer_question_makes_an_older_one_void(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.locator("#grid li").first.wait_for()
    page.route("**/search?q=red&**", lambda route: None)  # its answer never comes in time
    with page.expect_event("requestfailed", lambda request: "q=red&" in request.url):
        with page.expect_request("**/search?q=red&**"):
            page.fill("#q", "red")
        page.fill("#q", "blue")
    wait_for_first(page, "blue-")


def test_scrolling_brings_every_picture_once(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red")
    wait_for_first(page, "red-")
    scroll_to_the_end(page)
    found = names(page, 999)
    assert len(found) == len(set(found)) == 124  # two files are copies of each other
    wait_for_text(page, "#end", "the last of 124 pictures")


def test_rows_are_full_keep_the_pictures_shapes_and_never_shift(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red")
    wait_for_first(page, "red-")
    boxes = page.eval_on_selector_all(
        "#grid li",
        "all => all.map((one) => { const box = one.getBoundingClientRect();"
        " const { naturalWidth: w, naturalHeight: h } = one.querySelector('img');"
        " return [box.top, box.right, box.width / box.height, w / h]; })",
    )
    rows = {round(top): 0.0 for top, *_ in boxes}
    for top, right, shape, natural in boxes:
        rows[round(top)] = max(rows[round(top)], right)
        if natural == natural:  # not a number where the picture is still to be loaded
            assert shape == pytest.approx(natural, rel=0.05)
    edge = page.eval_on_selector("#grid", "grid => grid.getBoundingClientRect().right")
    assert len(rows) > 2
    assert list(rows.values()) == pytest.approx([edge] * len(rows), abs=1)
    shift = page.evaluate(
        "new Promise((done) => new PerformanceObserver((list) => done(list.getEntries()"
        ".reduce((sum, one) => sum + one.value, 0))).observe({ type: 'layout-shift',"
        " buffered: true }) ?? setTimeout(() => done(0), 200))"
    )
    assert shift < 0.01


def test_the_address_is_the_search_and_back_goes_back(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red&plus=blue%3A0.30&orientation=portrait&format=PNG")
    wait_for_first(page, "red-")
    assert page.input_value("#q") == "red"
    assert page.locator("#chips .plus").inner_text().split() == ["blue", "0.3"]
    assert page.locator("#filters-count").inner_text() == "2"
    page.locator("#grid li").first.hover()
    page.locator("#grid li button").first.click()
    page.wait_for_url("**/?like=*")
    page.go_back()
    wait_for_first(page, "red-")
    assert "q=red&" in page.url
    assert page.input_value("#q") == "red"
    page.go_forward()
    page.wait_for_url("**/?like=*")
    assert page.input_value("#q") == ""


def test_words_typed_in_one_go_are_one_step_back(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.locator("#grid li").first.wait_for()
    page.locator("#q").press_sequentially("green", delay=20)
    wait_for_first(page, "green-")
    page.go_back()
    page.wait_for_url(f"{site.url}/")
    assert page.input_value("#q") == ""


def test_captions_can_be_looked_for(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=yellow")
    wait_for_first(page, "yellow")
    page.locator("#target").get_by_text("Captions").click()
    wait_for_text(page, "#captions li", "a yellow panorama")
    assert "target=captions" in page.url
    page.locator("#captions a", has_text="panorama").click()
    wait_for_text(page, "#light-name", "yellow.png")


def test_a_screen_reader_is_told_what_was_found(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=yellow&target=captions")
    page.wait_for_function(
        "() => document.getElementById('announcer').textContent"
        " === '3 captions, closest to “yellow” first'"
    )


def test_the_page_works_on_a_phone(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{site.url}/?q=red&plus=blue%3A0.30&minus=green%3A0.30")
    wait_for_first(page, "red-")
    page.click("#filters-button")
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not page.evaluate(wide)
    page.locator("#grid li a").first.click()
    wait_for_text(page, "#light-name", "red-")
    assert not page.evaluate(wide)
    assert page.locator("#light-close").is_visible()
