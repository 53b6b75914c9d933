"""Range headers and file names, taken apart and put together."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.server.originals import disposition, range_of
from mmsearch.server.problems import Refused


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-5", (2, 6)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=9-99", (9, 10)),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("bytes= 0-1", None),
        ("lines=0-1", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("", None),
    ],
)
def test_one_plain_range_or_all(header: str | None, part: tuple[int, int] | None) -> None:
    assert range_of(header, 10) == part


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-11", "bytes=-0"])
def test_beyond_the_end_is_refused_with_the_size(header: str) -> None:
    with pytest.raises(Refused) as refused:
        range_of(header, 10)
    assert refused.value.status_code == 416
    assert refused.value.headers == {"Content-Range": "bytes */10"}


@given(st.text(max_size=60), st.integers(0, 1000))
def test_whatever_is_asked_a_part_lies_within_the_file(header: str, size: int) -> None:
    try:
        part = range_of(header, size)
    except Refused:
        return
    if part is not None:
        assert 0 <= part[0] < part[1] <= size


@given(st.binary(min_size=1, max_size=40))
def test_any_file_name_is_safe_in_a_header(raw: bytes) -> None:
    line = disposition(os.fsdecode(raw), download=True)
    assert line.isascii()
    assert line.isprintable()
    assert '"' not in line
    assert line.count(";") == 1
