"""The page's files and where a login may lead."""

from __future__ import annotations

import pytest

from mmsearch.server.page import _local, _takes_gzip, static_files


def test_the_page_is_part_of_the_package() -> None:
    names = set(static_files())
    assert {"index.html", "login.html"} <= names
    assert not [name for name in names if name.endswith((".py", ".map"))]


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.5", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.00", False),
        ("xgzip", False),
    ],
)
def test_files_are_packed_for_who_can_unpack_them(accepted: str, takes: bool) -> None:
    assert _takes_gzip(accepted) is takes


@pytest.mark.parametrize("target", ["/", "/?q=a&k=1", "/api/v1/docs"])
def test_a_login_leads_back(target: str) -> None:
    assert _local(target) == target


@pytest.mark.parametrize(
    "target", ["", "x", "//x", "http://x", "/\\x", "/a\nb", "/\x00", "\t//x", "/ü"]
)
def test_but_nowhere_else(target: str) -> None:
    assert _local(target) == "/"
