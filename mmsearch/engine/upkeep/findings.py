"""What a check of an index looks at and what it finds: frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class Check(StrEnum):
    """What was looked at."""

    CATALOGUE = "catalogue"
    EMBEDDINGS = "embeddings"
    REGIONS = "regions"
    VECTORS = "vectors"
    FILES = "files"


class FileCheck(StrEnum):
    """Which picture files are read whole; unless `NONE`, the others' size and time are seen to."""

    SAMPLE = "sample"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What to check of the picture files.

    `sample` files are read whole where `files` says so; another `seed` takes others, None: others
    each time.
    """

    files: FileCheck = FileCheck.SAMPLE
    sample: int = 1000
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: what, where, what to do."""

    check: Check
    where: str
    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a check found, and how much it looked at.

    `n_embeddings` and `n_regions` are rows of the catalogue, `n_vectors` rows of vector files.
    `n_files` were looked up, `n_read` of them read whole; `n_offline` lie in folders that are
    not there now, which is no finding.
    """

    findings: tuple[Finding, ...]
    n_embeddings: int
    n_regions: int
    n_vectors: int
    n_files: int
    n_read: int
    n_offline: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What was wrong and is mended.

    `n_embeddings` and the region features of `n_regions` pictures were damaged and are dropped:
    the next indexing run makes them anew. The vector files `rebuilt` are new.
    """

    mended: tuple[Finding, ...]
    n_embeddings: int
    n_regions: int
    rebuilt: tuple[Path, ...]
    seconds: float

    @property
    def needs_index(self) -> bool:
        """Whether something is left for an indexing run to make."""
        return self.n_embeddings + self.n_regions > 0


@dataclass(frozen=True, slots=True)
class OptimizeReport:
    """Which vector files were made anew."""

    rebuilt: tuple[Path, ...]
    seconds: float


class UpkeepListener(Protocol):
    """Told of a check, a repair or the like as it goes, in the calling thread."""

    def on_step(self, step: str, done: int, total: int | None) -> None:
        """`done` of `total` are over in `step`, such as "checking files"; None: unknown."""


class SilentUpkeep:
    """A listener that does nothing."""

    def on_step(self, step: str, done: int, total: int | None) -> None:
        """Ignore."""
