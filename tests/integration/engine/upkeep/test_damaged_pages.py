"""Damage anywhere in the catalogue file: verify sees it, or nothing that was stored is changed.

Places are chosen by a seed: 50 pages are overwritten with random bytes, and 50 bits flipped in
bytes that are not 0, one at a time.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mmsearch.catalogue import CaptionEntry, Catalogue
from mmsearch.engine.upkeep.findings import Check, FileCheck, VerifyOptions
from mmsearch.errors import MmsearchError
from tests.fakes import COLOURS, FakeRerankers
from tests.photos import bad_photo, fake_library, photo

PAGE_BYTES = 4096
N_PLACES = 50
INDEX_ALONE = VerifyOptions(FileCheck.NONE)


@dataclass(frozen=True, slots=True)
class Target:
    """A catalogue with a row in every table, to be damaged and put right again."""

    home: Path
    path: Path
    sound: bytes

    def put(self, data: bytes) -> None:
        """Have these bytes for a catalogue, without a log."""
        for end in ("-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)
        self.path.write_bytes(data)

    def seen(self) -> bool:
        """Whether verify finds damage in the catalogue, or opening refuses it."""
        try:
            with fake_library(self.home) as library:
                report = library.verify(INDEX_ALONE)
        except MmsearchError:
            return True
        blobs = {Check.CATALOGUE, Check.EMBEDDINGS, Check.REGIONS}
        return any(finding.check in blobs for finding in report.findings)

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """All that is stored, by table, but the counters that SQLite keeps for itself."""
        raw = sqlite3.connect(self.path)
        names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        rows = {
            table: raw.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - from the schema
            for (table,) in raw.execute(names).fetchall()
        }
        raw.close()
        return rows


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    folder = tmp_path_factory.mktemp("damaged")
    home, photos = folder / "home", folder / "photos"
    files = [
        photo(photos / f"folder{seed % 3}" / f"{seed}.png", list(COLOURS)[seed % 8], seed)
        for seed in range(60)
    ]
    bad_photo(photos / "bad.png")
    with fake_library(home, rerankers=FakeRerankers()) as library:
        path = library.settings.index_dir / "catalogue.sqlite3"
        library.index(photos)
        with Catalogue.open(path) as catalogue:
            found = [catalogue.media_at(file) for file in files]
            ids = [media.media_id for media in found if media is not None]
            captions = [CaptionEntry(f"a {item} text", item, "captions.csv") for item in ids]
            catalogue.add_captions([*captions, *(CaptionEntry(f"free {n}") for n in range(10))])
        library.index(photos)
        library.remove(files[0])
        with Catalogue.open(path) as catalogue:
            catalogue.checkpoint()
    target = Target(home, path, path.read_bytes())
    rows = target.rows()
    assert all(rows.values()), [table for table, held in rows.items() if not held]
    assert not target.seen()
    return target


@pytest.fixture
def restored(target: Target) -> Iterator[Target]:
    """The target, whole again after the test."""
    yield target
    target.put(target.sound)


def test_every_overwritten_page_is_seen(restored: Target) -> None:
    rng = random.Random(20)
    pages = len(restored.sound) // PAGE_BYTES
    for _ in range(N_PLACES):
        at = rng.randrange(pages) * PAGE_BYTES
        data = bytearray(restored.sound)
        data[at : at + PAGE_BYTES] = rng.randbytes(PAGE_BYTES)
        restored.put(bytes(data))
        assert restored.seen(), f"page {at // PAGE_BYTES}"


def test_every_flipped_bit_is_seen_or_changes_nothing_that_is_stored(restored: Target) -> None:
    rng = random.Random(21)
    used = [at for at, byte in enumerate(restored.sound) if byte]
    truth = restored.rows()
    outcomes: Counter[str] = Counter()
    for _ in range(N_PLACES):
        at, bit = rng.choice(used), rng.randrange(8)
        data = bytearray(restored.sound)
        data[at] ^= 1 << bit
        restored.put(bytes(data))
        if restored.seen():
            outcomes["seen"] += 1
        else:
            restored.put(bytes(data))
            assert restored.rows() == truth, f"bit {bit} of byte {at}"
            outcomes["nothing changed"] += 1
    assert outcomes["seen"] > 0.9 * N_PLACES


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_catalogue_that_was_cut_is_seen(restored: Target, share: float) -> None:
    restored.put(restored.sound[: int(share * len(restored.sound))])
    assert restored.seen()
