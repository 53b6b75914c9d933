"""A fresh catalogue with one root and one space."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.catalogue import Catalogue, RootRecord
from tests.catalogue_rows import make_space


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    """An empty catalogue that knows the default test space."""
    with Catalogue.open(tmp_path / "index" / "catalogue.sqlite3", create=True) as opened:
        opened.add_space(make_space())
        yield opened


@pytest.fixture
def root(catalogue: Catalogue) -> RootRecord:
    """The root /photos."""
    return catalogue.add_root(Path("/photos"))
