"""Debian's Chromium, driven in one way by the benchmarks and by the page's tests."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

MISSING = "Chromium is not installed: apt-get install chromium"

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def launch(driver: Playwright) -> Browser | None:
    """The browser, without a window; None where it is not installed (`MISSING` says so)."""
    executable = shutil.which("chromium")
    if executable is None:
        return None
    return driver.chromium.launch(executable_path=executable, args=_ARGUMENTS)
