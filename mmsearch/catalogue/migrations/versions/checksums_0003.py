"""Schema 3: checksums of blobs, and indexes over the columns that were in none.

A flipped bit inside a blob is no error to SQLite. Nor is one in a small column, unless an index
holds a second copy of it: `PRAGMA integrity_check` compares the two.
"""

from __future__ import annotations

import zlib

import sqlalchemy as sa
from alembic import op

revision = "checksums_0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BLOBS = {
    "image_embeddings": "embedding",
    "caption_embeddings": "embedding",
    "region_features": "codes",
}
SECOND_COPIES = {
    "roots": ["online"],
    "contents": [
        *("width", "height", "format", "taken_at", "latitude", "longitude", "camera"),
    ],
    "media": ["size_bytes", "mtime_ns"],
    "captions": ["source"],
    "spaces": [
        "name",
        "dim",
        "input_height",
        "input_width",
        "resize_mode",
        "interpolation",
        "fill",
    ],
    "region_projections": ["regions", "dim"],
    "tombstones": ["item_id"],
    "failures": ["size_bytes", "mtime_ns", "reason", "failed_at"],
    "meta": ["generation", "replay_floor", "default_space_id"],
}


def upgrade() -> None:
    """Add checksums and fill them in, then make the indexes."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:  # SQLAlchemy's type allows for a connection that was given back
        raise RuntimeError("an upgrade needs a live connection")
    connection.create_function("crc32", 1, zlib.crc32, deterministic=True)
    for table, blob in BLOBS.items():
        op.add_column(table, sa.Column("checksum", sa.Integer))
        op.execute(f"UPDATE {table} SET checksum = crc32({blob})")  # noqa: S608 - fixed names
    for table, columns in SECOND_COPIES.items():
        op.create_index(f"ix_{table}_copy", table, columns)
