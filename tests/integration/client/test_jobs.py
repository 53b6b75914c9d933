"""Indexing and optimizing through a remote library: followed to the end, and what it said."""

from __future__ import annotations

import os

import pytest

from mmsearch.client import RemoteLibrary
from mmsearch.engine.library import Library
from mmsearch.engine.upkeep import optimizing
from mmsearch.engine.upkeep.findings import SilentUpkeep
from mmsearch.errors import RemoteError, VectorIndexError
from mmsearch.types import HeldBack
from tests.fakes import WarningListener
from tests.integration.server.conftest import Gallery
from tests.photos import photo


def test_indexing_is_followed_to_its_end(
    local: Library, remote: RemoteLibrary, gallery: Gallery
) -> None:
    photo(gallery.photos / "later.png", "cyan", 57)
    (gallery.photos / "notes.txt").write_text("no picture", "utf-8")
    watcher = WarningListener()
    summary = remote.index([gallery.photos, gallery.photos / "notes.txt"], watcher)
    assert (summary.added, summary.interrupted) == (1, False)
    assert any("notes.txt" in message for message in watcher.messages)
    assert remote.index().unchanged == local.status().n_files
    assert remote.remove(gallery.photos / "later.png") == 1
    (gallery.photos / "later.png").unlink()


def test_the_server_keeps_what_is_gone_unless_told_and_rechecks_on_demand(
    remote: RemoteLibrary, gallery: Gallery
) -> None:
    folder = gallery.photos / "many"
    paths = [photo(folder / f"{number}.png", "green", 300 + number) for number in range(12)]
    assert remote.index(folder).added == 12
    for path in paths[:-1]:
        path.unlink()
    watcher = WarningListener()
    held = remote.index(folder, watcher, recheck=True)
    assert (held.unchanged, held.removed) == (1, 0)
    assert held.held_back == (HeldBack(folder, 11, 12),)
    assert len(watcher.messages) == 1
    assert remote.index(folder, allow_mass_removal=True).removed == 11
    assert remote.remove(paths[-1]) == 1
    paths[-1].unlink()


def test_the_server_tries_failed_files_again_on_demand(
    remote: RemoteLibrary, gallery: Gallery
) -> None:
    """The file was mended, but has its size and time still."""
    path = photo(gallery.photos / "mended" / "picture.png", "green", 400)
    data, info = path.read_bytes(), path.stat()

    def put(content: bytes) -> None:
        path.write_bytes(content)
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))

    put(bytes(len(data)))
    assert remote.index(path.parent).failed == 1
    put(data)
    assert remote.index(path.parent).failed == 1
    assert remote.index(path.parent, retry_failed=True).added == 1
    assert remote.remove(path) == 1
    path.unlink()


def test_optimizing_is_followed_to_its_end(
    remote: RemoteLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, int, int | None]] = []

    class Watcher(SilentUpkeep):
        def on_step(self, step: str, done: int, total: int | None) -> None:
            steps.append((step, done, total))

    monkeypatch.setattr(optimizing, "optimize_vectors", lambda *_: True)
    report = remote.optimize(Watcher())
    assert {path.name.partition("-")[2] for path in report.rebuilt} == {
        "image.faiss",
        "caption.faiss",
    }
    assert set(steps) <= {("optimizing vector files", done, 2) for done in (0, 1)}


def test_optimizing_that_does_not_end_well_says_why(
    remote: RemoteLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise VectorIndexError("vector file x cannot be written (no room)")

    def cancelled(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(optimizing, "optimize_vectors", fail)
    with pytest.raises(VectorIndexError, match="no room"):
        remote.optimize()
    monkeypatch.setattr(optimizing, "optimize_vectors", cancelled)
    with pytest.raises(RemoteError, match=r"was cancelled at .*: what was made anew is kept"):
        remote.optimize()
