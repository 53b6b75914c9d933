"""Where does the time of a picture go, from the walk to the commit, stage by stage?"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.large_photos import copies, large_photos
from benchmarks.photos import make_photos
from benchmarks.plot import bar_plot
from benchmarks.record import Row, record
from mmsearch.catalogue import Catalogue, CatalogueBatch, FileEntry
from mmsearch.config import load_settings
from mmsearch.encoders import EncoderOptions, load_dual_encoder
from mmsearch.media import geometry
from mmsearch.media.decode import DecodeLimits, SmallImage, decode_small
from mmsearch.media.digest import digest_bytes
from mmsearch.media.limits import read_file
from mmsearch.media.scan import ScannedFile, scan
from mmsearch.protocols import DualEncoder
from mmsearch.types import Embeddings, InputSpec

STAGES = ("walk", "read", "digest", "decode", "resize", "encode", "commit")
BATCH = 32


class Stages:
    """Processor seconds of each stage, all cores together."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add what runs inside to a stage."""
        before = time.process_time()
        yield
        self.seconds[name] += time.process_time() - before


def embed_folder(folder: Path, encoder: DualEncoder, home: Path) -> tuple[int, Stages]:
    """How many pictures of a folder were embedded and committed, and what each stage took."""
    stages = Stages()
    with stages.stage("walk"):
        files = [file for file in scan(folder) if isinstance(file, ScannedFile)]
    with Catalogue.open(home / "catalogue.sqlite3", create=True) as catalogue:
        catalogue.add_space(encoder.space)
        root_id = catalogue.add_root(folder).root_id
        for start in range(0, len(files), BATCH):
            batch = CatalogueBatch(
                root_id,
                files=_entries(files[start : start + BATCH], encoder, stages),
                space=encoder.space,
            )
            with stages.stage("commit"):
                catalogue.apply(batch)
        with stages.stage("commit"):
            catalogue.checkpoint()
    return len(files), stages


def _entries(
    files: list[ScannedFile], encoder: DualEncoder, stages: Stages
) -> tuple[FileEntry, ...]:
    """The catalogue entries of a batch, each part of the work in its stage."""
    digests, small, pixels = [], [], []
    for file in files:
        with stages.stage("read"):
            data = read_file(file.path, DecodeLimits()).data
        with stages.stage("digest"):
            digests.append(digest_bytes(data))
        with stages.stage("decode"):
            small.append(_decoded(data, encoder.space.input))
        with stages.stage("resize"):
            pixels.append(_resized(small[-1], encoder.space.input))
    with stages.stage("encode"):
        rows: Embeddings = encoder.encode_images(np.stack(pixels))
    return tuple(
        FileEntry(file.relative, file.size_bytes, file.mtime_ns, digest, image.metadata, row)
        for file, digest, image, row in zip(files, digests, small, rows, strict=True)
    )


def _decoded(data: bytes, spec: InputSpec) -> SmallImage:
    return decode_small(data, lambda size: geometry.needed_size(size, spec), DecodeLimits())


def _resized(small: SmallImage, spec: InputSpec) -> np.ndarray:
    size = (small.metadata.width, small.metadata.height)
    return np.asarray(geometry.fit(small.image, size, spec, small.to_srgb))


def main() -> None:
    """Measure small and large photos with the shipped model, each stage alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    count = 32 if options.quick else 512
    encoder = load_dual_encoder("mini", EncoderOptions(load_settings().cache, device="cpu"))
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        make_photos(work / "500 px", count, side=500)
        copies(large_photos(), work / "7-22 MP", count // 4)
        make_photos(work / "warm", 16 * BATCH, side=64)
        embed_folder(work / "warm", encoder, work)  # compiles, and learns the best pass
        (work / "catalogue.sqlite3").unlink()
        for name in ("500 px", "7-22 MP"):
            home = work / f"home {name}"
            home.mkdir()
            n, stages = embed_folder(work / name, encoder, home)
            total = sum(stages.seconds.values())
            for stage, seconds in stages.seconds.items():
                label = f"{name}, {stage}"
                rows.append(Row(label, 1000 * seconds / n, "ms of a processor a picture"))
                rows.append(Row(f"{label}: share", 100 * seconds / total, "%"))
    record("stage_shares", str(__doc__), {"n": count, "batch": BATCH, "seed": 0}, rows)
    times = {row.name: row.value for row in rows if row.unit.startswith("ms")}
    bar_plot("stage_shares", "A picture's way into the index", times, "ms of a processor")


if __name__ == "__main__":
    main()
