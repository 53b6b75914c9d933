"""The decoded pictures of a run: kept on disk at the input size if they fit, else decoded anew.

Two cores decode hardly faster than they train, so each picture is decoded once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import DatasetError
from mmsearch.media.decode import DecodeLimits
from mmsearch.media.pool import DecodeJob, DecodePool
from mmsearch.training.kept import kept_array
from mmsearch.training.records import RunListener
from mmsearch.types import ImageTensor, InputSpec

_MANIFEST = "pictures.json"
_PIXELS = "pictures.npy"
_LOOK_AHEAD = 64


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """How pictures are decoded, and how many bytes of them may be kept (`cache_mb`, 2^20)."""

    spec: InputSpec
    limits: DecodeLimits
    workers: int
    cache_mb: int


class PictureStore:
    """Pixels by row; `digests` has "" and `reasons` the reason where a picture is unusable."""

    def __init__(
        self,
        paths: Sequence[Path],
        found: tuple[list[str], list[str]],
        settings: DecodeSettings,
        pixels: ImageTensor | None,
    ) -> None:
        self.paths = tuple(paths)
        self.digests, self.reasons = found
        self._settings = settings
        self._pixels = pixels
        self._pool: DecodePool | None = None

    def take(self, rows: NDArray[np.int64]) -> ImageTensor:
        """Pictures `(b, h, w, 3)` uint8 of `rows` `(b,)`, which must be usable.

        Raises:
            DatasetError: A picture that was fine when the run began cannot be decoded any more.
        """
        if self._pixels is not None:
            return np.asarray(self._pixels[rows])
        if self._pool is None:
            self._pool = _open_pool(self._settings)
        jobs = [DecodeJob(place, self.paths[row]) for place, row in enumerate(rows)]
        spec = self._settings.spec
        batch = np.empty((len(rows), spec.height, spec.width, 3), np.uint8)
        for file in self._pool.decode(jobs, _LOOK_AHEAD):
            if file.pixels is None:
                raise DatasetError(
                    f"{file.path}: was readable when training began ({file.error}): "
                    "restore it and run the same command to go on"
                )
            batch[file.key] = file.pixels
        return batch

    def close(self) -> None:
        """End decode workers, if any were needed."""
        if self._pool is not None:
            self._pool.close()


def gather_pictures(
    paths: Sequence[Path], settings: DecodeSettings, folder: Path, listener: RunListener
) -> PictureStore:
    """All pictures, decoded once; what an earlier run left in `folder` is used again."""
    spec = settings.spec
    key = hashlib.sha256(repr((spec, [str(path) for path in paths])).encode()).hexdigest()
    shape = (len(paths), spec.height, spec.width, 3)
    keep = int(np.prod(shape, dtype=np.int64)) <= settings.cache_mb << 20
    found = _read_manifest(folder, key, keep)
    if found is None:
        folder.mkdir(parents=True, exist_ok=True)
        pixels = _new_pixels(folder, shape) if keep else None
        found = _decode_all(paths, settings, pixels, listener)
        if pixels is not None:
            pixels.flush()
        # The manifest comes last: without it, half-written pixels are not looked at.
        manifest = {"key": key, "kept": keep, "digests": found[0], "reasons": found[1]}
        (folder / _MANIFEST).write_text(json.dumps(manifest), "utf-8")
    kept = kept_array(folder / _PIXELS, np.uint8) if keep else None
    return PictureStore(paths, found, settings, kept)


def _new_pixels(
    folder: Path, shape: tuple[int, ...]
) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]]:
    (folder / _MANIFEST).unlink(missing_ok=True)
    return np.lib.format.open_memmap(folder / _PIXELS, mode="w+", dtype=np.uint8, shape=shape)


def _read_manifest(folder: Path, key: str, keep: bool) -> tuple[list[str], list[str]] | None:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if manifest.get("key") != key or manifest.get("kept") != keep:
        return None
    return manifest["digests"], manifest["reasons"]


def _decode_all(
    paths: Sequence[Path],
    settings: DecodeSettings,
    pixels: NDArray[np.uint8] | None,
    listener: RunListener,
) -> tuple[list[str], list[str]]:
    digests, reasons = [""] * len(paths), [""] * len(paths)
    jobs = (DecodeJob(row, path) for row, path in enumerate(paths))
    with _open_pool(settings) as pool:
        for done, file in enumerate(pool.decode(jobs, _LOOK_AHEAD), start=1):
            if file.pixels is None:
                reasons[file.key] = file.error or "cannot be decoded"
            else:
                digests[file.key] = file.digest
                if pixels is not None:
                    pixels[file.key] = file.pixels
            listener.on_pictures(done, len(paths))
    return digests, reasons


def _open_pool(settings: DecodeSettings) -> DecodePool:
    return DecodePool(settings.spec, settings.limits, settings.workers)
