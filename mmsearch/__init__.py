"""Cross-modal retrieval: find pictures from words, words from pictures, pictures from pictures.

    import mmsearch

    with mmsearch.open(home="library") as library:
        library.index("photos")
        for hit in library.query("a dog on a beach", k=10):
            print(hit.rank, hit.score, hit.media.path)

Importing this package imports nothing heavy; each name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmsearch.client.remote import RemoteLibrary as RemoteLibrary
    from mmsearch.client.remote import connect as connect
    from mmsearch.engine.factory import open as open  # noqa: A004 - mmsearch.open reads as meant
    from mmsearch.engine.library import Library as Library
    from mmsearch.engine.progress import ProgressListener as ProgressListener
    from mmsearch.engine.progress import SilentProgress as SilentProgress
    from mmsearch.engine.query_language import WeightedTerm as WeightedTerm
    from mmsearch.engine.records import Answer as Answer
    from mmsearch.engine.records import CaptionAnswer as CaptionAnswer
    from mmsearch.engine.records import IndexOptions as IndexOptions
    from mmsearch.engine.records import LibraryStatus as LibraryStatus
    from mmsearch.engine.records import MediaInfo as MediaInfo
    from mmsearch.engine.records import RerankerStatus as RerankerStatus
    from mmsearch.engine.records import RootStatus as RootStatus
    from mmsearch.engine.records import SpaceStatus as SpaceStatus
    from mmsearch.engine.records import VectorFileStatus as VectorFileStatus
    from mmsearch.engine.request import PreparedPicture as PreparedPicture
    from mmsearch.engine.request import QueryOptions as QueryOptions
    from mmsearch.engine.request import QueryRequest as QueryRequest
    from mmsearch.engine.upkeep.backup_records import BackupRecord as BackupRecord
    from mmsearch.engine.upkeep.backup_records import RestoreReport as RestoreReport
    from mmsearch.engine.upkeep.findings import FileCheck as FileCheck
    from mmsearch.engine.upkeep.findings import Finding as Finding
    from mmsearch.engine.upkeep.findings import OptimizeReport as OptimizeReport
    from mmsearch.engine.upkeep.findings import RepairReport as RepairReport
    from mmsearch.engine.upkeep.findings import UpkeepListener as UpkeepListener
    from mmsearch.engine.upkeep.findings import VerifyOptions as VerifyOptions
    from mmsearch.engine.upkeep.findings import VerifyReport as VerifyReport
    from mmsearch.engine.upkeep.model_records import DroppedSpace as DroppedSpace
    from mmsearch.engine.upkeep.model_records import MigrationOptions as MigrationOptions
    from mmsearch.engine.upkeep.model_records import MigrationReport as MigrationReport
    from mmsearch.engine.upkeep.model_records import MissingPicture as MissingPicture
    from mmsearch.engine.upkeep.model_records import RollbackReport as RollbackReport
    from mmsearch.errors import CatalogueError as CatalogueError
    from mmsearch.errors import ConfigError as ConfigError
    from mmsearch.errors import DatasetError as DatasetError
    from mmsearch.errors import MediaError as MediaError
    from mmsearch.errors import MmsearchError as MmsearchError
    from mmsearch.errors import ModelError as ModelError
    from mmsearch.errors import QueryError as QueryError
    from mmsearch.errors import RemoteError as RemoteError
    from mmsearch.errors import SpaceMismatchError as SpaceMismatchError
    from mmsearch.errors import VectorIndexError as VectorIndexError
    from mmsearch.types import CaptionHit as CaptionHit
    from mmsearch.types import CaptionRecord as CaptionRecord
    from mmsearch.types import Facets as Facets
    from mmsearch.types import Failure as Failure
    from mmsearch.types import Filters as Filters
    from mmsearch.types import FolderCount as FolderCount
    from mmsearch.types import FormatCount as FormatCount
    from mmsearch.types import HeldBack as HeldBack
    from mmsearch.types import Hit as Hit
    from mmsearch.types import IndexSummary as IndexSummary
    from mmsearch.types import InputSpec as InputSpec
    from mmsearch.types import MediaMetadata as MediaMetadata
    from mmsearch.types import MediaRecord as MediaRecord
    from mmsearch.types import Modality as Modality
    from mmsearch.types import Orientation as Orientation
    from mmsearch.types import OrientationCount as OrientationCount
    from mmsearch.types import Space as Space

    __version__: str

_HOMES = {
    "open": "engine.factory",
    "connect": "client.remote",
    "RemoteLibrary": "client.remote",
    "Library": "engine.library",
    "ProgressListener": "engine.progress",
    "SilentProgress": "engine.progress",
    "WeightedTerm": "engine.query_language",
    **dict.fromkeys(
        (
            "Answer",
            "CaptionAnswer",
            "IndexOptions",
            "LibraryStatus",
            "MediaInfo",
            "RerankerStatus",
            "RootStatus",
            "SpaceStatus",
            "VectorFileStatus",
        ),
        "engine.records",
    ),
    **dict.fromkeys(
        (
            "PreparedPicture",
            "QueryOptions",
            "QueryRequest",
        ),
        "engine.request",
    ),
    **dict.fromkeys(("BackupRecord", "RestoreReport"), "engine.upkeep.backup_records"),
    **dict.fromkeys(
        (
            "FileCheck",
            "Finding",
            "OptimizeReport",
            "RepairReport",
            "UpkeepListener",
            "VerifyOptions",
            "VerifyReport",
        ),
        "engine.upkeep.findings",
    ),
    **dict.fromkeys(
        (
            "DroppedSpace",
            "MigrationOptions",
            "MigrationReport",
            "MissingPicture",
            "RollbackReport",
        ),
        "engine.upkeep.model_records",
    ),
    **dict.fromkeys(
        (
            "CatalogueError",
            "ConfigError",
            "DatasetError",
            "MediaError",
            "MmsearchError",
            "ModelError",
            "QueryError",
            "RemoteError",
            "SpaceMismatchError",
            "VectorIndexError",
        ),
        "errors",
    ),
    **dict.fromkeys(
        (
            "CaptionHit",
            "CaptionRecord",
            "Facets",
            "Failure",
            "Filters",
            "FolderCount",
            "FormatCount",
            "HeldBack",
            "Hit",
            "IndexSummary",
            "InputSpec",
            "MediaMetadata",
            "MediaRecord",
            "Modality",
            "Orientation",
            "OrientationCount",
            "Space",
        ),
        "types",
    ),
}

__all__ = [  # noqa: PLE0604 - the table above is the one list of public names
    "__version__",
    *_HOMES,
]


def __getattr__(name: str) -> object:
    """The public object `name`, imported on first use."""
    if name == "__version__":
        from importlib.metadata import version

        return version("mmsearch")
    if name not in _HOMES:
        raise AttributeError(f"module 'mmsearch' has no attribute '{name}'")
    value: object = getattr(import_module(f"mmsearch.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
