"""All that an index holds and answers, in a form that two of the same pictures share."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from mmsearch.config import load_settings
from mmsearch.engine.encoder_models import EncoderModels
from mmsearch.engine.factory import open_library
from mmsearch.engine.library import Library
from mmsearch.engine.once import Once
from mmsearch.engine.upkeep.findings import FileCheck, VerifyOptions
from mmsearch.protocols import DualEncoder

QUESTIONS = (
    *("a dog runs through the snow", "two children play on a beach", "a man climbs a rock"),
    *("a woman in a red dress", "people at a table", "a boy jumps into a pool", "a black dog"),
    *("a skateboarder in the air", "a girl with a hat", "a football game", "a bicycle in a forest"),
    *("a dog with a ball in its mouth", "a crowd in the street", "a child on a swing"),
    *("a surfer on a wave", "a man with a guitar"),
)
"""Asked for all pictures there are; the first four for all captions too."""

_FILE = "r.path || x'2f' || m.path"
_OF_FILE = "FROM media m JOIN roots r USING (root_id)"
_TABLES = {
    "roots": "SELECT path, online FROM roots",
    "media": f"SELECT {_FILE}, t.digest, m.size_bytes, m.mtime_ns {_OF_FILE} "
    "JOIN contents t USING (content_id)",
    "contents": "SELECT digest, width, height, format, taken_at, latitude, longitude, camera "
    "FROM contents",
    "captions": f"SELECT {_FILE}, c.text, c.source {_OF_FILE} JOIN captions c USING (media_id)",
    "free captions": "SELECT text, source FROM captions WHERE media_id IS NULL",
    "spaces": "SELECT digest, name, dim, input_height, input_width, resize_mode, interpolation, "
    "fill, space_id IS (SELECT default_space_id FROM meta) FROM spaces",
    "image_embeddings": "SELECT t.digest, s.digest, e.embedding, e.checksum "
    "FROM image_embeddings e JOIN contents t ON item_id = content_id "
    "JOIN spaces s USING (space_id)",
    "caption_embeddings": f"SELECT {_FILE}, c.text, s.digest, e.embedding, e.checksum {_OF_FILE} "
    "JOIN captions c USING (media_id) JOIN caption_embeddings e ON item_id = caption_id "
    "JOIN spaces s USING (space_id)",
    "region_features": "SELECT t.digest, p.digest, p.regions, p.dim, f.codes, f.checksum "
    "FROM region_features f JOIN contents t USING (content_id) "
    "JOIN region_projections p USING (projection_id)",
    "tombstones": "SELECT modality FROM tombstones",
    "failures": "SELECT r.path, f.path, f.size_bytes, f.mtime_ns, f.reason "
    "FROM failures f JOIN roots r USING (root_id)",
}
"""Every row of every table, without ids, generations and the moment of a failure."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The rows of each table, sorted; each question's hits as path or words and score."""

    tables: dict[str, list[tuple[object, ...]]]
    answers: list[list[tuple[str, float]]]
    findings: int

    def differences(self, other: Contents) -> list[str]:
        """What is not the very same in `other`; bytes and scores are compared exactly."""
        found = [name for name, rows in self.tables.items() if rows != other.tables[name]]
        found += [
            f"question {number}"
            for number, (hits, others) in enumerate(zip(self.answers, other.answers, strict=True))
            if hits != others
        ]
        return found + (["verify"] if self.findings or other.findings else [])


class KeptModels(EncoderModels):
    """The models, each loaded once for many libraries."""

    def __init__(self) -> None:
        super().__init__(load_settings())
        self._kept: Once[str, DualEncoder] = Once()

    def load(self, name: str) -> DualEncoder:
        """The encoder of a model."""
        return self._kept.get(name, lambda: super(KeptModels, self).load(name))


def contents(home: Path, models: KeptModels) -> Contents:
    """All that the default index of a home holds and answers, and how much `verify` finds."""
    file = home / "indexes" / "default" / "catalogue.sqlite3"
    with sqlite3.connect(file) as connection:
        tables = {name: sorted(connection.execute(sql), key=repr) for name, sql in _TABLES.items()}
    connection.close()
    with open_library(load_settings(home=home), models) as library:
        answers = _answers(library)
        report = library.verify(VerifyOptions(files=FileCheck.NONE))
    return Contents(tables, answers, len(report.findings))


def _answers(library: Library) -> list[list[tuple[str, float]]]:
    """What all questions find: best first, ties by what was found, as ids differ."""
    counts = library.status()
    pictures = [library.query(text, k=counts.n_files) for text in QUESTIONS]
    found = [[(str(hit.media.path), hit.score) for hit in hits] for hits in pictures]
    if counts.n_captions:
        texts = [library.query_captions(text, k=counts.n_captions) for text in QUESTIONS[:4]]
        found += [[(hit.caption.text, hit.score) for hit in hits] for hits in texts]
    return [sorted(hits, key=lambda hit: (-hit[1], hit[0])) for hits in found]
