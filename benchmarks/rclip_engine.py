"""What rclip does to index a folder, without rclip: for where it is not installed.

The same work by the same libraries: threads that digest the first megabyte (SHA-256), decode in
full, resize by bicubic and normalise; onnxruntime in float32 on eight pictures at a time; a row a
picture in SQLite. Run as a process of its own, `python -m benchmarks.rclip_engine FOLDER ONNX`.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.onnx_tower import OnnxTower

SIDE, BATCH, BATCHES_AHEAD = 256, 8, 3
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
_HEAD_BYTES, _TAIL_BYTES = 1 << 20, 1024


def digest(path: Path) -> str:
    """SHA-256 of the first megabyte and the last kilobyte."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        hasher.update(file.read(_HEAD_BYTES))
        if file.seek(0, os.SEEK_END) > _TAIL_BYTES:
            file.seek(-_TAIL_BYTES, os.SEEK_END)
            hasher.update(file.read(_TAIL_BYTES))
    return hasher.hexdigest()


def prepared(path: Path) -> NDArray[np.float32]:
    """The normalised picture `(3, h, w)`: shorter side to the input's, the middle cut out."""
    image = Image.open(path).convert("RGB")
    shorter = min(image.size)
    size = (int(image.width * SIDE / shorter), int(image.height * SIDE / shorter))
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - SIDE) / 2), round((size[1] - SIDE) / 2)
    pixels = np.array(image.crop((left, top, left + SIDE, top + SIDE)), np.float32) / 255.0
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)


def index(folder: Path, onnx: Path) -> int:
    """How many pictures of a folder were embedded and committed."""
    tower, files = OnnxTower(onnx), iter(sorted(folder.rglob("*.jpg")))
    under_way: deque[tuple[Path, Future[tuple[str, NDArray[np.float32]]]]] = deque()
    batch: list[tuple[Path, str, NDArray[np.float32]]] = []
    count = 0
    with sqlite3.connect(folder.with_name(f"{folder.name}-engine.sqlite3")) as database:
        database.execute("CREATE TABLE images (path TEXT PRIMARY KEY, hash TEXT, vector BLOB)")
        with ThreadPoolExecutor(os.cpu_count()) as pool:

            def submit() -> None:
                if (path := next(files, None)) is not None:
                    job = pool.submit(lambda: (digest(path), prepared(path)))
                    under_way.append((path, job))

            for _ in range(BATCH * BATCHES_AHEAD):
                submit()
            while under_way:
                path, job = under_way.popleft()
                submit()
                batch.append((path, *job.result()))
                if len(batch) == BATCH or not under_way:
                    rows = tower.encode(np.stack([pixels for _, _, pixels in batch]))
                    values = [
                        (str(where), name, row.tobytes())
                        for (where, name, _), row in zip(batch, rows, strict=True)
                    ]
                    database.executemany("INSERT INTO images VALUES (?, ?, ?)", values)
                    count += len(batch)
                    batch.clear()
    return count


if __name__ == "__main__":
    print(index(Path(sys.argv[1]), Path(sys.argv[2])))
