"""Counts of one indexing run, as they come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.types import HeldBack, IndexSummary

if TYPE_CHECKING:
    from mmsearch.catalogue import BatchResult


@dataclass(slots=True)
class Tally:
    """Counts of files; `embedded` pictures took `embedding_s` seconds, decoding included."""

    added: int = 0
    updated: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: int = 0
    captions_added: int = 0
    captions_unmatched: int = 0
    embedded: int = 0
    embedding_s: float = 0.0
    offline_roots: list[Path] = field(default_factory=list)
    interrupted: bool = False
    held_back: list[HeldBack] = field(default_factory=list)

    def count(self, result: BatchResult, n_reembedded: int = 0) -> None:
        """Count a committed batch; `n_reembedded` of its touched files got an embedding.

        Rows that it dropped are not counted: their files are not gone but failed.
        """
        self.added += result.added
        self.updated += result.updated + n_reembedded
        self.moved += result.moved
        self.unchanged += result.touched - n_reembedded
        self.failed += result.failed

    def summary(self, seconds: float) -> IndexSummary:
        """The counts as the record that leaves the engine."""
        rate = self.embedded / self.embedding_s if self.embedding_s > 0 else 0.0
        return IndexSummary(
            added=self.added,
            updated=self.updated,
            moved=self.moved,
            removed=self.removed,
            unchanged=self.unchanged,
            failed=self.failed,
            captions_added=self.captions_added,
            captions_unmatched=self.captions_unmatched,
            seconds=seconds,
            images_per_second=rate,
            offline_roots=tuple(self.offline_roots),
            interrupted=self.interrupted,
            held_back=tuple(self.held_back),
        )
