"""From one default space to another, and a space out, inside the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection

from mmsearch.catalogue.removal import next_generation
from mmsearch.catalogue.writing import space_row
from mmsearch.errors import CatalogueError
from mmsearch.types import Space


def switch_default(connection: Connection, space: Space) -> None:
    """Make a space the default and remember the one before; the default itself is left as it is.

    Raises:
        CatalogueError: The space is unknown.
    """
    space_id = space_row(connection, space)
    switched = connection.exec_driver_sql(
        "UPDATE meta SET previous_space_id = default_space_id, default_space_id = ?1 "
        "WHERE default_space_id IS NOT ?1",
        (space_id,),
    )
    if switched.rowcount:
        next_generation(connection)


def n_missing(connection: Connection, space: Space, besides: str) -> int:
    """How many pictures and captions have no embedding in a space.

    `besides` holds the ids of contents that do not count, as a JSON array.

    Raises:
        CatalogueError: The space is unknown.
    """
    missing = connection.exec_driver_sql(
        "SELECT (SELECT count(*) FROM contents c WHERE "
        "EXISTS (SELECT 1 FROM media m WHERE m.content_id = c.content_id) "
        "AND c.content_id NOT IN (SELECT value FROM json_each(?2)) AND NOT EXISTS "
        "(SELECT 1 FROM image_embeddings e WHERE e.item_id = c.content_id AND e.space_id = ?1)) "
        "+ (SELECT count(*) FROM captions c WHERE NOT EXISTS "
        "(SELECT 1 FROM caption_embeddings e WHERE e.item_id = c.caption_id AND e.space_id = ?1))",
        (space_row(connection, space), besides),
    )
    return int(missing.scalar_one())


def drop_space(connection: Connection, space: Space) -> None:
    """Drop a space that is not the default, and all that belongs to it.

    Raises:
        CatalogueError: It is the default, or is unknown.
    """
    space_id = space_row(connection, space)
    # Should it come back, its vectors from before are older than it and are not believed.
    next_generation(connection)
    dropped = connection.exec_driver_sql(
        "DELETE FROM spaces WHERE space_id = ?1 "
        "AND space_id IS NOT (SELECT default_space_id FROM meta)",
        (space_id,),
    )
    if not dropped.rowcount:
        raise CatalogueError(
            f"questions use model '{space.name}': it cannot be dropped before another one is the "
            "default, see 'mmsearch migrate --help'"
        )
