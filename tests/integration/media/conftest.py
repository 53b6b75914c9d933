"""Pictures to decode, and a pool that does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.media.pool import DecodePool
from tests.unit.media.samples import LIMITS, encoded, scene, spec


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Forty distinct sound files."""
    paths = [tmp_path / f"{index}.png" for index in range(40)]
    for index, path in enumerate(paths):
        path.write_bytes(encoded(scene(60 + index, 40)))
    return paths


@pytest.fixture
def pool() -> Iterator[DecodePool]:
    with DecodePool(spec(), LIMITS, workers=2) as pool:
        yield pool
