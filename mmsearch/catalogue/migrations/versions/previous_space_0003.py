"""Schema 3: the default space before the present one, and since when a space is here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "previous_space_0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two columns; spaces that are here were always here."""
    op.add_column("meta", sa.Column("previous_space_id", sa.Integer))
    op.add_column("spaces", sa.Column("since", sa.Integer, nullable=False, server_default="0"))
