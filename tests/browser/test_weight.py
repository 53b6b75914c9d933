"""The page is small, and comes from one place."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response

    from tests.browser.site import Site

pytestmark = pytest.mark.browser

MOST_SENT_BYTES = 32_000
MOST_UNPACKED_BYTES = 80 * 1024


def test_the_page_weighs_little_and_asks_nobody_else(page: Page, site: Site) -> None:
    """Everything but the API's answers counts: what is sent, and what that unpacks to."""
    responses: list[Response] = []

    def note(response: Response) -> None:
        responses.append(response)

    page.on("response", note)
    page.goto(site.url)
    page.locator("#grid li img").first.wait_for()
    own = [one for one in responses if not urlsplit(one.url).path.startswith("/api/")]
    assert {urlsplit(one.url).netloc for one in responses} == {urlsplit(site.url).netloc}
    assert len(own) > 10
    sent = sum(int(one.header_value("content-length") or 0) for one in own)
    unpacked = sum(len(one.body()) for one in own)
    assert 10_000 < sent <= MOST_SENT_BYTES
    assert unpacked <= MOST_UNPACKED_BYTES
