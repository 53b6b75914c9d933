"""What `mmsearch models` shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import open_clip
import pytest

from mmsearch.encoders.listing import ModelKind, list_models


def test_default_local_and_open_clip_models(tiny: Path, tmp_path: Path) -> None:
    """The default first, own models next, then all of open_clip's pairs."""
    shutil.copytree(tiny, tmp_path / "models" / "mine")
    (tmp_path / "models" / "notes").mkdir()
    listed = list_models(tmp_path / "cache", tmp_path)
    assert (listed[0].name, listed[0].kind) == ("mini", ModelKind.DEFAULT)
    assert (listed[1].name, listed[1].kind) == (str(tmp_path / "models/mine"), ModelKind.LOCAL)
    names = [model.name for model in listed[2:]]
    assert names == ["/".join(pair) for pair in open_clip.list_pretrained()]


def test_list_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time open_clip is not asked."""
    first = list_models(tmp_path)
    monkeypatch.delattr("open_clip.list_pretrained")
    assert list_models(tmp_path) == first


def test_open_clip_can_be_left_out(tmp_path: Path) -> None:
    """Without the hub's models the list is short and needs no torch."""
    assert [model.kind for model in list_models(tmp_path, hub=False)] == [ModelKind.DEFAULT]
    assert not list(tmp_path.iterdir())
