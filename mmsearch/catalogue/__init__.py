"""The catalogue: SQLite, and the truth about roots, files, captions and embeddings.

Reading is plain SQL on `sqlite3`; the schema, its migrations and all writing are SQLAlchemy
Core. SQLAlchemy costs a quarter of a cold query's time to import, and a query never writes, so
it is imported by the first write only.
"""

from mmsearch.catalogue.records import (
    UNREAD_BYTES,
    BatchResult,
    BlobPage,
    CaptionEntry,
    CaptionsAdded,
    CatalogueBatch,
    CatalogueCounts,
    DamagedBlob,
    FailureEntry,
    FileEntry,
    KnownFailure,
    KnownFile,
    Lacking,
    PendingContent,
    RootRecord,
    SpaceRecord,
)
from mmsearch.catalogue.store import Catalogue

__all__ = [
    "UNREAD_BYTES",
    "BatchResult",
    "BlobPage",
    "CaptionEntry",
    "CaptionsAdded",
    "Catalogue",
    "CatalogueBatch",
    "CatalogueCounts",
    "DamagedBlob",
    "FailureEntry",
    "FileEntry",
    "KnownFailure",
    "KnownFile",
    "Lacking",
    "PendingContent",
    "RootRecord",
    "SpaceRecord",
]
