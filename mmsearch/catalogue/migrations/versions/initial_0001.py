"""Schema 1: roots, contents, media, captions, spaces, embeddings, tombstones, failures, meta."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables, and the one row of `meta`."""
    _create_files()
    _create_captions()
    _create_embeddings()
    _create_bookkeeping()
    # Generations start at the clock: a vector file that outlived a deleted catalogue is then
    # older than all that its successor can replay, and is rebuilt rather than believed.
    start = time.time_ns() // 1_000_000
    op.execute(
        sa.text(
            "INSERT INTO meta (only_row, generation, replay_floor) VALUES (1, :g, :g)"
        ).bindparams(g=start)
    )


def _create_files() -> None:
    op.create_table(
        "roots",
        sa.Column("root_id", sa.Integer, primary_key=True),
        sa.Column("path", sa.BLOB, nullable=False, unique=True),
        sa.Column("online", sa.Integer, nullable=False, server_default="1"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contents",
        sa.Column("content_id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.BLOB, nullable=False, unique=True),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("format", sa.TEXT, nullable=False),
        sa.Column("taken_at", sa.TEXT),
        sa.Column("latitude", sa.REAL),
        sa.Column("longitude", sa.REAL),
        sa.Column("camera", sa.TEXT),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "media",
        sa.Column("media_id", sa.Integer, primary_key=True),
        sa.Column(
            "root_id",
            sa.Integer,
            sa.ForeignKey("roots.root_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("path", sa.BLOB, nullable=False),
        sa.Column("content_id", sa.Integer, sa.ForeignKey("contents.content_id"), nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("mtime_ns", sa.Integer, nullable=False),
        sa.UniqueConstraint("root_id", "path"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_media_content_id", "media", ["content_id"])


def _create_captions() -> None:
    op.create_table(
        "captions",
        sa.Column("caption_id", sa.Integer, primary_key=True),
        sa.Column("text", sa.TEXT, nullable=False),
        sa.Column("media_id", sa.Integer, sa.ForeignKey("media.media_id", ondelete="CASCADE")),
        sa.Column("source", sa.TEXT, nullable=False, server_default=""),
        sa.UniqueConstraint("media_id", "text"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_captions_free_text",
        "captions",
        ["text"],
        unique=True,
        sqlite_where=sa.text("media_id IS NULL"),
    )


def _create_embeddings() -> None:
    op.create_table(
        "spaces",
        sa.Column("space_id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.TEXT, nullable=False, unique=True),
        sa.Column("name", sa.TEXT, nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.Column("input_height", sa.Integer, nullable=False),
        sa.Column("input_width", sa.Integer, nullable=False),
        sa.Column("resize_mode", sa.TEXT, nullable=False),
        sa.Column("interpolation", sa.TEXT, nullable=False),
        sa.Column("fill", sa.TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    space = "spaces.space_id"
    for name, item in (
        ("image_embeddings", "contents.content_id"),
        ("caption_embeddings", "captions.caption_id"),
    ):
        op.create_table(
            name,
            sa.Column(
                "item_id", sa.Integer, sa.ForeignKey(item, ondelete="CASCADE"), nullable=False
            ),
            sa.Column(
                "space_id", sa.Integer, sa.ForeignKey(space, ondelete="CASCADE"), nullable=False
            ),
            sa.Column("generation", sa.Integer, nullable=False),
            sa.Column("embedding", sa.BLOB, nullable=False),
            sa.PrimaryKeyConstraint("item_id", "space_id"),
        )
        op.create_index(f"ix_{name}_replay", name, ["space_id", "generation", "item_id"])


def _create_bookkeeping() -> None:
    space, root = "spaces.space_id", "roots.root_id"
    op.create_table(
        "tombstones",
        sa.Column("space_id", sa.Integer, sa.ForeignKey(space, ondelete="CASCADE"), nullable=False),
        sa.Column("modality", sa.TEXT, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("space_id", "modality", "generation", "item_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "failures",
        sa.Column("root_id", sa.Integer, sa.ForeignKey(root, ondelete="CASCADE"), nullable=False),
        sa.Column("path", sa.BLOB, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("mtime_ns", sa.Integer, nullable=False),
        sa.Column("reason", sa.TEXT, nullable=False),
        sa.Column("failed_at", sa.TEXT, nullable=False),
        sa.PrimaryKeyConstraint("root_id", "path"),
    )
    op.create_table(
        "meta",
        sa.Column("only_row", sa.Integer, primary_key=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("replay_floor", sa.Integer, nullable=False),
        sa.Column("default_space_id", sa.Integer, sa.ForeignKey(space, ondelete="SET NULL")),
        sa.CheckConstraint("only_row = 1", name="one_row"),
    )
