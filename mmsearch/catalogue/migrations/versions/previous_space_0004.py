"""Schema 4: the default space before the present one, and since when a space is here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "previous_space_0004"
down_revision = "checksums_0003"
branch_labels = None
depends_on = None

SECOND_COPIES = {
    "spaces": [
        *("name", "dim", "input_height", "input_width", "resize_mode", "interpolation", "fill"),
        "since",
    ],
    "meta": ["generation", "replay_floor", "default_space_id", "previous_space_id"],
}


def upgrade() -> None:
    """Add the two columns, and to the second copies; spaces that are here were always here."""
    op.add_column("meta", sa.Column("previous_space_id", sa.Integer))
    op.add_column("spaces", sa.Column("since", sa.Integer, nullable=False, server_default="0"))
    for table, columns in SECOND_COPIES.items():
        op.drop_index(f"ix_{table}_copy", table)
        op.create_index(f"ix_{table}_copy", table, columns)
