"""axe-core finds nothing serious, in either colour scheme."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser.reading import wait_for_first, wait_for_text
from tests.browser.site import running_site

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.site import Site

pytestmark = pytest.mark.browser

Scheme = Literal["dark", "light"]


@pytest.fixture(params=["dark", "light"])
def scheme(request: pytest.FixtureRequest, page: Page) -> Scheme:
    """Each colour scheme, set in the page."""
    scheme: Scheme = request.param
    page.emulate_media(color_scheme=scheme)
    return scheme


def violations(page: Page) -> list[str]:
    """What axe-core finds serious or critical in the page as it is now."""
    reason = "axe is not installed: pip install axe-playwright-python"
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=reason).Axe()
    found = axe.run(page).response["violations"]
    return [
        f"{one['id']}: {node['html']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_the_start(page: Page, site: Site, scheme: Scheme) -> None:
    page.goto(site.url)
    page.locator("#grid li").first.wait_for()
    wait_for_text(page, "#hero", "125 pictures")
    assert violations(page) == []


def test_results_with_chips_and_filters(page: Page, site: Site, scheme: Scheme) -> None:
    page.goto(f"{site.url}/?q=red&plus=blue%3A0.30&minus=green%3A0.30&format=PNG")
    wait_for_first(page, "red-")
    page.click("#filters-button")
    page.locator("#formats label").first.wait_for()
    page.click("#add-plus")
    assert violations(page) == []


def test_captions(page: Page, site: Site, scheme: Scheme) -> None:
    page.goto(f"{site.url}/?q=yellow&target=captions")
    wait_for_text(page, "#captions", "panorama")
    assert violations(page) == []


def test_the_empty_state(page: Page, site: Site, scheme: Scheme) -> None:
    page.goto(f"{site.url}/?q=red&taken_to=1999-01-01")
    wait_for_text(page, "#notice", "Nothing is left")
    assert violations(page) == []


def test_the_lightbox(page: Page, site: Site, scheme: Scheme) -> None:
    page.goto(f"{site.url}/?q=yellow")
    wait_for_first(page, "yellow")
    page.locator("#grid a").first.click()
    wait_for_text(page, "#light-captions", "panorama")
    assert violations(page) == []


def test_the_library_and_the_keys(page: Page, site: Site, scheme: Scheme) -> None:
    page.goto(site.url)
    page.click("#library-button")
    wait_for_text(page, "#library-counts", "125 pictures")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.locator("#keys").wait_for()
    assert violations(page) == []


def test_the_login(page: Page, indexed_home: Path, gallery: Path, scheme: Scheme) -> None:
    with running_site(indexed_home, gallery, token="a token") as site:  # noqa: S106
        page.goto(f"{site.url}/login?failed=1")
        wait_for_text(page, "#wrong", "not the token")
        assert violations(page) == []


def test_a_chosen_scheme_is_kept(page: Page, site: Site, scheme: Scheme) -> None:
    page.goto(site.url)
    button = page.get_by_role("button", name="Dark colours")
    assert button.get_attribute("aria-pressed") == str(scheme == "dark").lower()
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    button.click()
    after = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert after != before
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == after
