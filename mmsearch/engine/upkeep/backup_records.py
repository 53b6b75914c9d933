"""What a backup says of itself, and what a restore did: frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """What a backup holds, as its `backup.json` says.

    `pictures` counts distinct ones, `files` all; `digest` is BLAKE3 of the catalogue file, of
    `size_bytes`; `version` is that of mmsearch. `damaged` embeddings and region features were
    damaged in the index already, and are so in the backup; 0 too in those of older versions.
    """

    format: int
    version: str
    index: str
    made_at: datetime
    schema: int
    generation: int
    files: int
    pictures: int
    captions: int
    embeddings: int
    size_bytes: int
    digest: str
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """The backup that an index is now, and where its former catalogue is kept; None: had none."""

    backup: BackupRecord
    kept: Path | None
    seconds: float
