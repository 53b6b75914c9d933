"""Captions into the catalogue, each text once for a file, once as free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import insert

from mmsearch.catalogue.records import CaptionEntry, CaptionsAdded
from mmsearch.catalogue.tables import captions


def insert_captions(connection: Connection, entries: Sequence[CaptionEntry]) -> CaptionsAdded:
    """Ids of all entries' captions, inserted where new, inside the caller's transaction."""
    if not entries:
        return CaptionsAdded(np.empty(0, dtype=np.int64), 0)
    rows = [
        {"text": entry.text, "media_id": entry.media_id, "source": entry.source}
        for entry in entries
    ]
    added = connection.execute(insert(captions).on_conflict_do_nothing(), rows).rowcount
    ids = np.array([_caption_id(connection, entry) for entry in entries], dtype=np.int64)
    return CaptionsAdded(ids, added)


def _caption_id(connection: Connection, entry: CaptionEntry) -> int:
    # Two statements, as only these forms use the two unique indexes.
    if entry.media_id is None:
        found = connection.exec_driver_sql(
            "SELECT caption_id FROM captions WHERE text = ? AND media_id IS NULL", (entry.text,)
        )
    else:
        found = connection.exec_driver_sql(
            "SELECT caption_id FROM captions WHERE media_id = ? AND text = ?",
            (entry.media_id, entry.text),
        )
    return int(found.scalar_one())
