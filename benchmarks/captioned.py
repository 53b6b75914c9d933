"""Captioned pictures of a split, of a caption file that lies beside its `images`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmsearch.datasets import read_captions, split_items

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Where the sets lie if nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Captioned:
    """One picture and its captions, at least one."""

    path: Path
    captions: tuple[str, ...]


def read_split(file: Path, split: str, limit: int | None = None) -> list[Captioned]:
    """The first `limit` pictures of a split, in the order of the caption `file`."""
    items = split_items(read_captions(file), split)[:limit]
    images = file.parent / "images"
    return [Captioned(images / item.file, item.captions) for item in items if item.file]
