"""What `--json` writes: the names and shapes that programs rely on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from mmsearch.engine.doctor import Diagnosis
    from mmsearch.engine.records import LibraryStatus, MediaInfo, VectorFileStatus
    from mmsearch.engine.upkeep.backup_records import BackupRecord, RestoreReport
    from mmsearch.engine.upkeep.findings import Finding, OptimizeReport, RepairReport, VerifyReport
    from mmsearch.engine.upkeep.model_records import DroppedSpace, MigrationReport, RollbackReport
    from mmsearch.types import CaptionHit, Failure, Hit, IndexSummary, MediaRecord, Space

Json: TypeAlias = dict[str, object]
"""One JSON object; key order is the order of writing."""


def hit_json(hit: Hit, *, exact: bool) -> Json:
    """`rank, score, path, media_id`, when reranked `rerank_score` and `dual_rank`; and `exact`.

    That is of the answer: false where something near may be missing from it.
    """
    shape: Json = {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "path": str(hit.media.path),
        "media_id": hit.media.media_id,
    }
    return {**_with_rerank(shape, hit), "exact": exact}


def caption_hit_json(hit: CaptionHit, *, exact: bool) -> Json:
    """As for a picture, with `caption`; a free caption's path and media_id are null."""
    media = hit.caption.media
    shape: Json = {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "path": None if media is None else str(media.path),
        "media_id": None if media is None else media.media_id,
        "caption": hit.caption.text,
    }
    return {**_with_rerank(shape, hit), "exact": exact}


def summary_json(summary: IndexSummary) -> Json:
    """The contract's eight names first, then what else a run tells."""
    return {
        "added": summary.added,
        "updated": summary.updated,
        "moved": summary.moved,
        "removed": summary.removed,
        "unchanged": summary.unchanged,
        "failed": summary.failed,
        "seconds": round(summary.seconds, 3),
        "images_per_second": round(summary.images_per_second, 1),
        "captions_added": summary.captions_added,
        "captions_unmatched": summary.captions_unmatched,
        "offline_roots": [str(root) for root in summary.offline_roots],
        "interrupted": summary.interrupted,
        "held_back": [
            {"path": str(held.path), "gone": held.n_gone, "known": held.n_known}
            for held in summary.held_back
        ],
    }


def status_json(status: LibraryStatus) -> Json:
    """Counts, sizes in bytes, roots and spaces of one index."""
    return {
        "index": status.index,
        "path": str(status.path),
        "files": status.n_files,
        "contents": status.n_contents,
        "captions": status.n_captions,
        "failed": status.n_failed,
        "size_bytes": status.size_bytes,
        "catalogue_size_bytes": status.catalogue_size_bytes,
        "vectors_size_bytes": status.vectors_size_bytes,
        "roots": [
            {"path": str(root.path), "online": root.online, "files": root.n_files}
            for root in status.roots
        ],
        "spaces": [
            {
                **space_json(one.space),
                "default": one.is_default,
                "previous": one.is_previous,
                "images": one.n_images,
                "captions": one.n_captions,
                "with_rerank_features": one.n_with_regions,
                "vectors_size_bytes": one.vectors_size_bytes,
                "vectors": [vector_file_json(file) for file in one.vectors],
            }
            for one in status.spaces
        ],
    }


def vector_file_json(file: VectorFileStatus) -> Json:
    """How one modality is searched."""
    return {
        "modality": str(file.modality),
        "recipe": file.recipe,
        "rows": file.n_rows,
        "recent": file.n_recent,
        "size_bytes": file.size_bytes,
        "exact": file.exact,
    }


def failure_json(failure: Failure) -> Json:
    """One file that could not be indexed."""
    return {
        "path": str(failure.path),
        "reason": failure.reason,
        "failed_at": failure.failed_at.isoformat(),
    }


def space_json(space: Space) -> Json:
    """A model's name, the digest that tells it from others, and its dimension."""
    return {"model": space.name, "digest": space.digest, "dim": space.dim}


def info_json(info: MediaInfo) -> Json:
    """All that is known of one file; what does not apply is null or empty."""
    return {
        "path": str(info.path),
        "media": None if info.media is None else media_json(info.media),
        "failure": None if info.failure is None else failure_json(info.failure),
        "captions": [caption.text for caption in info.captions],
        "copies": [str(copy.path) for copy in info.copies],
        "spaces": [
            {**space_json(space), "rerank_features": space in info.region_spaces}
            for space in info.spaces
        ],
    }


def media_json(media: MediaRecord) -> Json:
    """One catalogued file with its metadata; sizes in bytes and pixels, angles in degrees."""
    about = media.metadata
    return {
        "media_id": media.media_id,
        "size_bytes": media.size_bytes,
        "mtime_ns": media.mtime_ns,
        "digest": media.digest,
        "online": media.online,
        "width": about.width,
        "height": about.height,
        "format": about.format,
        "taken_at": None if about.taken_at is None else about.taken_at.isoformat(),
        "latitude": about.latitude,
        "longitude": about.longitude,
        "camera": about.camera,
    }


def finding_json(finding: Finding) -> Json:
    """One thing that is not as it should be."""
    return {
        "check": finding.check.value,
        "where": finding.where,
        "what": finding.what,
        "advice": finding.advice,
    }


def verify_json(report: VerifyReport) -> Json:
    """What was found, and how much was looked at."""
    return {
        "sound": report.sound,
        "findings": [finding_json(finding) for finding in report.findings],
        "embeddings": report.n_embeddings,
        "regions": report.n_regions,
        "vectors": report.n_vectors,
        "files": report.n_files,
        "read": report.n_read,
        "offline": report.n_offline,
        "seconds": round(report.seconds, 3),
    }


def repair_json(report: RepairReport) -> Json:
    """What was wrong and is mended."""
    return {
        "mended": [finding_json(finding) for finding in report.mended],
        "dropped_embeddings": report.n_embeddings,
        "dropped_regions": report.n_regions,
        "rebuilt": [str(path) for path in report.rebuilt],
        "needs_index": report.needs_index,
        "seconds": round(report.seconds, 3),
    }


def optimize_json(report: OptimizeReport) -> Json:
    """Which vector files were made anew."""
    return {
        "rebuilt": [str(path) for path in report.rebuilt],
        "seconds": round(report.seconds, 3),
    }


def backup_json(folder: Path, record: BackupRecord) -> Json:
    """Where a backup lies, and what it holds."""
    return {
        "folder": str(folder),
        "index": record.index,
        "made_at": record.made_at.isoformat(),
        "schema": record.schema,
        "generation": record.generation,
        "files": record.files,
        "contents": record.pictures,
        "captions": record.captions,
        "embeddings": record.embeddings,
        "damaged": record.damaged,
        "size_bytes": record.size_bytes,
        "digest": record.digest,
    }


def restore_json(folder: Path, report: RestoreReport) -> Json:
    """What an index is now, and where its former catalogue is kept."""
    return {
        **backup_json(folder, report.backup),
        "kept": None if report.kept is None else str(report.kept),
        "seconds": round(report.seconds, 3),
    }


def diagnosis_json(diagnosis: Diagnosis) -> Json:
    """One thing that the doctor looked at."""
    return {
        "subject": diagnosis.subject,
        "level": diagnosis.level.value,
        "says": diagnosis.says,
        "advice": diagnosis.advice,
    }


def removed_json(path: Path, removed: int) -> Json:
    """What `remove` did with one path."""
    return {"path": str(path), "removed": removed}


def migration_json(report: MigrationReport) -> Json:
    """What a change of the model did, and the pictures that are missing."""
    return {
        "model": report.model,
        "previous": report.previous,
        "images": report.n_images,
        "captions": report.n_captions,
        "missing": [{"path": str(one.path), "reason": one.reason} for one in report.missing],
        "default": report.is_default,
        "interrupted": report.interrupted,
        "seconds": round(report.seconds, 3),
    }


def rollback_json(report: RollbackReport) -> Json:
    """Which model questions use again."""
    return {"model": report.model, "replaced": report.replaced, "missing": report.n_missing}


def dropped_json(dropped: DroppedSpace) -> Json:
    """Which model was taken out, in embeddings."""
    return {"model": dropped.model, "images": dropped.n_images, "captions": dropped.n_captions}


def _with_rerank(shape: Json, hit: Hit | CaptionHit) -> Json:
    """The shape, with the rerank score and the rank before it, where there is one."""
    if hit.rerank_score is None:
        return shape
    return {**shape, "rerank_score": round(hit.rerank_score, 6), "dual_rank": hit.dual_rank}
