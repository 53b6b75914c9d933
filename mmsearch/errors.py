"""The one error tree: what went wrong, where, and what to do about it.

MmsearchError
├── ConfigError           a setting, an environment variable or mmsearch.toml
├── MediaError            one file: unreadable, not a picture, over a limit
├── CatalogueError        the SQLite catalogue: missing, newer, damaged, locked
├── VectorIndexError      the FAISS side
├── ModelError            a model that cannot be found, loaded or run
├── SpaceMismatchError    vectors of two models would have been compared
├── DatasetError          a caption file or a split
├── QueryError            a question that cannot be asked
└── RemoteError           a server that cannot be reached, or refuses
"""


class MmsearchError(Exception):
    """Root of all errors that mmsearch raises on purpose; `str()` is one clear line."""


class ConfigError(MmsearchError):
    """A setting is unknown, malformed or contradicts another."""


class MediaError(MmsearchError):
    """One media file could not be read; the message is the reason that is recorded."""


class CatalogueError(MmsearchError):
    """The catalogue is missing, damaged, locked or of a newer schema."""


class VectorIndexError(MmsearchError):
    """The vector index could not be built, read or searched."""


class ModelError(MmsearchError):
    """A model could not be found, loaded, exported or run."""


class SpaceMismatchError(MmsearchError):
    """The index holds embeddings of another model than the one asked for."""


class DatasetError(MmsearchError):
    """Caption data could not be read or does not hold what was asked of it."""


class QueryError(MmsearchError):
    """The query is empty, contradictory or refers to something unreadable."""


class RemoteError(MmsearchError):
    """A server could not be reached, failed, or refused; a wrong question is a QueryError."""


def reason_of(exc: OSError) -> str:
    """What the system says, to stand within a line."""
    return (exc.strerror or str(exc)).lower()
