"""Files that come back, and files whose size and time hide what happened to them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from mmsearch.engine.library import Library
from mmsearch.engine.progress import SilentProgress
from mmsearch.engine.records import IndexOptions
from mmsearch.engine.upkeep.findings import FileCheck, VerifyOptions
from mmsearch.media import digest as digest_module
from tests.fakes import FakeModels
from tests.photos import bad_photo, counts, found, n_encoded

RECHECK = IndexOptions(recheck=True)
ALL = VerifyOptions(files=FileCheck.ALL)


def _bmp(path: Path, colour: tuple[int, int, int]) -> Path:
    """A picture whose size does not depend on its colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path, "BMP")
    return path


RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def _disguise(path: Path, as_was: os.stat_result) -> None:
    """Give a file the time it had; its size is the same anyway."""
    assert path.stat().st_size == as_was.st_size
    os.utime(path, ns=(as_was.st_atime_ns, as_was.st_mtime_ns))


def test_another_file_of_the_same_size_and_time_is_found_after_a_run_without_it(
    library: Library, photos: Path
) -> None:
    _bmp(photos / "stays.bmp", GREEN)
    path = _bmp(photos / "x.bmp", RED)
    was = path.stat()
    library.index(photos)
    path.unlink()
    assert counts(library.index(photos)) == {"removed": 1, "unchanged": 1}
    _disguise(_bmp(path, BLUE), was)
    assert counts(library.index(photos)) == {"added": 1, "unchanged": 1}
    assert library.query("blue", k=1)[0].media.path == path


def test_a_disguised_file_is_seen_by_a_recheck_alone(
    library: Library, photos: Path, models: FakeModels
) -> None:
    """`verify` with all bytes finds it, `repair` cannot help, and `--recheck` heals the index."""
    others = [_bmp(photos / f"{n}.bmp", (n, 255, n)) for n in range(5)]
    path = _bmp(photos / "x.bmp", RED)
    was = path.stat()
    library.index(photos)
    _disguise(_bmp(path, BLUE), was)
    assert counts(library.index(photos)) == {"unchanged": 6}
    (finding,) = library.verify(ALL).findings
    assert finding.where == str(path)
    assert "--recheck" in finding.advice
    library.repair()
    assert not library.verify(ALL).sound
    assert counts(library.index(photos, RECHECK)) == {"updated": 1, "unchanged": 5}
    assert library.verify(ALL).sound
    assert library.query("blue", k=1)[0].media.path == path
    assert n_encoded(models) == len(others) + 2


def test_a_recheck_of_sound_files_changes_and_embeds_nothing(
    library: Library, photos: Path, models: FakeModels
) -> None:
    for number in range(5):
        _bmp(photos / f"{number}.bmp", (number, 0, 0))
    shutil.copy2(photos / "0.bmp", photos / "copy.bmp")
    library.index(photos)
    before = library.query("red")
    assert counts(library.index(photos, RECHECK)) == {"unchanged": 6}
    assert library.query("red") == before
    assert n_encoded(models) == 5


def test_a_disguised_file_that_is_no_picture_leaves_at_a_recheck(
    library: Library, photos: Path
) -> None:
    path = _bmp(photos / "x.bmp", RED)
    stays = _bmp(photos / "stays.bmp", BLUE)
    was = path.stat()
    library.index(photos)
    _disguise(bad_photo(path, b"x" * was.st_size), was)
    assert counts(library.index(photos, RECHECK)) == {"unchanged": 1, "failed": 1}
    assert found(library) == {stays}


def test_a_bad_file_replaced_in_disguise_is_indexed_by_a_recheck(
    library: Library, photos: Path
) -> None:
    good = _bmp(photos / "good.bmp", BLUE)
    path = bad_photo(photos / "x.bmp", b"x" * good.stat().st_size)
    was = path.stat()
    library.index(photos)
    _disguise(_bmp(path, RED), was)
    assert counts(library.index(photos)) == {"unchanged": 1, "failed": 1}
    assert counts(library.index(photos, RECHECK)) == {"added": 1, "unchanged": 1}
    assert found(library) == {good, path}
    assert library.failures() == []


def test_a_file_that_may_be_read_again_is_indexed_though_nothing_else_changed(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rights are no part of size and time. Faked, since root may read any file."""
    path = _bmp(photos / "x.bmp", RED)
    real = os.open

    def refusing(place: str | Path, *arguments: int) -> int:
        if Path(os.fsdecode(place)) == path:
            raise PermissionError(13, "Permission denied", place)
        return real(place, *arguments)

    with monkeypatch.context() as shut:
        shut.setattr("mmsearch.media.reading.os.open", refusing)
        assert counts(library.index(photos)) == {"failed": 1}
        assert counts(library.index(photos)) == {"failed": 1}
    assert library.failures()[0].reason == "cannot be read: permission denied"
    assert counts(library.index(photos)) == {"added": 1}
    assert library.failures() == []


def test_a_file_that_cannot_be_read_at_a_recheck_keeps_its_row(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drive that falters is no reason to forget; the failure is told, and tried again."""
    path = _bmp(photos / "x.bmp", RED)
    library.index(photos)
    real = os.open

    def faltering(place: str | Path, *arguments: int) -> int:
        if Path(os.fsdecode(place)) == path:
            raise OSError(5, "Input/output error", place)
        return real(place, *arguments)

    with monkeypatch.context() as bad_drive:
        bad_drive.setattr("mmsearch.media.reading.os.open", faltering)
        assert counts(library.index(photos, RECHECK)) == {"failed": 1}
    assert found(library) == {path}
    assert counts(library.index(photos)) == {"unchanged": 1}
    assert library.failures() == []


def test_a_bad_file_put_back_as_it_was_when_it_was_scanned_is_indexed(
    library: Library, photos: Path
) -> None:
    """It was replaced between scan and reading: what failed was another file."""
    path = _bmp(photos / "x.bmp", RED)
    was = path.stat()
    kept = shutil.copy2(path, photos.parent / "kept.bmp")

    class Replace(SilentProgress):
        def on_scan(self, found: int) -> None:
            bad_photo(path)

    assert counts(library.index(photos, progress=Replace())) == {"failed": 1}
    shutil.copy2(kept, path)
    assert path.stat().st_mtime_ns == was.st_mtime_ns
    assert counts(library.index(photos)) == {"added": 1}


def test_a_known_picture_replaced_between_scan_and_reading_has_its_own_stamp(
    library: Library, photos: Path
) -> None:
    """Else, put back as it was, it would pass for the other one for ever."""
    red, blue = _bmp(photos / "red.bmp", RED), _bmp(photos / "blue.bmp", BLUE)
    library.index(photos)
    path = _bmp(photos / "x.bmp", GREEN)
    kept = shutil.copy2(path, photos.parent / "kept.bmp")

    class Replace(SilentProgress):
        def on_scan(self, found: int) -> None:
            path.write_bytes(blue.read_bytes())

    assert counts(library.index(photos, progress=Replace())) == {"added": 1, "unchanged": 2}
    shutil.copy2(kept, path)
    assert counts(library.index(photos)) == {"updated": 1, "unchanged": 2}
    assert library.query("green", k=1)[0].media.path == path
    assert library.verify(ALL).sound
    assert red in found(library)


def test_a_file_that_changes_while_its_digest_is_made_is_not_settled_by_it(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is of no moment; decoding reads it again, as it is then."""
    _bmp(photos / "red.bmp", RED)
    library.index(photos)
    path = _bmp(photos / "x.bmp", RED)
    real = digest_module.blake3

    class Rewriting:
        """A hasher while which works the file becomes another one, of the same size."""

        def __init__(self) -> None:
            self.hasher = real()

        def update(self, data: bytes) -> None:
            _bmp(path, BLUE)
            self.hasher.update(data)

        def hexdigest(self) -> str:
            return self.hasher.hexdigest()

    monkeypatch.setattr(digest_module, "blake3", Rewriting)
    assert counts(library.index(photos)) == {"added": 1, "unchanged": 1}
    monkeypatch.undo()
    assert library.query("blue", k=1)[0].media.path == path
    assert library.verify(ALL).sound
