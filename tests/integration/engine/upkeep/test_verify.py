"""Verify: a sound index is sound; each kind of damage is one finding of its check."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mmsearch.catalogue import CaptionEntry
from mmsearch.catalogue.checksums import checksum_of
from mmsearch.engine.library import Library
from mmsearch.engine.upkeep.findings import Check, FileCheck, VerifyOptions, VerifyReport
from mmsearch.errors import CatalogueError
from mmsearch.types import Modality
from mmsearch.vectors import vector_path
from mmsearch.vectors.files import Content, load, save
from tests.fakes import FakeRerankers, fake_space
from tests.integration.engine.upkeep.damage import N_PHOTOS, catalogue_of, change
from tests.photos import fake_library, photo, touch_later

SPACE = fake_space()


def found(report: VerifyReport) -> Counter[Check]:
    return Counter(finding.check for finding in report.findings)


def test_a_sound_index_is_sound_and_all_of_it_is_looked_at(index: Library) -> None:
    report = index.verify()
    assert report.findings == ()
    assert report.sound
    assert (report.n_embeddings, report.n_regions) == (N_PHOTOS + 2, N_PHOTOS)
    assert report.n_vectors == N_PHOTOS + 2
    assert (report.n_files, report.n_read, report.n_offline) == (N_PHOTOS, N_PHOTOS, 0)


def test_without_an_index_there_is_nothing_to_verify(library: Library) -> None:
    with pytest.raises(CatalogueError, match="mmsearch index"):
        library.verify()


def test_a_picture_that_is_gone_or_changed_is_found(index: Library, photos: Path) -> None:
    (photos / "0.png").unlink()
    touch_later(photos / "1.png")
    report = index.verify()
    assert [finding.where for finding in report.findings] == [
        str(photos / "0.png"),
        str(photos / "1.png"),
    ]
    assert found(report) == {Check.FILES: 2}
    assert "mmsearch index" in report.findings[0].advice
    index.index(photos)
    assert index.verify().sound


def test_other_bytes_of_the_same_size_and_time_are_found_by_reading(
    index: Library, photos: Path
) -> None:
    path = photos / "2.png"
    info, data = path.stat(), bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    [finding] = index.verify(VerifyOptions(FileCheck.ALL)).findings
    assert (finding.check, finding.where) == (Check.FILES, str(path))
    assert "though its size and time are the same" in finding.what
    report = index.verify(VerifyOptions(sample=0))
    assert (report.findings, report.n_files, report.n_read) == ((), N_PHOTOS, 0)
    report = index.verify(VerifyOptions(FileCheck.NONE))
    assert (report.findings, report.n_files) == ((), 0)


def test_a_sample_is_read_whole_by_its_seed(index: Library) -> None:
    report = index.verify(VerifyOptions(sample=2, seed=3))
    assert (report.n_files, report.n_read) == (N_PHOTOS, 2)


def test_a_missing_folder_is_offline_and_no_finding(index: Library, photos: Path) -> None:
    shutil.move(photos, photos.with_name("away"))
    report = index.verify()
    assert report.sound
    assert (report.n_files, report.n_offline) == (0, N_PHOTOS)


@pytest.mark.parametrize("damage", ["flipped", "short", "long", "no checksum"])
@pytest.mark.parametrize("modality", list(Modality))
def test_a_damaged_embedding_is_found(index: Library, modality: Modality, damage: str) -> None:
    table = f"{modality.value}_embeddings"
    value = {
        "flipped": "embedding = zeroblob(length(embedding))",
        "short": "embedding = x'0102'",
        "long": "embedding = CAST(embedding || x'0102' AS BLOB)",
        "no checksum": "checksum = NULL",
    }[damage]
    change(index, f"UPDATE {table} SET {value} WHERE item_id = 2")  # noqa: S608 - fixed values
    [finding] = index.verify().findings
    assert finding.check is Check.EMBEDDINGS
    assert "mmsearch repair" in finding.advice


@pytest.mark.parametrize("number", [np.nan, np.inf, 2.0])
def test_an_embedding_that_no_model_gave_is_found(index: Library, number: float) -> None:
    """As a broken program would write it, with its checksum."""
    row = np.zeros(SPACE.dim, "<f2")
    row[0] = number
    blob = row.tobytes()
    sql = "UPDATE image_embeddings SET embedding = ?, checksum = ? WHERE item_id = 1"
    change(index, sql, blob, checksum_of(blob))
    [finding] = index.verify().findings
    assert finding.check is Check.EMBEDDINGS
    assert "not 1" in finding.what


def test_damaged_regions_are_found(index: Library) -> None:
    change(index, "UPDATE region_features SET codes = zeroblob(12) WHERE content_id = 4")
    [finding] = index.verify().findings
    assert finding.check is Check.REGIONS
    assert finding.where.endswith("3.png")


def test_what_pictures_lack_is_found(index: Library, photos: Path) -> None:
    change(index, "DELETE FROM region_features WHERE content_id < 3")
    [finding] = index.verify().findings
    assert finding.check is Check.REGIONS
    assert "(and 1 others)" in finding.what
    change(index, "DELETE FROM image_embeddings WHERE content_id = 5".replace("content", "item"))
    assert found(index.verify())[Check.EMBEDDINGS] == 1
    index.index(photos)
    assert index.verify().sound


def test_captions_that_lack_an_embedding_are_found(index: Library, photos: Path) -> None:
    with catalogue_of(index) as catalogue:
        catalogue.add_captions([CaptionEntry("a new one")])
    [finding] = index.verify().findings
    assert (finding.check, finding.where) == (Check.EMBEDDINGS, "caption 3")
    index.index(photos)
    assert index.verify().sound


def test_an_index_that_keeps_no_regions_lacks_none(home: Path, photos: Path) -> None:
    photo(photos / "a.png")
    with fake_library(home, rerankers=FakeRerankers(names=())) as library:
        library.index(photos)
        assert library.verify().sound


def test_a_flipped_bit_in_any_small_column_is_found(index: Library) -> None:
    """Behind SQLite's back: the row in its page, not the copy in the index."""
    index.close()
    path = index.settings.index_dir / "catalogue.sqlite3"
    data = path.read_bytes()
    name = SPACE.name.encode()
    places = [at for at in range(len(data)) if data.startswith(name, at)]
    assert places
    for at in places:
        path.write_bytes(data[:at] + bytes([data[at] ^ 2]) + data[at + 1 :])
        report = index.verify()
        assert found(report)[Check.CATALOGUE] == len(report.findings) > 0
        index.close()


def test_rows_that_belong_to_nothing_are_found(index: Library) -> None:
    with catalogue_of(index) as catalogue:
        catalogue._db.read("PRAGMA foreign_keys = OFF")
        with catalogue._db.write() as connection:
            connection.exec_driver_sql("DELETE FROM contents WHERE content_id = 1")
    report = index.verify()
    assert found(report) == {Check.CATALOGUE: 3}  # media, embedding, regions
    assert "belongs to a row of contents that is not there" in report.findings[0].what


def test_a_lost_index_is_found(index: Library) -> None:
    change(index, "DROP INDEX ix_media_content_id")
    [finding] = index.verify().findings
    assert finding.check is Check.CATALOGUE
    assert "ix_media_content_id is not defined as this version" in finding.what


def test_a_vector_file_may_be_missing_or_old(index: Library, photos: Path) -> None:
    path = vector_path(index.settings.index_dir, SPACE, Modality.IMAGE)
    old = path.read_bytes()
    photo(photos / "new.png", "cyan", 77)
    index.index(photos)
    path.write_bytes(old)
    assert index.verify().sound
    path.unlink()
    report = index.verify()
    assert report.sound
    assert report.n_vectors == 2


def test_a_vector_file_that_differs_is_found(index: Library) -> None:
    """A sound file by itself, of the right generation, that holds another vector."""
    path = vector_path(index.settings.index_dir, SPACE, Modality.IMAGE)
    loaded = load(path, SPACE.dim)
    changed = loaded.rows.subset(np.arange(len(loaded.rows) - 1))
    changed.codes()[0] = changed.codes()[1]
    save(path, Content(changed, loaded.manifest.generation))
    [finding] = index.verify().findings
    assert (finding.check, finding.where) == (Check.VECTORS, str(path))
    assert "1 rows missing, 0 too many, 1 with another vector" in finding.what


def test_a_damaged_vector_file_is_found(index: Library) -> None:
    path = vector_path(index.settings.index_dir, SPACE, Modality.CAPTION)
    path.write_bytes(path.read_bytes()[:-3])
    [finding] = index.verify().findings
    assert finding.check is Check.VECTORS


def test_steps_are_told(index: Library) -> None:
    steps: list[str] = []

    class Listener:
        def on_step(self, step: str, done: int, total: int | None) -> None:
            steps.append(step)

    index.verify(progress=Listener())
    assert list(dict.fromkeys(steps)) == [
        *("checking the catalogue", "checking embeddings", "checking region features"),
        *("comparing vector files", "reading files"),
    ]
