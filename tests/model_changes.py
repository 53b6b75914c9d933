"""Two models that score differently, an album, and all that questions find in it."""

from __future__ import annotations

from pathlib import Path

from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from mmsearch.engine.upkeep.model_records import MigrationOptions
from mmsearch.types import CaptionHit, Hit
from tests.fakes import COLOURS, FakeDualEncoder, FakeModels
from tests.photos import photo

OTHER = MigrationOptions("other")

Answers = tuple[list[list[Hit]], list[list[CaptionHit]]]


def two_models(**seeds: str) -> FakeModels:
    """The models "fake" and "other", which do not score alike."""
    models = FakeModels(seeds=seeds)
    models.encoders["other"] = FakeDualEncoder(models.space("other"), weights=(1.0, 0.3, 0.6))
    return models


def index_album(library: Library, photos: Path) -> Path:
    """Twelve pictures in two roots, three of them with a caption."""
    for number, colour in enumerate([*COLOURS, "red", "green", "blue", "cyan"]):
        photo(photos / f"{'one' if number % 3 else 'two'}/{number}.png", colour, number)
    table = photos.parent / "captions.csv"
    table.write_text("file,caption\n0.png,red thing\n1.png,grass\n2.png,blue sky\n", "utf-8")
    library.index([photos / "one", photos / "two"], IndexOptions(captions=(table,)))
    return photos


def answers(library: Library) -> Answers:
    """All that all kinds of questions find."""
    return (
        [library.query(colour, k=50) for colour in COLOURS],
        [library.query_captions(colour, k=50) for colour in COLOURS],
    )


def defaults(library: Library) -> list[tuple[str, int, int, bool]]:
    """Each model with its pictures and captions, and whether questions use it."""
    return [
        (one.space.name, one.n_images, one.n_captions, one.is_default)
        for one in library.status().spaces
    ]
