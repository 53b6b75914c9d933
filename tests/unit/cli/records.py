"""Records for the renderers' tests: one picture found, one caption found."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from mmsearch.types import CaptionHit, CaptionRecord, Hit, MediaMetadata, MediaRecord


def media(path: Path, *, taken_at: datetime | None = None, online: bool = True) -> MediaRecord:
    """A catalogued picture of 640 x 480 pixels and 1,500 bytes."""
    about = MediaMetadata(width=640, height=480, format="JPEG", taken_at=taken_at)
    return MediaRecord(
        media_id=7,
        content_id=3,
        path=path,
        size_bytes=1500,
        mtime_ns=1_700_000_000_000_000_000,
        digest="ab" * 32,
        metadata=about,
        online=online,
    )


def hit(path: Path, *, rank: int = 1, score: float = 0.25) -> Hit:
    """A picture found."""
    return Hit(rank=rank, score=score, media=media(path))


def reranked_hit(path: Path, *, rank: int = 1, dual_rank: int = 4) -> Hit:
    """A picture that a cross encoder has read."""
    return Hit(rank, 0.25, media(path), rerank_score=1.5, dual_rank=dual_rank)


def caption_hit(text: str, path: Path | None) -> CaptionHit:
    """A caption found, free when `path` is None."""
    record = CaptionRecord(9, text, None if path is None else media(path))
    return CaptionHit(rank=1, score=0.5, caption=record)
