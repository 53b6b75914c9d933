"""The text corpus: captions of files, and free ones."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mmsearch.catalogue.encoding import to_blobs
from mmsearch.catalogue.filters import condition_of
from mmsearch.catalogue.lookups import MEDIA_COLUMNS, Lookups, media_record
from mmsearch.catalogue.records import CaptionEntry, CaptionsAdded
from mmsearch.types import NO_FILTERS, CaptionRecord, Embeddings, Filters, Ids, Modality, Space


class Captions(Lookups):
    """The part of the catalogue that holds captions."""

    def add_captions(
        self,
        entries: Sequence[CaptionEntry],
        space: Space | None = None,
        embeddings: Embeddings | None = None,
    ) -> CaptionsAdded:
        """Ids of captions, added where new: one text is kept once for a file, once as free.

        `embeddings` `(n, d)`, one an entry, are committed with them where given with `space`.

        Raises:
            CatalogueError: A media id is unknown or an embedding does not fit the space.
        """
        from mmsearch.catalogue.caption_writing import insert_captions
        from mmsearch.catalogue.writing import put_embeddings, space_row

        with self._db.write() as connection:
            added = insert_captions(connection, entries)
            if space is not None and embeddings is not None:
                blobs = to_blobs(embeddings, space.dim)
                rows = list(zip(added.ids.tolist(), blobs, strict=True))
                put_embeddings(connection, Modality.CAPTION, space_row(connection, space), rows)
        return added

    def captions_without_embedding(self, space: Space, limit: int = 1000) -> list[CaptionRecord]:
        """The first captions that lack an embedding in a space; `media` is left None."""
        rows = self._db.read(
            "SELECT caption_id, text FROM captions c WHERE NOT EXISTS "
            "(SELECT 1 FROM caption_embeddings e WHERE e.item_id = c.caption_id "
            "AND e.space_id = (SELECT space_id FROM spaces WHERE digest = ?)) "
            "ORDER BY caption_id LIMIT ?",
            (space.digest, limit),
        )
        return [CaptionRecord(row["caption_id"], row["text"]) for row in rows]

    def put_caption_embeddings(self, space: Space, ids: Ids, embeddings: Embeddings) -> int:
        """Write embeddings `(n, d)` of captions `ids` `(n,)`; how many were new.

        Captions that were dropped meanwhile are passed over.
        """
        from mmsearch.catalogue.writing import put_embeddings, space_row

        blobs = to_blobs(embeddings, space.dim)
        with self._db.write() as connection:
            rows = self._db.read(
                "SELECT caption_id FROM captions WHERE caption_id IN "
                "(SELECT value FROM json_each(?))",
                (json.dumps(ids.tolist()),),
            )
            alive = {row[0] for row in rows}
            pairs = [
                (caption_id, blob)
                for caption_id, blob in zip(ids.tolist(), blobs, strict=True)
                if caption_id in alive
            ]
            space_id = space_row(connection, space)
            return put_embeddings(connection, Modality.CAPTION, space_id, pairs)

    def captions_for(self, ids: Ids) -> dict[int, CaptionRecord]:
        """Captions with their files, by id; ids that are gone are absent."""
        records = self._captions("c.caption_id", ids.tolist())
        return {record.caption_id: record for record in records}

    def captions_of_media(self, media_ids: Sequence[int]) -> list[CaptionRecord]:
        """All captions of some files, lowest id first."""
        return self._captions("c.media_id", media_ids)

    def allowed_captions(self, filters: Filters = NO_FILTERS) -> Ids:
        """Caption ids `(a,)`, ascending: all, or those of the files that pass the filters."""
        condition = condition_of(filters, self._scopes(filters.under))
        tables = f"{condition.tables} JOIN captions c USING (media_id)"
        if filters == NO_FILTERS:  # free captions have no file
            tables = "captions c"
        return self._ids(
            f"SELECT c.caption_id FROM {tables} WHERE {condition.sql} ORDER BY 1",  # noqa: S608 - fixed names
            condition,
        )

    def _captions(self, column: str, values: Sequence[int]) -> list[CaptionRecord]:
        rows = self._db.read(
            f"SELECT c.caption_id, c.text, {MEDIA_COLUMNS} FROM captions c "  # noqa: S608 - fixed names
            "LEFT JOIN media m USING (media_id) LEFT JOIN roots r USING (root_id) "
            "LEFT JOIN contents t USING (content_id) "
            f"WHERE {column} IN (SELECT value FROM json_each(?)) ORDER BY c.caption_id",
            (json.dumps(list(values)),),
        )
        return [
            CaptionRecord(
                row["caption_id"],
                row["text"],
                None if row["media_id"] is None else media_record(row),
            )
            for row in rows
        ]
