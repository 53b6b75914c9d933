"""A library with pictures, captions and a bad file, and what it answers."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mmsearch.catalogue import CaptionEntry, Catalogue
from mmsearch.engine.library import Library
from tests.fakes import FakeModels
from tests.photos import bad_photo, fake_library, photo

N_PHOTOS = 6

Answers = list[tuple[str, float]]


def filled_library(home: Path, photos: Path, count: int = N_PHOTOS) -> Library:
    """A library that has indexed `count` pictures, a bad file and two captions."""
    for seed in range(count):
        photo(photos / f"{seed}.png", ("red", "green", "blue")[seed % 3], seed)
    bad_photo(photos / "bad.png")
    library = fake_library(home, FakeModels())
    library.index(photos)
    with Catalogue.open(catalogue_file(library)) as catalogue:
        catalogue.add_captions([CaptionEntry("a red thing"), CaptionEntry("a blue one")])
    library.index(photos)
    return library


def catalogue_file(library: Library) -> Path:
    """Where the catalogue of a library lies."""
    return library.settings.index_dir / "catalogue.sqlite3"


def answers(library: Library) -> Answers:
    """Names and scores of all pictures for one question."""
    return [(hit.media.path.name, hit.score) for hit in library.query("red", k=900, rerank=0)]


def caption_answers(library: Library) -> list[tuple[str, float]]:
    """Texts and scores of all captions for one question."""
    return [(hit.caption.text, hit.score) for hit in library.query_captions("red", k=900, rerank=0)]


def rows_of(file: Path) -> list[str]:
    """All that a catalogue holds, as SQL."""
    raw = sqlite3.connect(file)
    try:
        return list(raw.iterdump())
    finally:
        raw.close()
