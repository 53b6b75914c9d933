"""Reads a catalogue by plain SQL, beside the package's own code, into the model's form."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import numpy as np

from tests.model_test.contents import Contents
from tests.model_test.state import BadFile, Row, State


class CatalogueReader:
    """Reads the catalogue of one index; `problems` are what no catalogue may hold."""

    def __init__(self, file: Path, contents: Contents) -> None:
        self._file = file
        self._contents = contents
        self.problems: list[str] = []

    def read(self) -> State:
        """All there is, of one moment."""
        self.problems = []
        if not self._file.is_file():
            return State()
        with contextlib.closing(sqlite3.connect(self._file, isolation_level=None)) as raw:
            raw.execute("BEGIN")
            if not raw.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchall():
                return State(has_file=True)  # a run was killed before the schema was committed
            return self._state(raw)

    def _state(self, raw: sqlite3.Connection) -> State:
        models = dict(raw.execute("SELECT space_id, name FROM spaces ORDER BY space_id"))
        meta = raw.execute("SELECT default_space_id, previous_space_id FROM meta").fetchone()
        digests = {
            item: digest.hex()
            for item, digest in raw.execute("SELECT content_id, digest FROM contents")
        }
        roots = {
            root_id: (os.fsdecode(path), bool(online))
            for root_id, path, online in raw.execute("SELECT root_id, path, online FROM roots")
        }
        state = State(
            exists=True,
            has_file=True,
            roots=dict(roots.values()),
            failures=self._failures(raw, roots),
            contents={digest: set() for digest in digests.values()},
            content_ids={digest: item for item, digest in digests.items()},
            spaces=list(models.values()),
            default=models.get(meta[0]),
            previous=models.get(meta[1]),
            last_ids=_last_ids(raw),
        )
        self._embeddings(raw, state, models, digests)
        self._rows(raw, state, digests, roots)
        self._captions(raw, state, models)
        return state

    def _failures(
        self, raw: sqlite3.Connection, roots: dict[int, tuple[str, bool]]
    ) -> dict[str, BadFile]:
        rows = raw.execute("SELECT root_id, path, size_bytes, mtime_ns, reason FROM failures")
        return {
            f"{roots[root_id][0]}/{os.fsdecode(path)}": BadFile(size_bytes, mtime_ns, reason)
            for root_id, path, size_bytes, mtime_ns, reason in rows
        }

    def _embeddings(
        self,
        raw: sqlite3.Connection,
        state: State,
        models: dict[int, str],
        digests: dict[int, str],
    ) -> None:
        for item, space_id, blob in raw.execute(
            "SELECT item_id, space_id, embedding FROM image_embeddings"
        ):
            model, digest = models[space_id], digests[item]
            state.contents[digest].add(model)
            self._check(blob, self._contents.image_row(model, digest), f"picture {digest}, {model}")

    def _rows(
        self,
        raw: sqlite3.Connection,
        state: State,
        digests: dict[int, str],
        roots: dict[int, tuple[str, bool]],
    ) -> None:
        for media_id, root_id, path, content_id, size_bytes, mtime_ns in raw.execute(
            "SELECT media_id, root_id, path, content_id, size_bytes, mtime_ns FROM media "
            "ORDER BY media_id"
        ):
            place = f"{roots[root_id][0]}/{os.fsdecode(path)}"
            if place in state.rows:
                self.problems.append(f"{place} has two rows")
            state.rows[place] = Row(digests[content_id], size_bytes, mtime_ns, media_id=media_id)

    def _captions(self, raw: sqlite3.Connection, state: State, models: dict[int, str]) -> None:
        by_id = {row.media_id: row for row in state.rows.values()}
        spaces: dict[int, set[str]] = {}
        texts: dict[int, str] = {}
        for caption_id, media_id, text in raw.execute(
            "SELECT caption_id, media_id, text FROM captions ORDER BY caption_id"
        ):
            texts[caption_id], held = text, spaces.setdefault(caption_id, set())
            (state.free if media_id is None else by_id[media_id].captions)[text] = held
            state.caption_ids[caption_id] = (text, held)
        for item, space_id, blob in raw.execute(
            "SELECT item_id, space_id, embedding FROM caption_embeddings"
        ):
            model, text = models[space_id], texts[item]
            spaces[item].add(model)
            self._check(blob, self._contents.text_row(model, text), f"caption {text!r}, {model}")

    def _check(self, blob: bytes, expected: np.ndarray, what: str) -> None:
        if blob != expected.astype("<f2").tobytes():
            self.problems.append(f"the embedding of {what} is not its own")


def _last_ids(raw: sqlite3.Connection) -> tuple[int, int]:
    """The highest ids ever given to files and to contents."""
    last = dict(raw.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    return last.get("media", 0), last.get("contents", 0)
