"""Serves the demo's photographs as a user does, and opens the page in Debian's Chromium."""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.browser import MISSING, launch
from benchmarks.command import mmsearch_command, run
from mmsearch.cli.demo import copy_photographs

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CAPTIONS = (
    ("astronaut.png", "A smiling astronaut in an orange suit, a shuttle model behind her"),
    ("astronaut.png", "Portrait before the flag, the helmet on the table"),
    ("chelsea.png", "A tabby cat looks past the camera"),
    ("coffee.png", "Espresso in a white cup on a red saucer"),
    ("coffee.png", "A cup of coffee and a spoon on a wooden table"),
    ("rocket.jpg", "A rocket stands on its launch pad at dusk"),
    ("motorcycle_left.png", "A red motorcycle in a workshop"),
    ("camera.png", "A photographer at work on a lawn"),
    ("moon.png", "Craters of the Moon"),
)


@contextmanager
def demo_page(folder: Path) -> Iterator[str]:
    """The address of a server over the demo's photographs, indexed below `folder`."""
    home, photos = folder / "home", folder / "photos"
    copy_photographs(photos)
    captions = folder / "captions.csv"
    with captions.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows((("file", "caption"), *CAPTIONS))
    run(home, "index", str(photos), "--captions", str(captions))
    process = subprocess.Popen(
        mmsearch_command("serve", "--port", "0"),
        env={**os.environ, "MMSEARCH_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stderr.readline() if process.stderr is not None else ""
        yield next(word for word in line.split() if word.startswith("http"))
    finally:
        process.terminate()
        process.communicate(timeout=60)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window.

    Raises:
        SystemExit: It is not installed.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = launch(driver)
        if browser is None:
            raise SystemExit(MISSING)
        yield browser
        browser.close()
