"""Torch's runtime on a device that is small, or not there."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsearch.encoders.definition import ModelDefinition, TextDefinition
from mmsearch.encoders.sources import ModelSource
from mmsearch.encoders.torch_model import LoadedModel
from mmsearch.encoders.torch_runtime import TorchEncoder
from mmsearch.encoders.transfers import on_device
from mmsearch.errors import ModelError
from mmsearch.runtime import cuda
from mmsearch.types import Embeddings, ImageTensor, InputSpec, Space

SPEC = InputSpec(4, 4)
SPACE = Space("small", "0" * 64, 3, SPEC)


class Tower(torch.nn.Module):
    """The mean colour of each picture; too many of them at once are too much for its device."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(3))
        self.room = room
        self.batches: list[int] = []

    def encode_image(self, pictures: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(pictures))
        if len(pictures) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return pictures.mean(dim=(2, 3)) @ self.weight


def encoder_on(tower: Tower, batch_size: int) -> TorchEncoder:
    text = TextDefinition(8, False, False, "none", False, False)
    definition = ModelDefinition(3, SPEC, (0.5,) * 3, (0.5,) * 3, text, "{}")
    loaded = LoadedModel(tower, lambda texts: torch.zeros(len(texts), 8), definition, SOURCE)
    return TorchEncoder(SPACE, loaded, batch_size=batch_size)


SOURCE = ModelSource("small", Path("small"))


def pictures(count: int) -> ImageTensor:
    return np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), np.uint8)


def roomy(images: ImageTensor) -> Embeddings:
    """What all of them give at once."""
    return encoder_on(Tower(len(images)), len(images)).encode_images(images)


def test_a_batch_too_large_for_the_gpu_is_halved_and_stays_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tower, images = Tower(room=3), pictures(11)
    encoder = encoder_on(tower, batch_size=8)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(encoder.encode_images(images), roomy(images), atol=1e-6)
    assert tower.batches == [8, 4, *[2] * 5, 1]
    assert [record.message for record in caplog.records] == [
        "the GPU's memory is short: 4 pictures a batch now",
        "the GPU's memory is short: 2 pictures a batch now",
    ]
    encoder.encode_images(images[:2])
    assert tower.batches[-1] == 2


def test_memory_that_runs_short_midway_loses_and_repeats_no_row() -> None:
    tower, images = Tower(room=4), pictures(12)
    encoder = encoder_on(tower, batch_size=4)
    first = encoder.encode_images(images)
    tower.room, tower.batches = 2, []
    np.testing.assert_array_equal(encoder.encode_images(images), first)
    assert tower.batches == [4, *[2] * 6]


def test_a_gpu_too_small_for_one_picture_is_one_line() -> None:
    with pytest.raises(ModelError, match=r"too little memory for one picture: .*device 'cpu'"):
        encoder_on(Tower(room=0), batch_size=4).encode_images(pictures(3))


def test_no_pictures_give_no_rows() -> None:
    assert encoder_on(Tower(1), 4).encode_images(pictures(0)).shape == (0, 3)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("batch_size", [1, 3, 7, 20])
def test_batches_arrive_whole_and_in_order(device: str, batch_size: int) -> None:
    """By way of pinned memory too, where the next batch is on its way before this one is read."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device on this machine")
    images = pictures(20)
    images.flags.writeable = False
    batches = list(on_device(images[::-1], batch_size, torch.device(device)))
    assert {batch.device.type for batch in batches} == {device}
    np.testing.assert_array_equal(torch.cat(batches).cpu().numpy(), images[::-1])


@pytest.mark.parametrize(
    "trouble", [torch.OutOfMemoryError("CUDA out of memory.\nMore words"), ModelError("no room")]
)
def test_what_does_not_fit_on_the_gpu_runs_on_the_cpu_and_says_so(
    trouble: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cuda, "_check_cuda", lambda: None)  # as if there were a GPU that works

    def make() -> str:
        raise trouble

    with caplog.at_level(logging.WARNING):
        assert cuda.made_on_cuda(make, required=False) is None
    (record,) = caplog.records
    assert record.message == f"the GPU is not used, the CPU is: {str(trouble).splitlines()[0]}"
    with pytest.raises(ModelError, match=r"device 'cuda': .*; take device 'cpu' or 'auto'"):
        cuda.made_on_cuda(make, required=True)


def test_nothing_is_made_where_torch_finds_no_gpu(caplog: pytest.LogCaptureFixture) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with caplog.at_level(logging.WARNING):
        assert cuda.made_on_cuda(lambda: pytest.fail("made"), required=False) is None
    assert "torch finds no usable GPU here" in caplog.text
