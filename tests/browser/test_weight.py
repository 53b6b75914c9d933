"""The page is small, and comes from one place."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response

    from tests.browser.site import Site

pytestmark = pytest.mark.browser

MOST_BYTES = 80_000


def test_the_page_weighs_little_and_asks_nobody_else(page: Page, site: Site) -> None:
    """Everything but the API's answers counts, uncompressed."""
    responses: list[Response] = []

    def note(response: Response) -> None:
        responses.append(response)

    page.on("response", note)
    page.goto(site.url)
    page.locator("#grid li img").first.wait_for()
    own = [one for one in responses if not urlsplit(one.url).path.startswith("/api/")]
    assert {urlsplit(one.url).netloc for one in responses} == {urlsplit(site.url).netloc}
    assert len(own) > 10
    assert sum(len(one.body()) for one in own) <= MOST_BYTES
