"""The JSON that is built is the JSON that is described, for every kind of answer."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter

from mmsearch.client.index_shapes import StatusShape
from mmsearch.engine.records import (
    LibraryStatus,
    MediaInfo,
    RerankerStatus,
    RootStatus,
    SpaceStatus,
    VectorFileStatus,
)
from mmsearch.server import answers, index_answers, shapes
from mmsearch.types import (
    CaptionHit,
    CaptionRecord,
    Facets,
    Failure,
    FolderCount,
    FormatCount,
    Hit,
    IndexSummary,
    MediaMetadata,
    MediaRecord,
    Modality,
    Orientation,
    OrientationCount,
)
from tests.fakes import fake_space

ODD = Path(os.fsdecode(b"/photos/caf\xe9.png"))
MEDIA = MediaRecord(
    media_id=3,
    content_id=2,
    path=Path("/photos/a.jpg"),
    size_bytes=10,
    mtime_ns=1_700_000_000_000_000_001,
    digest="ab" * 32,
    metadata=MediaMetadata(
        width=4,
        height=3,
        format="JPEG",
        taken_at=datetime(2024, 5, 6, 7, 8, 9),
        latitude=1.5,
        longitude=-2.5,
        camera="Box",
    ),
)
BARE = replace(MEDIA, path=ODD, metadata=MediaMetadata(4, 3, "PNG"), online=False)
CAPTION = CaptionRecord(1, "a box", BARE)
FREE_CAPTION = CaptionRecord(2, "nothing", None)
FAILURE = Failure(ODD, "not a picture", datetime(2024, 1, 1, tzinfo=UTC))
SPACE = fake_space()
INFO = MediaInfo(
    path=MEDIA.path,
    media=MEDIA,
    failure=FAILURE,
    root=Path("/photos"),
    captions=(CaptionRecord(1, "a box", MEDIA),),
    copies=(BARE,),
    spaces=(SPACE,),
)
VECTORS = VectorFileStatus(Modality.IMAGE, "lists", 1, 0, 6, exact=False)
STATUS = LibraryStatus(
    index="default",
    path=Path("/home"),
    n_files=2,
    n_contents=1,
    n_captions=1,
    n_failed=1,
    catalogue_size_bytes=5,
    vectors_size_bytes=6,
    roots=(RootStatus(Path("/photos"), True, 2),),
    spaces=(SpaceStatus(SPACE, True, 1, 1, 6, n_with_regions=1, vectors=(VECTORS,)),),
)
FACETS = Facets(
    n_files=2,
    formats=(FormatCount("JPEG", 1),),
    orientations=(OrientationCount(Orientation.SQUARE, 2),),
    first_date=date(2024, 1, 1),
    last_date=None,
    folders=(FolderCount(ODD, 1),),
    n_folders=1,
)
BUILT: tuple[tuple[type[BaseModel], shapes.Json], ...] = (
    (answers.ImageHit, shapes.hit_json(Hit(1, 0.5, MEDIA))),
    (answers.ImageHit, shapes.hit_json(Hit(1, 0.5, MEDIA, 2.5, 4))),
    (answers.Media, shapes.media_json(BARE)),
    (
        answers.FoundCaption,
        shapes.caption_hit_json(CaptionHit(1, 0.5, CaptionRecord(1, "x", BARE))),
    ),
    (answers.FoundCaption, shapes.caption_hit_json(CaptionHit(1, 0.5, CaptionRecord(1, "x")))),
    (answers.MediaDetails, shapes.info_json(INFO, MEDIA)),
    (answers.PathInfo, shapes.path_info_json(INFO)),
    (answers.PathInfo, shapes.path_info_json(MediaInfo(ODD, None, FAILURE))),
    (answers.FailureInfo, shapes.failure_json(FAILURE)),
    (
        index_answers.Status,
        {
            **shapes.status_json(STATUS),
            "reranker": asdict(RerankerStatus("mini/reranker", 50, 4.5)),
            "version": "1",
            "login": False,
        },
    ),
    (index_answers.FacetCounts, shapes.facets_json(FACETS)),
)


@pytest.mark.parametrize(
    ("model", "built"), BUILT, ids=lambda value: getattr(value, "__name__", "")
)
def test_what_is_built_is_what_is_described(model: type[BaseModel], built: shapes.Json) -> None:
    """No member missing, none too many, each of its type."""
    model.model_validate_json(shapes.to_json(built), strict=True)
    required = {name for name, one in model.model_fields.items() if one.is_required()}
    assert required <= built.keys()


def test_a_summary_is_described_whole() -> None:
    """It is the record, so that nothing can be missing."""
    described = TypeAdapter(index_answers.Summary)
    built = shapes.summary_json(IndexSummary(added=3, offline_roots=(ODD,)))
    assert described.validate_json(shapes.to_json(built), strict=True).added == 3
    schema = described.json_schema(mode="serialization")
    assert sorted(schema["required"]) == sorted(built)
    assert schema["additionalProperties"] is False


def test_a_name_that_is_no_text_is_shown_escaped_and_kept_whole() -> None:
    fields = shapes.path_fields(ODD)
    assert fields == {"path": "/photos/caf\\xe9.png", "path_base64": "L3Bob3Rvcy9jYWbpLnBuZw=="}
    assert shapes.path_fields(Path("/a/ü.png")) == {"path": "/a/ü.png"}


def test_text_that_is_no_unicode_does_not_break_an_answer() -> None:
    assert json.loads(shapes.to_json({"caption": "half \ud800 pair"})) == {
        "caption": "half \ud800 pair"
    }


def test_a_client_reads_the_status_back() -> None:
    built = {**shapes.status_json(STATUS), "reranker": None}
    assert StatusShape.model_validate_json(shapes.to_json(built)).status() == STATUS
