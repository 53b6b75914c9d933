"""What threads share: things made once, things remembered, connections one each."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mmsearch.catalogue import Catalogue
from mmsearch.engine.catalogues import Catalogues
from mmsearch.engine.once import Once
from mmsearch.engine.recent import Recent
from mmsearch.engine.shared_encoder import SharedEncoder
from mmsearch.errors import CatalogueError, ModelError, QueryError
from tests.fakes import FakeDualEncoder


def test_a_thing_is_made_once_however_many_ask() -> None:
    once: Once[str, object] = Once()
    barrier = threading.Barrier(8)
    made: list[int] = []

    def make() -> object:
        made.append(1)
        return object()

    def ask(_: int) -> object:
        barrier.wait(60)
        return once.get("it", make)

    with ThreadPoolExecutor(8) as threads:
        things = set(threads.map(ask, range(8)))
    assert len(things) == len(made) == 1
    assert "it" in once
    assert once.clear() == list(things)
    assert "it" not in once


def test_what_failed_to_be_made_is_tried_again() -> None:
    once: Once[str, int] = Once()

    def fail() -> int:
        raise ModelError("no such model")

    with pytest.raises(ModelError):
        once.get("it", fail)
    assert once.get("it", lambda: 3) == 3


def test_the_values_used_last_are_kept() -> None:
    recent: Recent[str, int] = Recent(2)
    assert (recent.keep("a", 1), recent.keep("b", 2), recent.get("a")) == (1, 2, 1)
    recent.keep("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)


def test_the_first_value_of_a_key_stays() -> None:
    """Two threads that worked out the same go on with one of the two."""
    recent: Recent[str, int] = Recent(2)
    assert (recent.keep("a", 1), recent.keep("a", 2)) == (1, 1)
    assert recent.get_or_make("a", lambda: 3) == 1
    assert recent.get_or_make("b", lambda: 3) == 3


@pytest.fixture
def catalogues(tmp_path: Path) -> Catalogues:
    Catalogue.open(tmp_path / "c.sqlite3", create=True).close()
    return Catalogues(tmp_path / "c.sqlite3", "nothing there")


def test_a_connection_is_used_again_and_never_by_two(catalogues: Catalogues) -> None:
    with catalogues.lease() as first, catalogues.lease() as second:
        assert first is not second
    with catalogues.lease() as again:
        assert again in (first, second)
    catalogues.close()


def test_an_error_keeps_the_connection_and_an_interruption_closes_it(
    catalogues: Catalogues,
) -> None:
    with pytest.raises(QueryError), catalogues.lease() as first:
        raise QueryError("of the caller")
    with pytest.raises(KeyboardInterrupt), catalogues.lease() as second:
        raise KeyboardInterrupt
    assert first is second
    with pytest.raises(CatalogueError):
        second.counts()
    with catalogues.lease() as third:
        assert third.counts().files == 0
    catalogues.close()


def test_closing_reaches_connections_in_use_when_they_come_back(catalogues: Catalogues) -> None:
    with catalogues.lease() as catalogue:
        catalogues.close()
        assert catalogue.counts().files == 0
    with pytest.raises(CatalogueError):
        catalogue.counts()
    with catalogues.lease() as fresh:
        assert fresh.counts().files == 0
    catalogues.close()
    catalogues.close()


def test_without_a_file_the_way_out_is_named(tmp_path: Path) -> None:
    missing = Catalogues(tmp_path / "none.sqlite3", "make one first")
    with pytest.raises(CatalogueError, match="make one first"), missing.lease():
        pass
    assert not missing.exists()
    with missing.lease(create=True) as made:
        assert made.counts().files == 0
    missing.close()


def test_a_shared_encoder_gives_what_its_encoder_gives() -> None:
    encoder = FakeDualEncoder()
    shared = SharedEncoder(encoder)
    texts = ["red", "green car", "red", "blue"]
    np.testing.assert_array_equal(shared.encode_texts(texts), encoder.encode_texts(texts))
    assert shared.encode_texts([]).shape == (0, encoder.space.dim)
    pixels = np.zeros((2, 16, 16, 3), np.uint8)
    np.testing.assert_array_equal(shared.encode_images(pixels), encoder.encode_images(pixels))
    assert shared.space == encoder.space


def test_a_text_is_encoded_once() -> None:
    """Page after page asks with the very same numbers."""
    encoder = FakeDualEncoder()
    shared = SharedEncoder(encoder)
    for texts in (["red", "blue"], ["blue", "red", "red"], ["red", "green"]):
        shared.encode_texts(texts)
    assert encoder.n_texts == 3


def test_texts_of_many_threads_get_their_own_rows() -> None:
    encoder = FakeDualEncoder()
    shared = SharedEncoder(encoder)
    asked = [[f"red thing {n}", f"blue thing {n % 5}"] for n in range(40)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(shared.encode_texts, asked))
    for texts, rows in zip(asked, found, strict=True):
        np.testing.assert_array_equal(rows, encoder.encode_texts(texts))
