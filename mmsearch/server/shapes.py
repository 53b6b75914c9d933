"""The JSON that answers are made of, built without a model a row: this is on every search's way.

`answers.py` describes the same shapes for the OpenAPI description; a test holds the two together.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from starlette.responses import Response

if TYPE_CHECKING:
    from mmsearch.engine.records import LibraryStatus, MediaInfo, RootStatus
    from mmsearch.engine.upkeep.findings import OptimizeReport
    from mmsearch.types import CaptionHit, Facets, Failure, Hit, IndexSummary, MediaRecord, Space

Json: TypeAlias = dict[str, object]


def to_json(value: object) -> bytes:
    """UTF-8 JSON. A text that is no valid Unicode (a broken caption) comes with JSON's escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def json_response(value: object, status: int = 200) -> Response:
    """A response of JSON."""
    return Response(to_json(value), status, media_type="application/json")


def shown(path: Path) -> str:
    """A path as valid text; bytes that are no UTF-8 come escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def path_fields(path: Path) -> Json:
    """`path`; and `path_base64`, its very bytes, only where it is not valid UTF-8."""
    text = str(path)
    if _is_text(text):
        return {"path": text}
    return {"path": shown(path), "path_base64": base64.b64encode(os.fsencode(path)).decode()}


def media_json(media: MediaRecord) -> Json:
    """One catalogued file; sizes in bytes and pixels, angles in degrees."""
    about = media.metadata
    day = media.date
    name = media.path.name
    return {
        "media_id": media.media_id,
        **path_fields(media.path),
        "name": name if _is_text(name) else shown(Path(name)),
        "width": about.width,
        "height": about.height,
        "format": about.format,
        "date": None if day is None else day.isoformat(),
        "size_bytes": media.size_bytes,
        "online": media.online,
        "thumbnail": (f"/api/v1/media/{media.media_id}/thumbnail?size=320&v={media.digest[:8]}"),
        "taken_at": None if about.taken_at is None else about.taken_at.isoformat(),
        "latitude": about.latitude,
        "longitude": about.longitude,
        "camera": about.camera,
        "digest": media.digest,
        "content_id": media.content_id,
        "mtime_ns": media.mtime_ns,
    }


def hit_json(hit: Hit) -> Json:
    """A picture that was found."""
    return {**_place_json(hit), **media_json(hit.media)}


def caption_hit_json(hit: CaptionHit) -> Json:
    """A caption that was found, with its picture where it has one."""
    caption = hit.caption
    return {
        **_place_json(hit),
        "caption": caption.text,
        "caption_id": caption.caption_id,
        "media": None if caption.media is None else media_json(caption.media),
    }


def _place_json(hit: Hit | CaptionHit) -> Json:
    """Where a hit stands, and why."""
    return {
        "rank": hit.rank,
        "score": hit.score,
        "rerank_score": hit.rerank_score,
        "dual_rank": hit.dual_rank,
    }


def info_json(info: MediaInfo, media: MediaRecord) -> Json:
    """One catalogued file with all that belongs to it."""
    folder = media.path.parent
    below = media.path.relative_to(info.root) if info.root is not None else media.path
    return {
        **media_json(media),
        "captions": [
            {"caption_id": caption.caption_id, "text": caption.text} for caption in info.captions
        ],
        "copies": [media_json(copy) for copy in info.copies],
        "folder": shown(folder),
        "root": None if info.root is None else shown(info.root),
        "relative": shown(below),
        "spaces": [space_json(space) for space in info.spaces],
        "failure": None if info.failure is None else failure_json(info.failure),
    }


def path_info_json(info: MediaInfo) -> Json:
    """What is known at a path: a file of the catalogue, or one that failed."""
    return {
        **path_fields(info.path),
        "root": None if info.root is None else shown(info.root),
        "media": None if info.media is None else info_json(info, info.media),
        "failure": None if info.failure is None else failure_json(info.failure),
    }


def failure_json(failure: Failure) -> Json:
    """One file that could not be indexed."""
    return {
        **path_fields(failure.path),
        "reason": failure.reason.encode("utf-8", "backslashreplace").decode(),
        "failed_at": failure.failed_at.isoformat(),
    }


def space_json(space: Space) -> Json:
    """A model's space."""
    spec = space.input
    return {
        "name": space.name,
        "digest": space.digest,
        "dim": space.dim,
        "input": {
            "height": spec.height,
            "width": spec.width,
            "resize_mode": str(spec.resize_mode),
            "interpolation": spec.interpolation,
            "fill": list(spec.fill),
        },
    }


def root_json(root: RootStatus) -> Json:
    """One indexed folder."""
    return {**path_fields(root.path), "online": root.online, "n_files": root.n_files}


def status_json(status: LibraryStatus) -> Json:
    """Counts, sizes in bytes, roots and spaces of one index."""
    default = [one.space.name for one in status.spaces if one.is_default]
    return {
        "index": status.index,
        **path_fields(status.path),
        "n_files": status.n_files,
        "n_contents": status.n_contents,
        "n_captions": status.n_captions,
        "n_failed": status.n_failed,
        "size_bytes": status.size_bytes,
        "catalogue_size_bytes": status.catalogue_size_bytes,
        "vectors_size_bytes": status.vectors_size_bytes,
        "roots": [root_json(root) for root in status.roots],
        "spaces": [
            {
                **space_json(one.space),
                "is_default": one.is_default,
                "n_images": one.n_images,
                "n_captions": one.n_captions,
                "n_with_regions": one.n_with_regions,
                "is_previous": one.is_previous,
                "vectors_size_bytes": one.vectors_size_bytes,
                "vectors": [asdict(file) for file in one.vectors],
            }
            for one in status.spaces
        ],
        "model": default[0] if default else None,
    }


def facets_json(facets: Facets) -> Json:
    """What there is to filter by."""
    first, last = facets.first_date, facets.last_date
    return {
        "n_files": facets.n_files,
        "formats": [{"format": one.format, "n_files": one.n_files} for one in facets.formats],
        "orientations": [
            {"orientation": str(one.orientation), "n_files": one.n_files}
            for one in facets.orientations
        ],
        "first_date": None if first is None else first.isoformat(),
        "last_date": None if last is None else last.isoformat(),
        "folders": [{**path_fields(one.path), "n_files": one.n_files} for one in facets.folders],
        "n_folders": facets.n_folders,
    }


def summary_json(summary: IndexSummary) -> Json:
    """What one indexing run did: the record, its paths as text."""
    return {
        **asdict(summary),
        "offline_roots": [shown(root) for root in summary.offline_roots],
        "held_back": [{**asdict(held), "path": shown(held.path)} for held in summary.held_back],
    }


def optimized_json(report: OptimizeReport) -> Json:
    """Which vector files were made anew."""
    return {"rebuilt": [shown(path) for path in report.rebuilt], "seconds": report.seconds}


def _is_text(value: str) -> bool:
    """Whether a path's text is valid Unicode."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
