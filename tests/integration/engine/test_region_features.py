"""Region features while indexing: with new pictures, caught up for old ones, never twice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.progress import SilentProgress
from mmsearch.engine.records import IndexOptions
from mmsearch.errors import ModelError
from mmsearch.rerank_types import RegionCodes
from tests.fakes import (
    FAKE_PROJECTION,
    FakeCrossEncoder,
    FakeModels,
    FakeRegionEncoder,
    FakeRerankers,
    fake_space,
)
from tests.photos import bad_photo, counts, fake_library, photo
from tests.region_projections import random_projection

WITHOUT = IndexOptions(rerank_features=False)


def codes_by_name(library: Library, projection=FAKE_PROJECTION) -> dict[str, RegionCodes]:
    """The codes of each file that has some."""
    with library._factory.catalogues.lease() as catalogue:
        ids = catalogue.allowed_contents()
        found, codes = catalogue.region_codes(fake_space(), projection, ids)
        records = catalogue.media_for_contents(found)
    return {records[item].path.name: row for item, row in zip(found.tolist(), codes, strict=True)}


def n_with_regions(models: FakeModels) -> int:
    return sum(encoder.n_with_regions for encoder in models.region_encoders.values())


@pytest.fixture
def five(photos: Path) -> Path:
    """Five pictures."""
    for seed in range(5):
        photo(photos / f"{seed}.png", ("red", "green", "blue")[seed % 3], seed)
    return photos


def test_new_pictures_get_their_regions_in_the_same_pass(
    home: Path, five: Path, models: FakeModels
) -> None:
    with fake_library(home, models, rerankers=FakeRerankers()) as library:
        assert counts(library.index(five)) == {"added": 5}
        codes = codes_by_name(library)
        assert sorted(codes) == [f"{seed}.png" for seed in range(5)]
        assert codes["0.png"][0].argmax() == 0  # red
        assert codes["1.png"][0].argmax() == 1  # green
        assert models.loads == ["fake with regions"]
        assert n_with_regions(models) == 5
        assert counts(library.index(five)) == {"unchanged": 5}
        assert n_with_regions(models) == 5
        assert library.status().spaces[0].n_with_regions == 5
        assert library.info(five / "0.png").region_spaces == (fake_space(),)


def test_a_model_without_a_reranker_keeps_no_regions(home: Path, five: Path) -> None:
    models = FakeModels()
    with fake_library(home, models, rerankers=FakeRerankers(names=())) as library:
        library.index(five)
        assert codes_by_name(library) == {}
        assert models.loads == ["fake"]
        assert library.status().spaces[0].n_with_regions == 0
        assert library.info(five / "0.png").region_spaces == ()


def test_regions_can_be_left_out(home: Path, five: Path, models: FakeModels) -> None:
    with fake_library(home, models, rerankers=FakeRerankers()) as library:
        assert counts(library.index(five, WITHOUT)) == {"added": 5}
        assert codes_by_name(library) == {}
    assert models.loads == ["fake"]


def test_regions_that_nothing_reads_are_refused_before_an_index_is_made(
    home: Path, five: Path
) -> None:
    with (
        fake_library(home, rerankers=FakeRerankers(names=())) as library,
        pytest.raises(ModelError, match=r"no reranker.*--reranker DIR"),
    ):
        library.index(five, IndexOptions(rerank_features=True))
    assert not home.exists()


def test_an_index_made_without_regions_catches_up(
    home: Path, five: Path, models: FakeModels
) -> None:
    """Its pictures count as unchanged, are decoded once more, and keep their embeddings."""
    with fake_library(home, FakeModels()) as library:
        library.index(five)
    with fake_library(home, models, rerankers=FakeRerankers()) as library:
        assert counts(library.index(five)) == {"unchanged": 5}
        assert len(codes_by_name(library)) == 5
        assert n_with_regions(models) == 5
        assert counts(library.index(five)) == {"unchanged": 5}
        assert n_with_regions(models) == 5
        assert len(library.query("red", k=9)) == 5


def test_catching_up_can_be_stopped_and_goes_on(home: Path, five: Path) -> None:
    class Stop(SilentProgress):
        def on_progress(self, done: int, total: int, failed: int) -> None:
            if done:
                raise KeyboardInterrupt

    with fake_library(home) as library:
        library.index(five)
    models = FakeModels()
    with fake_library(home, models, rerankers=FakeRerankers(), batch_size=2) as library:
        assert library.index(five, progress=Stop()).interrupted
        assert 0 < len(codes_by_name(library)) < 5
        assert counts(library.index(five)) == {"unchanged": 5}
        assert len(codes_by_name(library)) == 5
    assert n_with_regions(models) == 5


def test_copies_and_moves_need_no_second_look(home: Path, five: Path, models: FakeModels) -> None:
    with fake_library(home, models, rerankers=FakeRerankers()) as library:
        library.index(five)
        shutil.copy(five / "0.png", five / "copy.png")
        (five / "1.png").rename(five / "moved.png")
        assert counts(library.index(five)) == {"added": 1, "moved": 1, "unchanged": 4}
        assert "moved.png" in codes_by_name(library)
    assert n_with_regions(models) == 5


def test_a_copy_of_a_picture_without_regions_brings_them(home: Path, five: Path) -> None:
    """Known by its digest, and decoded all the same: for the picture, not for the copy."""
    with fake_library(home) as library:
        library.index(five)
    shutil.copy(five / "0.png", five / "copy.png")
    models = FakeModels()
    with fake_library(home, models, rerankers=FakeRerankers()) as library:
        assert counts(library.index(five)) == {"added": 1, "unchanged": 5}
        assert len(codes_by_name(library)) == 5
    assert n_with_regions(models) == 5


def test_a_changed_picture_gets_new_regions(home: Path, five: Path) -> None:
    with fake_library(home, rerankers=FakeRerankers()) as library:
        library.index(five)
        photo(five / "0.png", "blue", 77)
        assert counts(library.index(five)) == {"updated": 1, "unchanged": 4}
        assert codes_by_name(library)["0.png"][0].argmax() == 2
        assert library.status().spaces[0].n_with_regions == 5  # the old ones left


def test_a_picture_that_went_bad_is_recorded_once(home: Path, five: Path) -> None:
    """With its time and size as before, it is found out only by decoding it again."""
    with fake_library(home) as library:
        library.index(five)
    info = (five / "0.png").stat()
    bad_photo(five / "0.png", b"x" * info.st_size)
    os.utime(five / "0.png", ns=(info.st_atime_ns, info.st_mtime_ns))
    models = FakeModels()
    with fake_library(home, models, rerankers=FakeRerankers()) as library:
        for _ in range(2):
            assert counts(library.index(five)) == {"unchanged": 4, "failed": 1}
        assert n_with_regions(models) == 4
        assert len(library.query("red", k=9)) == 5


def test_another_projection_replaces_the_codes_of_the_first(home: Path, five: Path) -> None:
    """A retrained reranker reads other features: all pictures get them, the old ones go."""
    other = random_projection(channels=3, grid=(2, 2), dim=3)
    with fake_library(home, rerankers=FakeRerankers()) as library:
        library.index(five)
    retrained = FakeRerankers(encoder=FakeCrossEncoder(projection=other))
    with fake_library(home, rerankers=retrained) as library:
        assert counts(library.index(five)) == {"unchanged": 5}
        assert len(codes_by_name(library, other)) == 5
        assert codes_by_name(library) == {}


def test_codes_are_those_of_the_decoded_picture(home: Path, photos: Path) -> None:
    from PIL import Image

    path = photo(photos / "a.png", "green", 3, size=16)
    with fake_library(home, rerankers=FakeRerankers()) as library:
        library.index(photos)
        pixels = np.asarray(Image.open(path))[np.newaxis]
        _, expected = FakeRegionEncoder().encode_with_regions(pixels)
        np.testing.assert_array_equal(codes_by_name(library)["a.png"], expected[0])


def test_another_models_run_leaves_them_alone(home: Path, five: Path) -> None:
    with fake_library(home, rerankers=FakeRerankers()) as library:
        library.index(five)
    with fake_library(home, rerankers=FakeRerankers(), model="other") as library:
        assert counts(library.index(five)) == {"updated": 5}
        assert [one.n_with_regions for one in library.status().spaces] == [5, 0]
