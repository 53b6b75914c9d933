from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from mmsearch.cli.wording import (
    count_text,
    date_text,
    duration_text,
    shown,
    shown_short,
    size_text,
    time_text,
)
from tests.unit.cli.records import media


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_940, "9.9 kB"),
        (9_960, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (5 * 10**9, "5.0 GB"),
        (2 * 10**15, "2000.0 TB"),
    ],
)
def test_sizes_are_rounded_without_jumping_units(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (3725, "1 h 2 min")],
)
def test_durations_name_their_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_counts_agree_with_their_noun() -> None:
    assert count_text(1, "picture") == "1 picture"
    assert count_text(1234, "picture") == "1,234 pictures"
    assert count_text(2, "copy", "copies") == "2 copies"


def test_a_name_cannot_write_escape_codes_or_lines_to_the_terminal() -> None:
    assert shown(Path("a\x1b[31m\nb.jpg")) == "a\\x1b[31m\\nb.jpg"


def test_a_name_that_is_not_utf8_is_shown_with_its_bytes_escaped() -> None:
    assert shown(Path(os.fsdecode(b"caf\xe9.jpg"))) == "caf\\xe9.jpg"


def test_a_name_in_any_script_is_shown_as_it_is() -> None:
    assert shown(Path("été 夏.jpg")) == "été 夏.jpg"


def test_paths_below_the_current_folder_are_shown_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown_short(tmp_path / "a" / "b.jpg") == str(Path("a/b.jpg"))
    assert shown_short(tmp_path.parent / "b.jpg") == str(tmp_path.parent / "b.jpg")


def test_the_date_is_when_the_picture_was_taken_or_else_written() -> None:
    assert date_text(media(Path("a"), taken_at=datetime(1999, 12, 31, 23, 59))) == "1999-12-31"
    assert date_text(media(Path("a"))).startswith("2023-11-1")


def test_a_time_outside_the_calendar_is_a_dash() -> None:
    assert time_text(10**30) == "-"
