"""Files that are written while they are indexed: told, taken up later, never catalogued wrong."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from blake3 import blake3

from mmsearch.engine.library import Library
from mmsearch.engine.upkeep.findings import FileCheck, VerifyOptions
from tests.photos import counts, fake_library, found, media_id, photo

ALL = VerifyOptions(files=FileCheck.ALL)
REWRITE = """
import itertools, sys
contents = [open(name, "rb").read() for name in sys.argv[2:]]
print("writing", flush=True)
with open(sys.argv[1], "r+b", buffering=0) as file:
    for content in itertools.cycle(contents):
        file.seek(0)
        file.write(content)
"""
"""Writes a file over and over in place, with contents of one size, until it is killed."""


def _padded(path: Path, size: int) -> Path:
    path.write_bytes(path.read_bytes().ljust(size, b"\0"))
    return path


def test_a_file_written_all_the_time_is_told_and_taken_up_when_it_rests(
    home: Path, photos: Path, tmp_path: Path
) -> None:
    """By another process, in real decode workers; its neighbours do not mind."""
    red = _padded(photo(tmp_path / "red.png", "red", seed=1), 1 << 20)
    blue = _padded(photo(tmp_path / "blue.png", "blue", seed=2), 1 << 20)
    path = Path(photos / "x.png")
    path.write_bytes(red.read_bytes())
    photo(photos / "calm.png", "green", seed=3)
    with fake_library(home, start_pool=None) as library:
        writer = subprocess.Popen(
            [sys.executable, "-c", REWRITE, path, red, blue], stdout=subprocess.PIPE
        )
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            assert counts(library.index(photos)) == {"added": 1, "failed": 1}
        finally:
            writer.kill()
            writer.communicate()
        assert library.failures()[0].reason == "changed while it was read"
        assert found(library) == {photos / "calm.png"}
        path.write_bytes(blue.read_bytes())
        assert counts(library.index(photos)) == {"added": 1, "unchanged": 1}
        assert library.query("blue", k=1)[0].media.path == path
        assert library.verify(ALL).sound


def test_no_stamp_in_the_catalogue_goes_with_other_bytes(library: Library, photos: Path) -> None:
    """Runs over a file that changes now and then, known bytes and new ones: when all is quiet,
    what the catalogue takes for unchanged is unchanged."""
    contents = [
        _padded(photo(photos.parent / f"{seed}.png", seed=seed), 4096).read_bytes()
        for seed in range(12)
    ]
    (photos / "known.png").write_bytes(contents[0])
    paths = [photos / f"x{number}.png" for number in range(4)]
    over = threading.Event()

    def rewrite() -> None:
        for number, content in enumerate(contents * 50):
            if over.is_set():
                return
            paths[number % len(paths)].write_bytes(content)
            time.sleep(0.004)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(8):
            library.index(photos)
    finally:
        over.set()
        writer.join()
    for path in paths:
        with library._factory.catalogues.lease() as catalogue:
            media = catalogue.media_at(path)
        now = path.stat()
        if media and (media.size_bytes, media.mtime_ns) == (now.st_size, now.st_mtime_ns):
            assert media.digest == blake3(path.read_bytes()).hexdigest()
    library.index(photos)
    assert library.verify(ALL).sound
    assert all(media_id(library, path) for path in paths)
