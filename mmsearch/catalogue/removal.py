"""Taking rows out, leaving tombstones by which vector indexes learn of it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from sqlalchemy import Connection

from mmsearch.catalogue.encoding import folder_range
from mmsearch.catalogue.tables import EMBEDDING_TABLES
from mmsearch.types import Modality

MAX_TOMBSTONES = 1_000_000


def next_generation(connection: Connection) -> int:
    """The generation of this transaction: the clock in ms, and above all before it.

    The clock keeps generations of a restored copy from repeating those it has lost.
    """
    row = connection.exec_driver_sql(
        "UPDATE meta SET generation = max(generation + 1, ?) RETURNING generation",
        (time.time_ns() // 1_000_000,),
    )
    return int(row.scalar_one())


def drop_media(connection: Connection, media_ids: Sequence[int], generation: int) -> int:
    """Drop files with their captions; how many. Their contents stay until found orphaned."""
    if not media_ids:
        return 0
    ids = json.dumps(list(media_ids))
    connection.exec_driver_sql(
        "INSERT OR IGNORE INTO tombstones (space_id, modality, generation, item_id) "
        "SELECT e.space_id, 'caption', ?, e.item_id FROM json_each(?) AS gone "
        "JOIN captions c ON c.media_id = gone.value "
        "JOIN caption_embeddings e ON e.item_id = c.caption_id",
        (generation, ids),
    )
    dropped = connection.exec_driver_sql(
        "DELETE FROM media WHERE media_id IN (SELECT value FROM json_each(?))", (ids,)
    )
    return dropped.rowcount


def drop_orphans(connection: Connection) -> int:
    """Drop contents without a file, with their embeddings; how many."""
    generation = next_generation(connection)
    orphans = (
        "SELECT content_id FROM contents c WHERE NOT EXISTS "
        "(SELECT 1 FROM media m WHERE m.content_id = c.content_id)"
    )
    connection.exec_driver_sql(
        "INSERT INTO tombstones (space_id, modality, generation, item_id) "  # noqa: S608 - fixed
        "SELECT space_id, 'image', ?, item_id FROM image_embeddings "
        f"WHERE item_id IN ({orphans})",
        (generation,),
    )
    dropped = connection.exec_driver_sql(
        f"DELETE FROM contents WHERE content_id IN ({orphans})"  # noqa: S608 - a fixed query
    )
    forget_tombstones(connection, MAX_TOMBSTONES)
    return dropped.rowcount


def drop_embeddings(
    connection: Connection, space_id: int, modality: Modality, item_ids: Sequence[int]
) -> int:
    """Drop the embeddings of some items in a space; how many. The items themselves stay."""
    generation = next_generation(connection)
    table = EMBEDDING_TABLES[modality].name
    chosen = "space_id = ? AND item_id IN (SELECT value FROM json_each(?))"
    values = (space_id, json.dumps(list(item_ids)))
    connection.exec_driver_sql(
        "INSERT INTO tombstones (space_id, modality, generation, item_id) "  # noqa: S608 - fixed names
        f"SELECT space_id, ?, ?, item_id FROM {table} WHERE {chosen}",
        (modality.value, generation, *values),
    )
    dropped = connection.exec_driver_sql(f"DELETE FROM {table} WHERE {chosen}", values)  # noqa: S608 - fixed names
    return dropped.rowcount


def drop_scopes(connection: Connection, scopes: Sequence[tuple[int, bytes, bytes]]) -> int:
    """Drop files and failures in `(root_id, low, high)` path ranges; how many files."""
    generation = next_generation(connection)
    removed = 0
    for root_id, low, high in scopes:
        place = (root_id, low, high)
        found = connection.exec_driver_sql(
            "SELECT media_id FROM media WHERE root_id = ? AND path >= ? AND path < ?", place
        )
        removed += drop_media(connection, [row[0] for row in found], generation)
        connection.exec_driver_sql(
            "DELETE FROM failures WHERE root_id = ? AND path >= ? AND path < ?", place
        )
        if (low, high) == folder_range(b""):
            connection.exec_driver_sql("DELETE FROM roots WHERE root_id = ?", (root_id,))
    return removed


def forget_tombstones(connection: Connection, keep: int) -> None:
    """Bound the tombstones: beyond `keep`, forget the older half of them.

    Vector files older than what was forgotten can no longer replay and are rebuilt.
    """
    count = connection.exec_driver_sql("SELECT count(*) FROM tombstones").scalar_one()
    if count <= keep:
        return
    floor = connection.exec_driver_sql(
        "SELECT generation FROM tombstones ORDER BY generation LIMIT 1 OFFSET ?", (count // 2,)
    ).scalar_one()
    connection.exec_driver_sql("DELETE FROM tombstones WHERE generation <= ?", (floor,))
    connection.exec_driver_sql("UPDATE meta SET replay_floor = max(replay_floor, ?)", (floor,))
