"""Uploaded pictures are kept for a while, and not too many of them."""

from __future__ import annotations

import numpy as np
import pytest

from mmsearch.engine.request import PreparedPicture
from mmsearch.server.problems import Refused
from mmsearch.server.uploads import LIFETIME_S, UploadStore


def picture(name: str) -> PreparedPicture:
    return PreparedPicture(name, np.zeros(4, np.float32), "space")


def test_an_id_stands_for_its_picture_and_cannot_be_guessed() -> None:
    store = UploadStore()
    ids = [store.keep(picture(name)) for name in "abc"]
    assert [store.get(one).digest for one in ids] == ["a", "b", "c"]
    assert all(len(one) >= 20 for one in ids)
    assert len(set(ids)) == 3


def test_an_upload_expires() -> None:
    now = [0.0]
    store = UploadStore(lambda: now[0])
    upload_id = store.keep(picture("a"))
    now[0] = LIFETIME_S - 1.0
    assert store.get(upload_id).digest == "a"
    now[0] = LIFETIME_S + 1.0
    with pytest.raises(Refused) as refused:
        store.get(upload_id)
    assert refused.value.status_code == 404


def test_the_one_used_longest_ago_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsearch.server.uploads.MAX_UPLOADS", 2)
    store = UploadStore()
    first, second = store.keep(picture("a")), store.keep(picture("b"))
    store.get(first)
    store.keep(picture("c"))
    assert store.get(first).digest == "a"
    with pytest.raises(Refused):
        store.get(second)
