"""Pictures are never shared between training and validation, not even as copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.datasets import CaptionData, CaptionedImage
from mmsearch.errors import DatasetError
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.training import TrainConfig
from mmsearch.training.pairs import Pairs, choose_pairs, find_candidates
from mmsearch.training.pictures import DecodeSettings, PictureStore
from mmsearch.types import InputSpec


def _choose(data: CaptionData, digests: list[str], **settings: object) -> Pairs:
    config = TrainConfig(Path("c.csv"), Path(), Path("out"), **settings)  # type: ignore[arg-type]
    candidates = find_candidates(data, config)
    decoding = DecodeSettings(InputSpec(8, 8), DecodeLimits(), 1, 0)
    reasons = ["" if digest else "broken" for digest in digests]
    store = PictureStore(candidates.paths(Path("p")), (digests, reasons), decoding, None)
    return choose_pairs(candidates, store, config)


def _data(splits: list[str | None]) -> CaptionData:
    items = [CaptionedImage(f"{n}.png", (f"text {n}", "Same"), s) for n, s in enumerate(splits)]
    return CaptionData("x", tuple(items))


def test_held_out_by_content() -> None:
    """Without splits a share is held out; copies of a picture go to the same side."""
    digests = [f"d{n // 2}" for n in range(40)]  # each picture twice
    pairs = _choose(_data([None] * 40), digests, val_fraction=0.25)
    assert (len(pairs.train), len(pairs.val)) == (30, 10)
    sides = [{digests[row] for row in side.rows} for side in (pairs.train, pairs.val)]
    assert not sides[0] & sides[1]
    again = _choose(_data([None] * 40), digests, val_fraction=0.25)
    assert (again.val.rows == pairs.val.rows).all()
    other = _choose(_data([None] * 40), digests, val_fraction=0.25, seed=1)
    assert set(other.val.rows) != set(pairs.val.rows)


def test_named_splits_are_used_and_leaks_left_out() -> None:
    """A training picture that is in the validation split under another name is left out."""
    splits: list[str | None] = ["train", "train", "train", "val", "val", "test"]
    pairs = _choose(_data(splits), ["a", "b", "c", "c", "e"])
    assert list(pairs.train.rows) == [0, 1]
    assert list(pairs.val.rows) == [3, 4]
    assert [(s.path.name, s.reason) for s in pairs.skipped] == [
        ("2.png", "the same picture is in the validation split")
    ]


def test_bad_pictures_are_listed() -> None:
    """Unusable pictures appear with their reason."""
    pairs = _choose(_data(["train", "train", "train", "val", "val"]), ["a", "", "c", "d", "e"])
    assert list(pairs.train.rows) == [0, 2]
    assert [(s.path.name, s.reason) for s in pairs.skipped] == [("1.png", "broken")]


def test_equal_texts_have_equal_ids() -> None:
    """Case does not tell texts apart; copies of a picture share a group."""
    pairs = _choose(_data([None] * 20), ["a", "a", *(f"d{n}" for n in range(18))], val_fraction=0.1)
    assert len({ids[1] for ids in pairs.train.text_ids}) == 1
    assert len({ids[0] for ids in pairs.train.text_ids}) == len(pairs.train)
    assert len(set(pairs.train.groups)) in (len(pairs.train), len(pairs.train) - 1)


def test_too_few_pictures() -> None:
    """Nothing to learn from is one clear line with the first reason."""
    with pytest.raises(DatasetError, match=r"to learn from.*broken"):
        _choose(_data(["train", "train", "val", "val"]), ["a", "", "c", "d"])
