from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmsearch.engine.diff import Need, PendingFile


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[PendingFile]]:
    """Makes files that exist, so that a failure is not taken for a vanished file."""

    def make(count: int, need: Need = Need.NEW, root_id: int = 1) -> list[PendingFile]:
        made = []
        for number in range(count):
            path = tmp_path / f"{number}.png"
            path.touch()
            made.append(PendingFile(need, root_id, path.name.encode(), path, 10, 20, number + 1))
        return made

    return make
