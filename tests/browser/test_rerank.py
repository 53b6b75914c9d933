"""The rerank switch: what it changes, and what it shows of that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.reading import focused, names, scroll_to_the_end, wait_for_first, wait_for_text
from tests.browser.site import Site, running_site
from tests.browser.test_accessibility import violations
from tests.fakes import FakeRerankers

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser

BADGE = "#grid .moved"


@pytest.fixture(scope="module")
def reranking(indexed_home: Path, gallery: Path) -> Iterator[Site]:
    """A server over the gallery, whose model has a reranker."""
    with running_site(indexed_home, gallery, rerankers=FakeRerankers()) as site:
        yield site


@pytest.fixture
def page(page: Page) -> Page:
    """A page whose server may take its time: how far it comes in 120 ms is not tested here."""

    def lengthen(route: Route) -> None:
        route.continue_(url=route.request.url.replace("budget_ms=120", "budget_ms=60000"))

    page.route("**/search?**budget_ms=120**", lengthen)
    return page


def badges(page: Page) -> list[str]:
    """What the badges say to a screen reader."""
    said: list[str] = page.eval_on_selector_all(BADGE, "all => all.map((one) => one.ariaLabel)")
    return said


def test_words_are_reranked_and_the_page_says_how(page: Page, reranking: Site) -> None:
    page.goto(f"{reranking.url}/?q=red")
    wait_for_text(page, "#summary", "124 pictures, closest first, first 50 reranked")
    assert page.get_by_role("checkbox", name="Rerank").is_checked()
    tile = page.locator("#grid a", has=page.locator(".moved")).first
    sign, places = tile.locator(".moved").inner_text().split(" ")
    said = f"Reranked {dict(zip('↑↓', ('up', 'down'), strict=True))[sign]} {places} place"
    assert badges(page)[0].startswith(said)
    name = tile.locator("img").get_attribute("alt")
    assert page.get_by_role("link", name=f"{name} {said}").count() == 1


def test_the_switch_goes_back_to_the_order_without(page: Page, reranking: Site) -> None:
    page.goto(f"{reranking.url}/?q=red")
    wait_for_text(page, "#summary", "reranked")
    with_it = names(page, 20)
    page.locator("#rerank").focus()
    page.keyboard.press("Space")
    page.wait_for_url("**/?q=red&rerank=0")
    page.wait_for_function("() => !document.querySelector('.moved')")
    assert page.locator("#summary").inner_text().startswith("124 pictures, closest first ·")
    without = names(page, 20)
    assert without != with_it
    assert focused(page) == "rerank"
    page.keyboard.press("Space")
    page.wait_for_url(f"{reranking.url}/?q=red")
    wait_for_text(page, "#summary", "reranked")
    assert names(page, 20) == with_it
    page.go_back()
    page.wait_for_function("() => !document.querySelector('.moved')")
    assert not page.get_by_role("checkbox", name="Rerank").is_checked()
    assert names(page, 20) == without


def test_typing_shows_plain_results_first(page: Page, reranking: Site) -> None:
    """Letters are answered without the reranker, which is asked after a rest."""
    page.goto(reranking.url)
    page.locator("#reranking").wait_for()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/search?q=red" in one.url else None)
    page.fill("#q", "red")
    wait_for_text(page, "#summary", "reranked")
    plain, reranked = [url for url in asked if "offset=0" in url]
    assert "rerank" not in plain
    assert "&rerank=auto&budget_ms=120&" in reranked


def test_typing_on_makes_the_reranking_void(page: Page, reranking: Site) -> None:
    page.goto(reranking.url)
    page.locator("#reranking").wait_for()
    page.route("**/search?q=red&rerank=auto**", lambda route: None)  # it never comes in time
    with page.expect_request("**/search?q=red&rerank=auto**"):
        page.fill("#q", "red")
    page.fill("#q", "blue")
    wait_for_first(page, "blue-")
    wait_for_text(page, "#summary", "reranked")
    assert names(page, 1)[0].startswith("blue-")


def test_pages_join_in_the_reranked_order(page: Page, reranking: Site) -> None:
    page.goto(f"{reranking.url}/?q=red")
    wait_for_text(page, "#summary", "reranked")
    scroll_to_the_end(page)
    found = names(page, 999)
    assert len(found) == len(set(found)) == 124


def test_what_cannot_be_reranked_has_the_switch_off_duty(page: Page, reranking: Site) -> None:
    page.goto(f"{reranking.url}/?q=red&plus=blue%3A0.30")
    wait_for_first(page, "red-")
    page.locator("#reranking").wait_for()
    assert page.locator("#rerank").is_disabled()
    assert "reranked" not in page.locator("#summary").inner_text()
    assert badges(page) == []


def test_a_reranker_reads_captions_for_a_picture(page: Page, reranking: Site) -> None:
    page.goto(f"{reranking.url}/?q=yellow")
    wait_for_first(page, "yellow")
    page.locator("#grid a").first.hover()
    page.locator("#grid button").first.click()
    page.wait_for_url("**/?like=*")
    page.locator("#target").get_by_text("Captions").click()
    wait_for_text(page, "#summary", "3 captions, closest first, first 3 reranked")


def test_a_switch_that_is_off_stays_off(page: Page, reranking: Site) -> None:
    page.goto(f"{reranking.url}/?q=yellow&rerank=0")
    wait_for_first(page, "yellow")
    page.locator("#grid a").first.hover()
    page.locator("#grid button").first.click()
    page.wait_for_url("**/?like=*&rerank=0")


def test_without_a_reranker_there_is_no_switch(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?q=red")
    wait_for_first(page, "red-")
    page.wait_for_function("() => document.getElementById('library-counts').textContent")
    assert page.locator("#reranking").is_hidden()
    assert badges(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_switch_and_the_badges_are_accessible(page: Page, reranking: Site, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{reranking.url}/?q=red")
    wait_for_text(page, "#summary", "reranked")
    page.locator("#reranking").wait_for()
    assert violations(page) == []


def test_the_page_fits_a_phone(page: Page, reranking: Site) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{reranking.url}/?q=red")
    wait_for_text(page, "#summary", "reranked")
    page.locator("#reranking").wait_for()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
