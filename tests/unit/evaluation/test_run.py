"""Evaluation of a split: counts, skipped pictures, the JSON contract, the plot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmsearch.datasets import CaptionData, CaptionedImage
from mmsearch.errors import DatasetError, ModelError
from mmsearch.evaluation import EvaluationOptions, evaluate, write_plot
from mmsearch.types import Embeddings
from tests.fakes import COLOURS, FakeCrossEncoder, FakeDualEncoder, FakeRegionEncoder

NAMES = ("red", "green", "blue", "yellow")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with one plain picture a colour, and one that is no picture."""
    for name in NAMES:
        Image.new("RGB", (40, 30), COLOURS[name]).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    return tmp_path


def _data(*more: CaptionedImage) -> CaptionData:
    items = [
        CaptionedImage(f"{n}.png", (n, f"{n} {n}")[: 1 + i % 2], "test")
        for i, n in enumerate(NAMES)
    ]
    return CaptionData("colours", (*items, *more))


def test_report(pictures: Path) -> None:
    """A perfect encoder scores 100; bad pictures are skipped with their captions."""
    data = _data(
        CaptionedImage("broken.png", ("x", "y"), "test"),
        CaptionedImage("gone.png", ("z",), "test"),
        CaptionedImage(None, ("free",), "test"),
        CaptionedImage("red.png", ("other split",), "val"),
    )
    seen: list[tuple[str, int, int]] = []
    report = evaluate(
        data,
        FakeDualEncoder(),
        EvaluationOptions(pictures, batch_size=3, decode_workers=1),
        lambda stage, done, total: seen.append((stage, done, total)),
    )
    assert [picture.path.name for picture in report.skipped] == ["broken.png", "gone.png"]
    assert all(picture.reason for picture in report.skipped)
    assert seen[-1] == ("embedding", 6, 6)
    ways = {"R@1": 100.0, "R@5": 100.0, "R@10": 100.0, "medR": 1.0, "MRR": 100.0}
    assert json.loads(report.to_json()) == {
        "dataset": "colours",
        "split": "test",
        "model": "fake",
        "n_images": 4,
        "n_captions": 6,
        "text_to_image": ways,
        "image_to_text": ways,
        "rsum": 600.0,
    }


def test_plot_is_a_picture(pictures: Path, tmp_path: Path) -> None:
    """The recall curve is written as PNG."""
    report = evaluate(_data(), FakeDualEncoder(), EvaluationOptions(pictures, decode_workers=1))
    write_plot(report, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as plot:
        assert plot.format == "PNG"
        assert plot.width > 400


def test_nothing_usable(pictures: Path) -> None:
    """If no picture can be used, the first reason is told."""
    data = CaptionData("x", (CaptionedImage("gone.png", ("z",), "test"),))
    with pytest.raises(DatasetError, match=r"none of 1 pictures.*gone\.png"):
        evaluate(data, FakeDualEncoder(), EvaluationOptions(pictures, decode_workers=1))


def test_missing_folder(tmp_path: Path) -> None:
    """A wrong --images is told as such, not as a thousand bad pictures."""
    with pytest.raises(DatasetError, match="no such folder"):
        evaluate(_data(), FakeDualEncoder(), EvaluationOptions(tmp_path / "none"))


class _Overflowing(FakeDualEncoder):
    def encode_texts(self, texts: object) -> Embeddings:
        return np.full((len(texts), self.space.dim), np.nan, np.float32)  # type: ignore[arg-type]


def test_overflowing_model(pictures: Path) -> None:
    """A model that gives NaN is an error, never a perfect score."""
    with pytest.raises(ModelError, match="not finite"):
        evaluate(_data(), _Overflowing(), EvaluationOptions(pictures, decode_workers=1))


def test_reranking_is_reported_beside_the_rest(pictures: Path) -> None:
    """The contract's names: the deepest as the dual encoder's, all depths, the time."""
    seen: list[tuple[str, int, int]] = []
    report = evaluate(
        _data(),
        FakeRegionEncoder(),
        EvaluationOptions(pictures, decode_workers=1),
        lambda stage, done, total: seen.append((stage, done, total)),
        FakeCrossEncoder(),
        rerank=15,
    )
    assert seen[-1] == ("reranking", 10, 10)
    shape = json.loads(report.to_json())["reranked"]
    ways = {"R@1": 100.0, "R@5": 100.0, "R@10": 100.0, "medR": 1.0, "MRR": 100.0}
    assert shape["ms_per_query"] >= 0
    deepest = {
        "k": 15,
        "text_to_image": ways,
        "image_to_text": ways,
        "rsum": 600.0,
        "ceiling": {"text_to_image": 100.0, "image_to_text": 100.0},
    }
    assert shape["depths"] == [{**deepest, "k": 10}, deepest]
    assert {name: shape[name] for name in deepest} == deepest


def test_a_model_without_the_rerankers_regions_is_refused(pictures: Path) -> None:
    """Else the cross encoder would read what it was not trained on."""
    options = EvaluationOptions(pictures, decode_workers=1)
    with pytest.raises(ModelError, match="projection"):
        evaluate(_data(), FakeDualEncoder(), options, None, FakeCrossEncoder())
