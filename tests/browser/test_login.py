"""The way in where a token is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.reading import wait_for_first, wait_for_text
from tests.browser.site import running_site

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.site import Site

pytestmark = pytest.mark.browser

TOKEN = "a token of some length"  # noqa: S105 - of a server that lives for one test


@pytest.fixture
def locked(indexed_home: Path, gallery: Path) -> Iterator[Site]:
    """A server that wants a token."""
    with running_site(indexed_home, gallery, token=TOKEN) as site:
        yield site


def test_a_token_lets_in_to_the_search_that_was_asked_for(page: Page, locked: Site) -> None:
    page.goto(f"{locked.url}/?q=red&format=PNG")
    page.get_by_label("Token").fill("not the token")
    page.get_by_role("button", name="Log in").click()
    wait_for_text(page, "#wrong", "That is not the token.")
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    wait_for_first(page, "red-")
    assert page.url == f"{locked.url}/?q=red&format=PNG"
    cookie = page.context.cookies()[0]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert TOKEN not in cookie["value"]


def test_a_session_that_ended_leads_to_the_login_and_back(
    page: Page, locked: Site, complaints: list[str]
) -> None:
    page.goto(locked.url)
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.locator("#grid li").first.wait_for()
    page.context.clear_cookies()
    page.fill("#q", "green")
    page.wait_for_url("**/login?next=%2F%3Fq%3Dgreen")
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    wait_for_first(page, "green-")
    page.click("#library-button")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.goto(locked.url)
    page.get_by_label("Token").wait_for()
    assert [text for text in complaints if "401" not in text] == []
    complaints.clear()
