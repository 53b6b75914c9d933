"""Restore: exact old answers, checked first, undone by its own restore point."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from mmsearch.catalogue import Catalogue
from mmsearch.catalogue.exclusive import held_alone
from mmsearch.engine.library import Library
from mmsearch.errors import CatalogueError
from tests.catalogue_rows import as_older_schema
from tests.integration.engine.upkeep.filled import (
    N_PHOTOS,
    answers,
    caption_answers,
    catalogue_file,
    filled_library,
    rows_of,
)
from tests.photos import fake_library, photo


@pytest.fixture
def index(home: Path, photos: Path) -> Iterator[Library]:
    """A library with something in it."""
    with filled_library(home, photos) as library:
        yield library


@pytest.fixture
def backup(index: Library, tmp_path: Path) -> Path:
    """A backup of it."""
    index.backup(tmp_path / "backup")
    return tmp_path / "backup"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for others to close a catalogue."""
    monkeypatch.setattr("mmsearch.catalogue.exclusive._PATIENCE_S", 0.1)


def change(index: Library, photos: Path) -> None:
    """Add pictures, remove some, over more generations than the backup has."""
    for number in range(4):
        photo(photos / f"later{number}.png", "red", 100 + number)
        index.index(photos)
    index.remove(photos / "0.png")
    index.query("red")


def contents_of(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def rewrite(backup: Path, sql: str) -> None:
    """Change the catalogue of a backup, with a record that fits it."""
    copy = backup / "catalogue.sqlite3"
    raw = sqlite3.connect(copy, isolation_level=None)
    raw.execute("PRAGMA journal_mode = DELETE")
    raw.executescript(sql)
    raw.close()
    data = copy.read_bytes()
    record = json.loads((backup / "backup.json").read_text())
    record |= {"digest": blake3(data).hexdigest(), "size_bytes": len(data)}
    (backup / "backup.json").write_text(json.dumps(record))


def test_old_answers_come_back_exactly(index: Library, photos: Path, backup: Path) -> None:
    before = answers(index), caption_answers(index), index.status().n_files
    change(index, photos)
    assert answers(index) != before[0]
    report = index.restore(backup)
    assert (answers(index), caption_answers(index), index.status().n_files) == before
    assert report.backup.files == N_PHOTOS
    again = fake_library(index.settings.home)
    assert answers(again) == before[0]
    again.close()


def test_the_next_run_goes_on_from_the_restored_state(
    index: Library, photos: Path, backup: Path
) -> None:
    """New rows get ids and generations that the lost rows had; no vector of those may show."""
    change(index, photos)
    after = answers(index)
    index.restore(backup)
    photo(photos / "0.png", "blue", 77)
    summary = index.index(photos)
    assert (summary.added, summary.updated) == (4, 1)
    photo(photos / "0.png").unlink()
    index.remove(photos / "0.png")
    assert sorted(answers(index)) == sorted(after)


def test_what_was_there_is_kept_and_can_be_restored(
    index: Library, photos: Path, backup: Path
) -> None:
    change(index, photos)
    after, rows = answers(index), rows_of(catalogue_file(index))
    kept = index.restore(backup).kept
    assert kept is not None
    assert kept.parent == index.settings.index_dir
    assert kept.name.startswith("before-restore-")
    assert rows_of(kept / "catalogue.sqlite3") == rows
    index.restore(kept)
    assert answers(index) == after
    assert len(list(kept.parent.glob("before-restore-*"))) == 2
    assert not list(kept.parent.glob(".restore-*"))


def test_a_backup_becomes_an_index_of_another_name(index: Library, backup: Path) -> None:
    other = fake_library(index.settings.home, index="other")
    assert other.is_new()
    assert other.restore(backup).kept is None
    assert answers(other) == answers(index)
    other.close()


def test_an_old_log_is_not_taken_for_the_new_catalogues(index: Library, backup: Path) -> None:
    """Somebody deleted the catalogue and left its write-ahead log."""
    path = catalogue_file(index)
    with Catalogue.open(path) as catalogue:
        catalogue.add_root(Path("/elsewhere"))
        log = path.with_name("catalogue.sqlite3-wal").read_bytes()
    index.close()
    path.unlink()
    path.with_name("catalogue.sqlite3-wal").write_bytes(log)
    index.restore(backup)
    assert [root.path.name for root in index.status().roots] == ["photos"]
    assert rows_of(path) == rows_of(backup / "catalogue.sqlite3")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda b: (b / "backup.json").unlink(), r"no whole backup \(backup.json is not there\)"),
        (lambda b: (b / "catalogue.sqlite3").unlink(), "cannot be read"),
        (lambda b: flip(b / "catalogue.sqlite3", 5000), "not as it was backed up"),
        (lambda b: flip(b / "catalogue.sqlite3", -1), "not as it was backed up"),
        (lambda b: cut(b / "catalogue.sqlite3"), "not as it was backed up"),
        (lambda b: rewrite(b, "PRAGMA user_version = 99"), "schema 99.*upgrade mmsearch"),
        (lambda b: rewrite(b, "PRAGMA application_id = 7"), "not a catalogue of mmsearch"),
        (
            lambda b: rewrite(b, "PRAGMA foreign_keys = OFF; DELETE FROM contents"),
            r"is damaged \(row \d+ of \w+ belongs to a row of contents that is not there\)",
        ),
    ],
    ids=["no record", "no file", "flipped", "last", "cut", "newer", "foreign", "rows"],
)
def test_what_is_wrong_with_a_backup_is_seen_before_anything_is_changed(
    index: Library, backup: Path, spoil: Callable[[Path], None], says: str
) -> None:
    spoil(backup)
    index.close()
    before = contents_of(index.settings.home)
    with pytest.raises(CatalogueError, match=says) as caught:
        index.restore(backup)
    assert "\n" not in str(caught.value)
    assert contents_of(index.settings.home) == before
    assert len(answers(index)) == N_PHOTOS


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-4096])


def test_an_index_that_is_in_use_is_not_replaced(
    index: Library, backup: Path, impatient: None
) -> None:
    before = rows_of(catalogue_file(index))
    other = fake_library(index.settings.home)
    other.query("red")  # its connection stays, idle
    with pytest.raises(CatalogueError, match=r"is in use: end what has it open .*mmsearch serve"):
        index.restore(backup)
    assert rows_of(catalogue_file(index)) == before
    assert not list(index.settings.index_dir.glob("*restore*"))
    other.close()
    index.restore(backup)


def test_nor_one_that_another_process_has_open(
    index: Library, backup: Path, impatient: None
) -> None:
    code = (
        "import sys; from pathlib import Path; from mmsearch.catalogue import Catalogue\n"
        "with Catalogue.open(Path(sys.argv[1])): print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(catalogue_file(index))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(CatalogueError, match="is in use"):
            index.restore(backup)
        other.communicate()
    index.restore(backup)


def test_who_waited_meanwhile_opens_the_new_catalogue(index: Library, backup: Path) -> None:
    """A file that is replaced between opening and locking is not written to under its old name."""
    path = catalogue_file(index)
    index.close()
    seen: list[bool] = []

    def wait() -> None:
        with Catalogue.open(path) as catalogue:
            catalogue.add_root(Path("/new"))

    with held_alone(path):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.5)
        seen.append(thread.is_alive())
        fresh = path.with_name("fresh")
        fresh.write_bytes((backup / "catalogue.sqlite3").read_bytes())
        path.rename(path.with_name("old"))
        fresh.rename(path)
    thread.join()
    assert seen == [True]
    with Catalogue.open(path) as catalogue:
        assert Path("/new") in [root.path for root in catalogue.roots()]
    assert not any("'/new'" in row or "2F6E6577" in row for row in rows_of(path.with_name("old")))


@pytest.mark.parametrize("damage", ["header", "pages", "short", "empty"])
def test_a_damaged_catalogue_is_replaced_and_kept(
    index: Library, backup: Path, damage: str
) -> None:
    before = answers(index)
    index.close()
    path = catalogue_file(index)
    data = path.read_bytes()
    spoilt = {
        "header": b"\xff" * 100 + data[100:],
        "pages": data[:4096] + b"\xff" * (len(data) - 4096),
        "short": data[:300],
        "empty": b"",
    }[damage]
    path.write_bytes(spoilt)
    path.with_name("catalogue.sqlite3-wal").write_bytes(b"a log that nobody can read" * 10)
    report = index.restore(backup)
    assert answers(index) == before
    assert report.kept is not None
    assert damage == "empty" or (report.kept / path.name).read_bytes() == spoilt
    assert not (report.kept / "backup.json").exists()


def test_an_older_schema_is_upgraded_when_it_is_opened(index: Library, backup: Path) -> None:
    """Schema 1 had neither the tables of region features nor what came later."""
    before = answers(index)
    rewrite(backup, as_older_schema(1))
    index.restore(backup)
    assert answers(index) == before


def test_a_second_restore_forgets_points_of_one_that_changed_nothing(
    index: Library, backup: Path
) -> None:
    point = index.settings.index_dir / "before-restore-killed"
    point.mkdir()
    (point / "catalogue.sqlite3").hardlink_to(catalogue_file(index))
    kept = index.restore(backup).kept
    assert list(index.settings.index_dir.glob("before-restore-*")) == [kept]
