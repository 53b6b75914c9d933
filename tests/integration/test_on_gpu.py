"""The journeys of a user on a real GPU: skipped, saying so, where torch finds none."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmsearch.encoders.definition import ModelDefinition, TextDefinition
from mmsearch.encoders.sources import ModelSource, resolve_model
from mmsearch.encoders.torch_model import LoadedModel, load_torch_model
from mmsearch.encoders.torch_runtime import TorchEncoder
from mmsearch.errors import ModelError
from mmsearch.training import SilentTraining, train
from mmsearch.training.network import Network
from mmsearch.training.reranker import train_reranker
from mmsearch.training.step import Batch, Learner, StepSettings
from mmsearch.training.world import World
from mmsearch.types import InputSpec, Space
from tests.integration.cli.command import Mmsearch
from tests.integration.training.runs import make_data, small_config
from tests.tiny_model import build_tiny_model
from tests.unit.training.reranker.toy import toy_config, toy_examples, toy_language

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available(), reason="torch finds no CUDA device on this machine"
    ),
]
N_PICTURES = 20
CAP_BYTES = 5 << 29
"""2.5 GB: of the GPU's memory, what torch may take in the tests of too little of it."""


class Hungry(torch.nn.Module):
    """The mean colour of each picture, at a gigabyte of the GPU's memory for each."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(3))
        self.batches: list[int] = []
        self.each_bytes = 1 << 30

    def encode_image(self, pictures: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(pictures))
        room = torch.zeros(
            len(pictures), self.each_bytes, dtype=torch.uint8, device=pictures.device
        )
        return pictures.mean(dim=(2, 3)) @ self.weight + room[:, :1].float()


@pytest.fixture
def small_gpu() -> Iterator[None]:
    """A GPU of which torch may take little."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(CAP_BYTES / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def encoder_of(tower: Hungry) -> TorchEncoder:
    spec = InputSpec(4, 4)
    text = TextDefinition(8, False, False, "none", False, False)
    definition = ModelDefinition(3, spec, (0.5,) * 3, (0.5,) * 3, text, "{}")
    source = ModelSource("hungry", Path("hungry"))
    loaded = LoadedModel(tower.cuda(), lambda texts: torch.zeros(len(texts), 8), definition, source)
    return TorchEncoder(Space("hungry", "0" * 64, 3, spec), loaded, batch_size=8)


@pytest.mark.usefixtures("small_gpu")
def test_batches_are_halved_until_they_fit(caplog: pytest.LogCaptureFixture) -> None:
    tower = Hungry()
    pictures = np.random.default_rng(0).integers(0, 256, (11, 4, 4, 3), np.uint8)
    with caplog.at_level(logging.WARNING):
        found = encoder_of(tower).encode_images(pictures)
    assert tower.batches == [8, 4, *[2] * 5, 1]
    assert len(caplog.records) == 2
    tower.each_bytes = 1
    np.testing.assert_allclose(found, encoder_of(tower).encode_images(pictures), atol=1e-5)


@pytest.mark.usefixtures("small_gpu")
def test_a_picture_that_does_not_fit_alone_is_one_line() -> None:
    tower = Hungry()
    tower.each_bytes = 2 * CAP_BYTES
    with pytest.raises(ModelError, match="too little memory for one picture"):
        encoder_of(tower).encode_images(np.zeros((1, 4, 4, 3), np.uint8))


def on_cuda(folder: Path) -> Mmsearch:
    """The command with a tiny model, on the GPU or not at all."""
    environment = {
        "MMSEARCH_HOME": str(folder / "home"),
        "MMSEARCH_CACHE": str(folder / "cache"),
        "MMSEARCH_MODEL": str(build_tiny_model(folder / "tiny")),
        "MMSEARCH_DEVICE": "cuda",
    }
    return Mmsearch(folder, environment)


def test_pictures_are_indexed_and_found(tmp_path: Path) -> None:
    command = on_cuda(tmp_path)
    (tmp_path / "photos").mkdir()
    coarse = np.random.default_rng(0).integers(0, 256, (N_PICTURES, 4, 4, 3), np.uint8)
    for number, pixels in enumerate(coarse):
        Image.fromarray(pixels).resize((90, 70)).save(tmp_path / "photos" / f"{number}.png")
    indexed = command.run("index", "photos", "--json")
    assert indexed.code == 0, indexed.notes
    (summary,) = indexed.objects()
    assert (summary["added"], summary["failed"]) == (N_PICTURES, 0)
    assert "the CPU is" not in indexed.notes
    Image.open(tmp_path / "photos" / "1.png").save(tmp_path / "same.bmp")
    asked = command.run("query", "same.bmp", "--json", "-k", "3")
    first = asked.objects()[0]
    assert str(first["path"]).endswith("1.png")
    assert first["score"] == pytest.approx(1.0, abs=2e-3)
    words = command.run("query", "a red dog", "--json", "-k", "3")
    assert len(words.objects()) == 3, words.notes


def test_the_doctor_names_the_gpu(tmp_path: Path) -> None:
    done = on_cuda(tmp_path).run("doctor")
    assert torch.cuda.get_device_name() in done.text + done.notes


def test_a_step_of_training_is_the_cpus(tmp_path: Path) -> None:
    """Loss and gradients, in full precision."""
    directory = build_tiny_model(tmp_path / "model")
    pictures = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    texts = [f"a {colour} {thing}" for colour in ("red", "blue") for thing in ("dog", "car", "cat")]
    found = {}
    for device in ("cpu", "cuda"):
        loaded = load_torch_model(resolve_model(str(directory), tmp_path))
        network = Network(loaded, torch.device(device), "off")
        network.set_mode(True, False, False)
        parameters = [{"params": list(network.model.parameters()), "peak_lr": 0.1}]
        learner = Learner(
            network, torch.optim.SGD(parameters, lr=0.1), World(device=network.device)
        )
        number = torch.arange(6, device=device)
        batch = Batch(network.inputs(pictures), network.tokens(texts), number, number, number)
        loss = learner.backward(batch, StepSettings(2, 3, 1))
        grads = [p.grad for p in network.model.parameters() if p.grad is not None]
        found[device] = loss, torch.cat([grad.cpu().flatten() for grad in grads])
    assert found["cuda"][0] == pytest.approx(found["cpu"][0], rel=1e-3)
    cosine = torch.nn.functional.cosine_similarity(found["cuda"][1], found["cpu"][1], dim=0)
    assert cosine > 0.999


@pytest.mark.parametrize("amp", ["auto", "off"])
def test_a_model_is_trained(tmp_path: Path, amp: str) -> None:
    """It is a model directory that the CPU loads, and its loss fell."""
    losses: list[float] = []

    class Listener(SilentTraining):
        def on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
            losses.append(loss)

    data = make_data(tmp_path / "data")
    config = replace(small_config(data, tmp_path / "out"), device="cuda", amp=amp, epochs=4)
    result = train(config, Listener())
    load_torch_model(resolve_model(str(result.out), tmp_path))
    assert np.isfinite(losses).all()
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_a_reranker_is_trained(tmp_path: Path) -> None:
    config = replace(toy_config(), device="cuda", amp="auto")
    result = train_reranker(toy_examples(), toy_language(), config, tmp_path / "out")
    assert (tmp_path / "out" / "reranker.safetensors").is_file()
    assert result is not None
