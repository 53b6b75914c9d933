"""A source of a few embeddings with ids from 1, for tests that do not care which."""

from __future__ import annotations

from tests.vector_sources import ListSource, unit_rows

DIM = 24


def source_of(count: int, start: int = 0) -> ListSource:
    """Embeddings `1..count`; generations count from `start`."""
    source = ListSource(DIM, start)
    source.put(list(range(1, count + 1)), unit_rows(count, DIM))
    return source
