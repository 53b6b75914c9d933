"""What is taken for abandoned: old, or of a clock that was set back, and nobody at work on it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mmsearch.runtime.at_work import ABANDONED_AFTER_S, at_work_on, is_abandoned

LONG_S = 2 * ABANDONED_AFTER_S


def aged(path: Path, age_s: float) -> Path:
    moment = time.time() - age_s
    os.utime(path, (moment, moment))
    return path


@pytest.fixture(params=["file", "folder"])
def temporary(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "temporary"
    if request.param == "file":
        path.write_bytes(b"half")
    else:
        path.mkdir()
    return path


@pytest.mark.parametrize(("age_s", "abandoned"), [(0, False), (LONG_S, True), (-LONG_S, True)])
def test_age_tells_where_nobody_is_at_work(temporary: Path, age_s: float, abandoned: bool) -> None:
    assert is_abandoned(aged(temporary, age_s)) is abandoned


@pytest.mark.skipif(os.name == "nt", reason="there are no such marks on Windows")
@pytest.mark.parametrize("age_s", [LONG_S, -LONG_S])
def test_what_somebody_is_at_work_on_is_never_abandoned(temporary: Path, age_s: float) -> None:
    """Whatever the clocks of two machines, or of one before and after it was set, make of it."""
    with at_work_on(temporary):
        assert not is_abandoned(aged(temporary, age_s))
    assert is_abandoned(temporary)


def test_what_is_gone_is_not_abandoned(tmp_path: Path) -> None:
    assert not is_abandoned(tmp_path / "gone")
