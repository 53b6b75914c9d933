"""The schema, once, as SQLAlchemy tables. A test holds the migrations to it.

The indexes `ix_…_copy` hold a second copy of each column that no other index has. That is how
damage shows: `PRAGMA integrity_check` compares every row with its index entries.
"""

from __future__ import annotations

from sqlalchemy import (
    BLOB,
    REAL,
    TEXT,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    TypeDecorator,
    UniqueConstraint,
    create_engine,
    text,
)

from mmsearch.types import Modality


def schema_as_made() -> dict[str, str]:
    """What SQLite keeps of each table and index, by name, as `DEFINITIONS` gives it."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(DEFINITIONS).all()
    engine.dispose()
    return {name: " ".join(definition.split()) for name, definition in rows}


class HexDigest(TypeDecorator[str]):
    """A hexadecimal digest kept as bytes, half the size in the table and in its index."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The digest as SQLite keeps it."""
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The digest as Python knows it."""
        return None if value is None else value.hex()


DEFINITIONS = (
    "SELECT name, typeof(type) || typeof(name) || typeof(tbl_name) || typeof(sql) || ' ' || type "
    "|| ' ' || tbl_name || ' ' || sql "
    "FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'"
)
"""Names and definitions of tables and indexes; white space is as it happens to be."""

metadata = MetaData()

roots = Table(
    "roots",
    metadata,
    Column("root_id", Integer, primary_key=True),
    Column("path", BLOB, nullable=False, unique=True),
    Column("online", Integer, nullable=False, server_default="1"),
    Index("ix_roots_copy", "online"),
    sqlite_autoincrement=True,
)

contents = Table(
    "contents",
    metadata,
    Column("content_id", Integer, primary_key=True),
    Column("digest", HexDigest, nullable=False, unique=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", TEXT, nullable=False),
    Column("taken_at", TEXT),
    Column("latitude", REAL),
    Column("longitude", REAL),
    Column("camera", TEXT),
    Index(
        "ix_contents_copy",
        *("width", "height", "format", "taken_at", "latitude", "longitude", "camera"),
    ),
    # Ids are never used twice, so that a tombstone can never bury a later picture.
    sqlite_autoincrement=True,
)

media = Table(
    "media",
    metadata,
    Column("media_id", Integer, primary_key=True),
    Column("root_id", ForeignKey("roots.root_id", ondelete="CASCADE"), nullable=False),
    Column("path", BLOB, nullable=False),
    Column("content_id", ForeignKey("contents.content_id"), nullable=False, index=True),
    Column("size_bytes", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    UniqueConstraint("root_id", "path"),
    Index("ix_media_copy", "size_bytes", "mtime_ns"),
    sqlite_autoincrement=True,
)

captions = Table(
    "captions",
    metadata,
    Column("caption_id", Integer, primary_key=True),
    Column("text", TEXT, nullable=False),
    Column("media_id", ForeignKey("media.media_id", ondelete="CASCADE")),
    Column("source", TEXT, nullable=False, server_default=""),
    # NULLs differ in a unique constraint, hence the second index for free captions.
    UniqueConstraint("media_id", "text"),
    Index("ix_captions_free_text", "text", unique=True, sqlite_where=text("media_id IS NULL")),
    Index("ix_captions_copy", "source"),
    sqlite_autoincrement=True,
)

spaces = Table(
    "spaces",
    metadata,
    Column("space_id", Integer, primary_key=True),
    Column("digest", TEXT, nullable=False, unique=True),
    Column("name", TEXT, nullable=False),
    Column("dim", Integer, nullable=False),
    Column("input_height", Integer, nullable=False),
    Column("input_width", Integer, nullable=False),
    Column("resize_mode", TEXT, nullable=False),
    Column("interpolation", TEXT, nullable=False),
    Column("fill", TEXT, nullable=False),
    # The generation it was added in: a vector file of an earlier one is of a space that was
    # dropped, and misses what was removed while it was away.
    Column("since", Integer, nullable=False, server_default="0"),
    Index(
        "ix_spaces_copy",
        *("name", "dim", "input_height", "input_width", "resize_mode", "interpolation", "fill"),
        "since",
    ),
    sqlite_autoincrement=True,
)


def _embeddings(name: str, item: str) -> Table:
    """A table of float16 embeddings of one kind of item, with the generation that wrote each.

    `checksum` is the CRC-32 of the blob; so it is in `region_features`.
    """
    return Table(
        name,
        metadata,
        Column("item_id", ForeignKey(item, ondelete="CASCADE"), nullable=False),
        Column("space_id", ForeignKey("spaces.space_id", ondelete="CASCADE"), nullable=False),
        Column("generation", Integer, nullable=False),
        Column("embedding", BLOB, nullable=False),
        Column("checksum", Integer),
        PrimaryKeyConstraint("item_id", "space_id"),
        Index(f"ix_{name}_replay", "space_id", "generation", "item_id"),
    )


image_embeddings = _embeddings("image_embeddings", "contents.content_id")
caption_embeddings = _embeddings("caption_embeddings", "captions.caption_id")
EMBEDDING_TABLES = {Modality.IMAGE: image_embeddings, Modality.CAPTION: caption_embeddings}

region_projections = Table(
    "region_projections",
    metadata,
    Column("projection_id", Integer, primary_key=True),
    Column("space_id", ForeignKey("spaces.space_id", ondelete="CASCADE"), nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("regions", Integer, nullable=False),
    Column("dim", Integer, nullable=False),
    UniqueConstraint("space_id", "digest"),
    Index("ix_region_projections_copy", "regions", "dim"),
)

region_features = Table(
    "region_features",
    metadata,
    Column("content_id", ForeignKey("contents.content_id", ondelete="CASCADE"), nullable=False),
    Column(
        "projection_id",
        ForeignKey("region_projections.projection_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("codes", BLOB, nullable=False),
    Column("checksum", Integer),
    PrimaryKeyConstraint("content_id", "projection_id"),
    # For dropping a projection, and for counting what has it.
    Index("ix_region_features_projection", "projection_id", "content_id"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("space_id", ForeignKey("spaces.space_id", ondelete="CASCADE"), nullable=False),
    Column("modality", TEXT, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("item_id", Integer, nullable=False),
    PrimaryKeyConstraint("space_id", "modality", "generation", "item_id"),
    Index("ix_tombstones_copy", "item_id"),
    sqlite_with_rowid=False,
)

failures = Table(
    "failures",
    metadata,
    Column("root_id", ForeignKey("roots.root_id", ondelete="CASCADE"), nullable=False),
    Column("path", BLOB, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("failed_at", TEXT, nullable=False),
    PrimaryKeyConstraint("root_id", "path"),
    Index("ix_failures_copy", "size_bytes", "mtime_ns", "reason", "failed_at"),
)

meta = Table(
    "meta",
    metadata,
    Column("only_row", Integer, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("replay_floor", Integer, nullable=False),
    Column("default_space_id", ForeignKey("spaces.space_id", ondelete="SET NULL")),
    # No foreign key, which SQLite cannot add to a table: ids are never used twice, so that of a
    # dropped space names none.
    Column("previous_space_id", Integer),
    CheckConstraint("only_row = 1", name="one_row"),
    Index(
        "ix_meta_copy",
        *("generation", "replay_floor", "default_space_id", "previous_space_id"),
    ),
)
