from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from mmsearch.cli.json_shapes import (
    caption_hit_json,
    failure_json,
    hit_json,
    info_json,
    status_json,
    summary_json,
)
from mmsearch.engine.records import (
    LibraryStatus,
    MediaInfo,
    RootStatus,
    SpaceStatus,
    VectorFileStatus,
)
from mmsearch.types import Failure, Hit, IndexSummary, InputSpec, Modality, Space
from tests.unit.cli.records import caption_hit, hit, media

SPACE = Space("mini", "cd" * 32, 32, InputSpec(64, 64))


def test_a_hit_has_the_contracts_four_names_and_tells_whether_its_answer_is_exact() -> None:
    assert hit_json(hit(Path("/p/a.jpg"), score=0.12345678), exact=True) == {
        "rank": 1,
        "score": 0.123457,
        "path": "/p/a.jpg",
        "media_id": 7,
        "exact": True,
    }


def test_a_reranked_hit_adds_its_rerank_score_and_the_rank_before() -> None:
    reranked = Hit(rank=1, score=0.5, media=media(Path("/a")), rerank_score=0.9, dual_rank=3)
    shape = hit_json(reranked, exact=False)
    assert list(shape)[4:] == ["rerank_score", "dual_rank", "exact"]
    assert (shape["rerank_score"], shape["dual_rank"], shape["exact"]) == (0.9, 3, False)


def test_a_free_caption_has_no_path() -> None:
    assert caption_hit_json(caption_hit("a dog", None), exact=True) == {
        "rank": 1,
        "score": 0.5,
        "path": None,
        "media_id": None,
        "caption": "a dog",
        "exact": True,
    }
    shape = caption_hit_json(caption_hit("a dog", Path("/p/a.jpg")), exact=False)
    assert (shape["path"], shape["exact"]) == ("/p/a.jpg", False)


def test_a_summary_begins_with_the_contracts_eight_names() -> None:
    shape = summary_json(IndexSummary(added=2, seconds=1.23456, images_per_second=81.26))
    assert list(shape)[:8] == [
        "added",
        "updated",
        "moved",
        "removed",
        "unchanged",
        "failed",
        "seconds",
        "images_per_second",
    ]
    assert (shape["added"], shape["seconds"], shape["images_per_second"]) == (2, 1.235, 81.3)


VECTORS = VectorFileStatus(Modality.IMAGE, "lists", 2, 1, 20, exact=False)


def test_status_tells_roots_spaces_and_sizes() -> None:
    status = LibraryStatus(
        index="default",
        path=Path("/h/indexes/default"),
        n_files=3,
        n_contents=2,
        n_captions=1,
        n_failed=1,
        catalogue_size_bytes=100,
        vectors_size_bytes=20,
        roots=(RootStatus(Path("/p"), online=False, n_files=3),),
        spaces=(SpaceStatus(SPACE, True, 2, 1, 20, vectors=(VECTORS,)),),
    )
    shape = status_json(status)
    assert shape["size_bytes"] == 120
    assert shape["roots"] == [{"path": "/p", "online": False, "files": 3}]
    assert shape["spaces"] == [
        {
            "model": "mini",
            "digest": "cd" * 32,
            "dim": 32,
            "default": True,
            "previous": False,
            "images": 2,
            "captions": 1,
            "with_rerank_features": 0,
            "vectors_size_bytes": 20,
            "vectors": [
                {
                    "modality": "image",
                    "recipe": "lists",
                    "rows": 2,
                    "recent": 1,
                    "size_bytes": 20,
                    "exact": False,
                }
            ],
        }
    ]


def test_info_of_a_file_that_failed_has_a_reason_and_no_media() -> None:
    failure = Failure(Path("/p/bad.jpg"), "not a picture", datetime(2026, 1, 2, tzinfo=UTC))
    shape = info_json(MediaInfo(Path("/p/bad.jpg"), None, failure))
    assert shape["media"] is None
    assert shape["failure"] == failure_json(failure)
    assert failure_json(failure)["failed_at"] == "2026-01-02T00:00:00+00:00"
