"""Backup: whole, of one moment, checked; and where it fails, nothing is left of it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from blake3 import blake3

from mmsearch.catalogue import Catalogue, CatalogueBatch
from mmsearch.catalogue.copies import check_copy
from mmsearch.catalogue.schema_version import SCHEMA_VERSION
from mmsearch.engine.library import Library
from mmsearch.engine.upkeep.backup import read_record
from mmsearch.engine.upkeep.findings import SilentUpkeep
from mmsearch.errors import CatalogueError
from tests.catalogue_rows import make_space, new_file
from tests.integration.engine.upkeep.filled import N_PHOTOS, catalogue_file, filled_library, rows_of
from tests.photos import fake_library


@pytest.fixture
def index(home: Path, photos: Path) -> Iterator[Library]:
    """A library with something in it."""
    with filled_library(home, photos) as library:
        yield library


def test_a_backup_holds_all_rows_and_says_so(index: Library, tmp_path: Path) -> None:
    folder = tmp_path / "backups" / "monday"
    record = index.backup(folder)
    copy = folder / "catalogue.sqlite3"
    assert sorted(file.name for file in folder.iterdir()) == ["backup.json", "catalogue.sqlite3"]
    assert rows_of(copy) == rows_of(catalogue_file(index))
    assert (record.files, record.pictures, record.captions) == (N_PHOTOS, N_PHOTOS, 2)
    assert (record.embeddings, record.schema) == (N_PHOTOS + 2, SCHEMA_VERSION)
    assert record.index == "default"
    assert read_record(folder) == record


def test_size_and_digest_are_those_of_the_file(index: Library, tmp_path: Path) -> None:
    record = index.backup(tmp_path / "b")
    data = (tmp_path / "b" / "catalogue.sqlite3").read_bytes()
    assert (record.size_bytes, record.digest) == (len(data), blake3(data).hexdigest())


def test_an_empty_folder_will_do_but_no_other(index: Library, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    folder.mkdir()
    index.backup(folder)
    before = {file: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(CatalogueError, match="is not empty: name a new folder"):
        index.backup(folder)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before
    (tmp_path / "file").touch()
    with pytest.raises(CatalogueError, match=r"cannot be written \(file exists\)"):
        index.backup(tmp_path / "file")


def test_without_an_index_there_is_no_backup(home: Path, tmp_path: Path) -> None:
    with fake_library(home) as library, pytest.raises(CatalogueError, match="no index 'default'"):
        library.backup(tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_damaged_catalogue_is_not_backed_up(index: Library, tmp_path: Path) -> None:
    index.close()
    path = catalogue_file(index)
    path.write_bytes(path.read_bytes().replace(b"1.png", b"7.png", 1))
    with pytest.raises(CatalogueError, match=r"is damaged, and no backup is made"):
        index.backup(tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_damaged_embeddings_and_regions_are_kept_and_counted(
    index: Library, tmp_path: Path
) -> None:
    """A copy that SQLite finds whole is better than none; but its user is told."""
    assert index.backup(tmp_path / "sound").damaged == 0
    index.close()
    with closing(sqlite3.connect(catalogue_file(index))) as raw, raw:
        raw.execute("UPDATE image_embeddings SET embedding = zeroblob(32) WHERE item_id = 1")
        raw.execute("UPDATE image_embeddings SET embedding = 'text' WHERE item_id = 2")
        raw.execute("UPDATE caption_embeddings SET checksum = NULL WHERE item_id = 1")
    record = index.backup(tmp_path / "b")
    assert (record.damaged, read_record(tmp_path / "b")) == (3, record)
    assert rows_of(tmp_path / "b" / "catalogue.sqlite3") == rows_of(catalogue_file(index))
    assert index.restore(tmp_path / "b").backup.damaged == 3


def test_a_backup_of_an_older_version_tells_of_no_damage(index: Library, tmp_path: Path) -> None:
    record = index.backup(tmp_path / "b")
    file = tmp_path / "b" / "backup.json"
    shape = json.loads(file.read_text("utf-8"))
    del shape["damaged"]
    file.write_text(json.dumps(shape), "utf-8")
    assert read_record(tmp_path / "b") == record


def test_ctrl_c_leaves_nothing(index: Library, tmp_path: Path) -> None:
    class Stops(SilentUpkeep):
        def on_step(self, step: str, done: int, total: int | None) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.backup(tmp_path / "b", Stops())
    assert not (tmp_path / "b").exists()
    assert len(index.query("red", k=9)) == N_PHOTOS


def test_a_backup_is_of_one_moment_while_another_writes(tmp_path: Path) -> None:
    """Each transaction adds two files: a copy that caught half of one would hold an odd number."""
    path, space, stop = tmp_path / "c.sqlite3", make_space(), threading.Event()
    with Catalogue.open(path, create=True) as catalogue:
        root_id = catalogue.add_root(Path("/photos")).root_id
        catalogue.add_space(space)

    written = 0

    def write() -> None:
        nonlocal written
        with Catalogue.open(path) as catalogue:
            while not stop.is_set():
                pair = tuple(new_file(f"{written}{c}", f"{written}{c}") for c in "ab")
                catalogue.apply(CatalogueBatch(root_id, pair, space=space))
                written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = []
        for number in range(12):
            copy = tmp_path / f"copy{number}"
            steps: list[int] = []

            def tell(done: int, total: int, steps: list[int] = steps) -> None:
                steps.append(done)
                stop.wait(0.02)  # so that commits fall between the steps

            before = written
            with Catalogue.open(path) as catalogue:
                catalogue.copy_to(copy, tell)
            facts = check_copy(copy)
            assert facts.files % 2 == 0
            assert facts.files == facts.pictures == facts.embeddings
            assert facts.files >= 2 * before
            seen.append(facts.files)
    finally:
        stop.set()
        writer.join()
    assert seen == sorted(seen)
    assert len(set(seen)) > 6


def test_many_steps_copy_one_state(
    index: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit between two steps neither shows in the copy nor makes it begin anew."""
    monkeypatch.setattr("mmsearch.catalogue.copies._PAGES_A_STEP", 1)
    before = rows_of(catalogue_file(index))
    done: list[int] = []

    class RemovesOne(SilentUpkeep):
        def on_step(self, step: str, n: int, total: int | None) -> None:
            if step == "copying":
                done.append(n)
                if len(done) == 3:
                    index.remove(next(iter(index.query("red", k=1))).media.path)

    index.backup(tmp_path / "b", RemovesOne())
    assert rows_of(tmp_path / "b" / "catalogue.sqlite3") == before
    assert rows_of(catalogue_file(index)) != before
    assert done == sorted(done)


def test_a_newer_format_asks_for_an_upgrade(index: Library, tmp_path: Path) -> None:
    index.backup(tmp_path / "b")
    file = tmp_path / "b" / "backup.json"
    shape = json.loads(file.read_text())
    file.write_text(json.dumps({**shape, "format": 9, "new": 1}))
    with pytest.raises(CatalogueError, match="has format 9, this mmsearch knows 1: upgrade"):
        read_record(tmp_path / "b")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', '"x"', "\x00"])
def test_a_record_that_cannot_be_read_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "backup.json").write_text(text)
    with pytest.raises(CatalogueError, match=r"backup\.json cannot be read") as caught:
        read_record(tmp_path)
    assert "\n" not in str(caught.value)
