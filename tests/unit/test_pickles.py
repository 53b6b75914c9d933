"""No pickle is ever read as one: it is refused in one line, and what it would do is not done."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch

from mmsearch.encoders.loading import EncoderOptions, load_dual_encoder
from mmsearch.encoders.sources import resolve_model
from mmsearch.encoders.torch_model import load_torch_model
from mmsearch.engine.relevance import everyday_embeddings
from mmsearch.errors import ConfigError, ModelError
from mmsearch.rerank import find_reranker
from mmsearch.training.checkpoint import read_state, write_state
from mmsearch.training.kept import kept_array
from tests.fakes import FakeDualEncoder, fake_space
from tests.pickles import object_array, plain_pickle, runs, torch_archive
from tests.tiny_model import build_tiny_model
from tests.tiny_reranker import build_tiny_reranker

WEIGHTS = "open_clip_model.safetensors"
RERANKER_WEIGHTS = "reranker.safetensors"
pickles = pytest.mark.parametrize("make", [plain_pickle, torch_archive])
names = pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "open_clip_pytorch_model.bin", "model.pt", "x.ckpt", "y.pth"]
)
Make = Callable[[Path], bytes]


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """A file that is there if a pickle was run."""
    path = tmp_path / "it-ran"
    yield path
    assert not path.exists()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> Path:
    """A model directory to spoil."""
    return shutil.copytree(tiny, tmp_path / "model")


@pytest.fixture
def reranker(tmp_path: Path) -> Path:
    """A reranker's directory to spoil."""
    build_tiny_reranker(tmp_path / "reranker")
    return tmp_path / "reranker"


def refused(call: Callable[[], object], named: Path) -> None:
    with pytest.raises(ModelError, match="is a pickle, which can run code") as caught:
        call()
    assert str(named) in str(caught.value)
    assert "with safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_traps_work(tmp_path: Path) -> None:
    """Read as pickles, they do what the other tests see undone."""
    marker = tmp_path / "ran"
    runs(plain_pickle(marker))
    assert marker.exists()


@names
@pickles
def test_a_model_of_a_pickle_only(model: Path, marker: Path, name: str, make: Make) -> None:
    (model / WEIGHTS).unlink()
    (model / name).write_bytes(make(marker))
    options = EncoderOptions(model.parent, device="cpu")
    refused(lambda: load_dual_encoder(str(model), options), model / name)
    refused(lambda: load_dual_encoder(f"local-dir:{model}", options), model / name)


@pickles
def test_a_model_whose_safetensors_are_a_pickle(model: Path, marker: Path, make: Make) -> None:
    (model / WEIGHTS).write_bytes(make(marker))
    refused(lambda: resolve_model(str(model), model.parent), model / WEIGHTS)


@names
def test_a_pickle_beside_safetensors_is_left_alone(model: Path, marker: Path, name: str) -> None:
    """open_clip looks for weights itself: it takes the safetensors."""
    (model / name).write_bytes(torch_archive(marker))
    sound = load_torch_model(resolve_model(str(model), model.parent))
    assert isinstance(sound.model, torch.nn.Module)


@pickles
def test_a_reranker_of_a_pickle_only(reranker: Path, marker: Path, make: Make) -> None:
    (reranker / RERANKER_WEIGHTS).unlink()
    (reranker / "reranker.pt").write_bytes(make(marker))
    refused(lambda: find_reranker(reranker), reranker / "reranker.pt")


@pickles
def test_a_reranker_whose_safetensors_are_a_pickle(
    reranker: Path, marker: Path, make: Make
) -> None:
    (reranker / RERANKER_WEIGHTS).write_bytes(make(marker))
    refused(lambda: find_reranker(reranker), reranker / RERANKER_WEIGHTS)


def test_a_header_that_begins_like_a_pickle_is_no_pickle(reranker: Path) -> None:
    """Safetensors start with the length of their header, whose bytes may be any."""
    data = (reranker / RERANKER_WEIGHTS).read_bytes()
    length = int.from_bytes(data[:8], "little")
    longer = length + (0x80 - length) % 256
    header = data[8 : 8 + length].ljust(longer)
    (reranker / RERANKER_WEIGHTS).write_bytes(
        longer.to_bytes(8, "little") + header + data[8 + length :]
    )
    assert (reranker / RERANKER_WEIGHTS).read_bytes().startswith(b"\x80")
    assert find_reranker(reranker) is not None


@pytest.mark.parametrize(
    "tag",
    [
        {"file": "weights.pt"},
        {"url": "https://example.org/weights.pt"},
        {"hf_hub": "someone/toy/"},
        {"hf_hub": "someone/toy/weights.bin"},
    ],
)
def test_a_hubs_pickle_is_not_even_downloaded(
    tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch, tag: dict[str, str]
) -> None:
    """Of a hub that holds a pickle, only safetensors are asked for."""
    asked: list[str] = []

    def download(repo_id: str, filename: str, **options: object) -> str:
        asked.append(filename)
        if filename.endswith(".safetensors"):
            raise FileNotFoundError(f"no {filename}")
        (tmp_path / filename).write_bytes(torch_archive(marker))
        return str(tmp_path / filename)

    if "file" in tag:
        (tmp_path / tag["file"]).write_bytes(torch_archive(marker))
        tag = {"file": str(tmp_path / tag["file"])}
    monkeypatch.setattr("open_clip.pretrained.hf_hub_download", download)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "ViT-B-32", {"trap": tag})
    with pytest.raises(ModelError, match=r"pickles?\b.*can run code"):
        resolve_model("ViT-B-32/trap", tmp_path / "cache")
    assert all(name.endswith(".safetensors") for name in asked)


def test_a_repository_of_a_pickle_is_not_even_downloaded(
    tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same by `hf-hub:`."""
    asked: list[str] = []

    def download(repo_id: str, filename: str, **options: object) -> str:
        asked.append(f"{repo_id}/{filename}")
        raise FileNotFoundError(f"no {filename}")

    monkeypatch.setattr("open_clip.pretrained.hf_hub_download", download)
    with pytest.raises(ModelError, match="pickles only"):
        resolve_model("hf-hub:someone/toy", tmp_path / "cache")
    assert asked == [f"someone/toy/{WEIGHTS}"]


@pickles
def test_an_unfinished_run_that_is_a_trap(tmp_path: Path, marker: Path, make: Make) -> None:
    write_state(tmp_path, {}, "ab")
    (tmp_path / "state.pt").write_bytes(make(marker))
    with pytest.raises(ConfigError, match="unfinished run cannot be read") as caught:
        read_state(tmp_path, "ab", torch.device("cpu"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x02}.", b"\x00" * 99])
def test_an_unfinished_run_that_is_damaged(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "state.pt").write_bytes(data)
    with pytest.raises(ConfigError, match="unfinished run"):
        read_state(tmp_path, "ab", torch.device("cpu"))


@pytest.mark.parametrize("make", [plain_pickle, object_array, lambda marker: b"\x93NUMPY"])
def test_a_kept_array_that_is_a_trap(tmp_path: Path, marker: Path, make: Make) -> None:
    (tmp_path / "kept.npy").write_bytes(make(marker))
    with pytest.raises(ConfigError, match="what the run kept cannot be read"):
        kept_array(tmp_path / "kept.npy", np.float16)


def test_a_kept_array_of_another_kind(tmp_path: Path) -> None:
    np.save(tmp_path / "kept.npy", np.zeros(3, np.float64))
    with pytest.raises(ConfigError, match="what the run kept cannot be read"):
        kept_array(tmp_path / "kept.npy", np.float16)


@pytest.mark.parametrize("make", [plain_pickle, object_array])
def test_everyday_phrases_that_are_a_trap_are_made_anew(
    tmp_path: Path, marker: Path, make: Make
) -> None:
    space = fake_space()
    made = everyday_embeddings(space, tmp_path / "kept", FakeDualEncoder)
    (file,) = (tmp_path / "kept").glob("*.npy")
    file.write_bytes(make(marker))
    again = everyday_embeddings(space, tmp_path / "kept", FakeDualEncoder)
    assert np.array_equal(made, again)


def test_nothing_in_the_package_reads_pickles() -> None:
    """Every `torch.load` takes weights only; nothing else that runs code is called."""
    package = Path(str(resources.files("mmsearch")))
    for path in package.rglob("*.py"):
        text = path.read_text("utf-8")
        assert not re.search(r"\bpickle\.loads?\b|\bpickle\.Unpickler\(", text), path
        assert not re.search(r"allow_pickle=True|trust_remote_code=True|torch\.jit\.load", text), (
            path
        )
        for call in re.findall(r"torch\.load\([^\n]*", text):
            assert "weights_only=True" in call, (path, call)
