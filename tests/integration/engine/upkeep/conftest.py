"""An index with everything in it that can be damaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.catalogue import CaptionEntry
from mmsearch.engine.library import Library
from tests.fakes import FakeModels, FakeRerankers
from tests.integration.engine.upkeep.damage import N_PHOTOS, catalogue_of
from tests.photos import bad_photo, fake_library, photo


@pytest.fixture
def index(home: Path, photos: Path) -> Iterator[Library]:
    """A library of six pictures with regions, a bad file and two captions."""
    for seed in range(N_PHOTOS):
        photo(photos / f"{seed}.png", ("red", "green", "blue")[seed % 3], seed)
    bad_photo(photos / "bad.png")
    with fake_library(home, FakeModels(), rerankers=FakeRerankers()) as library:
        library.index(photos)
        with catalogue_of(library) as catalogue:
            catalogue.add_captions([CaptionEntry("a red thing"), CaptionEntry("a blue one")])
        library.index(photos)
        yield library
