"""Schema 2: region features of pictures, which a cross encoder reads beside a text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of projections and of the codes they give."""
    space = sa.ForeignKey("spaces.space_id", ondelete="CASCADE")
    op.create_table(
        "region_projections",
        sa.Column("projection_id", sa.Integer, primary_key=True),
        sa.Column("space_id", sa.Integer, space, nullable=False),
        sa.Column("digest", sa.TEXT, nullable=False),
        sa.Column("regions", sa.Integer, nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.UniqueConstraint("space_id", "digest"),
    )
    content = sa.ForeignKey("contents.content_id", ondelete="CASCADE")
    projection = sa.ForeignKey("region_projections.projection_id", ondelete="CASCADE")
    op.create_table(
        "region_features",
        sa.Column("content_id", sa.Integer, content, nullable=False),
        sa.Column("projection_id", sa.Integer, projection, nullable=False),
        sa.Column("codes", sa.BLOB, nullable=False),
        sa.PrimaryKeyConstraint("content_id", "projection_id"),
    )
    op.create_index(
        "ix_region_features_projection", "region_features", ["projection_id", "content_id"]
    )
