"""Vector files are caches: what happens to them must never matter."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.model_test.operations import MODELS


class VectorDamage:
    """Removes, flips, cuts vector files, or puts older ones in their place.

    `doubtful`: a file may be damaged still. That is no difference where `verify` says so.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._older = folder.parent.parent.parent.parent / "older vectors"
        self.doubtful = False

    def do(self, way: str, share: float) -> None:
        """Harm all files, at `share` of their length; an older set is then the present one."""
        files = sorted(self._folder.glob("*.faiss"))
        if way == "older":
            self._exchange(files)
            return
        for file in files:
            data = bytearray(file.read_bytes())
            if way == "gone":
                file.unlink()
            elif way == "cut":
                file.write_bytes(data[: int(share * len(data))])
            else:
                data[int(share * (len(data) - 1))] ^= 0x41
                file.write_bytes(data)
        self.doubtful = way != "gone"

    def repaired(self, n_models: int) -> None:
        """Know that the files of `n_models` were repaired; one dropped may have left its own."""
        if n_models == len(MODELS):
            self.mended()

    def mended(self) -> None:
        """Know that no file is damaged."""
        self.doubtful = False

    def forget(self) -> None:
        """Drop the older set: a restored index has another history."""
        shutil.rmtree(self._older, ignore_errors=True)

    def _exchange(self, files: list[Path]) -> None:
        """Put back the files kept before; keep those that are there, if they are sound."""
        kept = {file.name: file.read_bytes() for file in self._older.glob("*.faiss")}
        if not self.doubtful:
            self._older.mkdir(exist_ok=True)
            for file in files:
                shutil.copyfile(file, self._older / file.name)
        for name, data in kept.items():
            (self._folder / name).write_bytes(data)
