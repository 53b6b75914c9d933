"""Vector files are caches: what happens to them must never matter."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from tests.model_test.operations import MODELS


class VectorDamage:
    """Removes, flips, cuts vector files, or puts older ones in their place.

    All of them, or only the "whole" ones, or only those of "recent" changes beside them.

    `doubtful`: a file may be damaged still. That is no difference where `verify` says so.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._older = folder.parent.parent.parent.parent / "older vectors"
        self.doubtful = False

    def do(self, way: str, share: float, files: str = "all") -> None:
        """Harm some files, at `share` of their length; an older set is then the present one."""
        chosen = [file for file in sorted(self._folder.glob("*.faiss")) if _is_of(file, files)]
        if way == "older":
            self._exchange(chosen, files)
            return
        for file in chosen:
            data = bytearray(file.read_bytes())
            if way == "gone":
                file.unlink()
            elif way == "cut":
                file.write_bytes(data[: int(share * len(data))])
            else:
                data[int(share * (len(data) - 1))] ^= 0x41
                file.write_bytes(data)
        # Where some are gone, others that were damaged before may be there still.
        self.doubtful = (self.doubtful and files != "all") or (bool(chosen) and way != "gone")

    def count(self, counts: Counter[str]) -> None:
        """Count steps after which changes lie beside a whole file."""
        counts["steps with recent changes"] += any(self._folder.glob("*.recent.faiss"))

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

    def _exchange(self, chosen: list[Path], files: str) -> None:
        """Put back the files kept before; keep those that are there, if they are sound."""
        older = [file for file in self._older.glob("*.faiss") if _is_of(file, files)]
        kept = {file.name: file.read_bytes() for file in older}
        if not self.doubtful:
            self._older.mkdir(exist_ok=True)
            for file in chosen:
                shutil.copyfile(file, self._older / file.name)
        for name, data in kept.items():
            (self._folder / name).write_bytes(data)


def _is_of(file: Path, files: str) -> bool:
    """Whether a vector file is among "all", the "whole" ones, or those of "recent" changes."""
    return files == "all" or (files == "recent") == file.stem.endswith(".recent")
