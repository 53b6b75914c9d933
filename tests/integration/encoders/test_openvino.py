"""The CPU runtime: laziness, caches, processes, threads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mmsearch.encoders import EncoderOptions, ModelSource, load_dual_encoder
from mmsearch.encoders.openvino_runtime import OpenVinoEncoder
from mmsearch.errors import ModelError
from mmsearch.protocols import DualEncoder
from tests.integration.encoders.conftest import blobs

SCRIPT = """
import json, socket, sys
from pathlib import Path
calls = []
def refuse(*args, **kwargs):
    calls.append(str(args[-1]))
    raise OSError("no network in this test")
socket.socket.connect = socket.getaddrinfo = refuse
from mmsearch.encoders import EncoderOptions, load_dual_encoder
encoder = load_dual_encoder(sys.argv[1], EncoderOptions(Path(sys.argv[2]), "cpu", "fp32"))
rows = encoder.encode_texts(["a dog on the beach", "two cats & a bird"])
heavy = [name for name in ("torch", "open_clip", "transformers", "faiss") if name in sys.modules]
print(json.dumps({"rows": rows.tolist(), "heavy": heavy, "network": calls}))
"""


@pytest.fixture(scope="module")
def encoder(tiny_source: ModelSource, cache: Path) -> DualEncoder:
    """The tiny model, exported."""
    return load_dual_encoder(tiny_source.name, EncoderOptions(cache, "cpu", "fp32"))


def _start(source: ModelSource, cache: Path) -> subprocess.Popen[str]:
    """A fresh process that encodes two texts without a network."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, source.name, str(cache)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _export(cache: Path, encoder: DualEncoder) -> Path:
    """The folder of the one export of `encoder`'s model."""
    (folder,) = (cache / "models" / encoder.space.key).iterdir()
    return folder


def test_text_query_never_imports_torch(
    encoder: DualEncoder, tiny_source: ModelSource, cache: Path
) -> None:
    """With the export in the cache a query loads the text tower alone, and says nothing."""
    process = _start(tiny_source, cache)
    output, errors = process.communicate(timeout=120)
    assert errors == ""
    found = json.loads(output)
    assert found["heavy"] == []
    assert found["network"] == []
    expected = encoder.encode_texts(["a dog on the beach", "two cats & a bird"])
    np.testing.assert_allclose(found["rows"], expected, atol=1e-5)


def test_two_processes_export_at_once(tiny_source: ModelSource, tmp_path: Path) -> None:
    """Both get the right answer, one export stays, nothing is printed, no network is tried."""
    processes = [_start(tiny_source, tmp_path / "new") for _ in range(2)]
    answers = []
    for process in processes:
        output, errors = process.communicate(timeout=240)
        assert (process.returncode, errors) == (0, "")
        answers.append(json.loads(output))
    assert [answer["network"] for answer in answers] == [[], []]
    np.testing.assert_allclose(answers[0]["rows"], answers[1]["rows"], atol=1e-5)
    (space,) = (tmp_path / "new" / "models").iterdir()
    names = [entry.name for entry in space.iterdir()]
    assert len(names) == 1
    assert names[0].startswith("openvino-")


def test_towers_load_when_they_are_used(tiny_source: ModelSource, cache: Path) -> None:
    """Texts compile the text tower only, pictures the image tower only."""
    fresh = load_dual_encoder(tiny_source.name, EncoderOptions(cache, "cpu", "fp32", threads=1))
    folder = _export(cache, fresh)

    def compiled() -> dict[str, int]:
        return {tower: len(list(folder.glob(f"{tower}-*.blob"))) for tower in ("image", "text")}

    before = compiled()
    fresh.encode_texts(["a dog"])
    assert compiled() == {**before, "text": before["text"] + 1}
    fresh.encode_images(blobs(1, fresh.space.input))
    assert compiled() == {"image": before["image"] + 1, "text": before["text"] + 1}


def test_rows_do_not_depend_on_their_batch(encoder: DualEncoder) -> None:
    """Any n works, 0 too; each row is what it would be alone, in its own place."""
    pictures = blobs(37, encoder.space.input)
    texts = [f"{'a red dog ' * (number % 7)}{number}" for number in range(70)]
    together = encoder.encode_images(pictures)
    alone = [encoder.encode_images(pictures[number : number + 1]) for number in range(37)]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)
    np.testing.assert_allclose(
        encoder.encode_texts(texts),
        np.concatenate([encoder.encode_texts([text]) for text in texts]),
        atol=1e-5,
    )
    assert encoder.encode_images(pictures[:0]).shape == (0, 32)
    assert encoder.encode_texts([]).shape == (0, 32)


def test_the_best_pass_is_learnt_once_and_changes_no_row(
    tiny_source: ModelSource, cache: Path, tmp_path: Path
) -> None:
    """Whatever number of pictures goes into a request; the next process knows the best."""
    copy = Path(shutil.copytree(cache, tmp_path / "cache"))
    options = EncoderOptions(copy, "cpu", "fp32", threads=1)
    encoder = load_dual_encoder(tiny_source.name, options)
    pictures = blobs(16, encoder.space.input)
    expected = encoder.encode_images(pictures[:4])
    notes = copy / "models" / encoder.space.key
    assert not list(notes.rglob("image-*.json"))
    for _ in range(40):
        found = encoder.encode_images(pictures)
        np.testing.assert_allclose(found[:4], expected, atol=1e-5)
        if list(notes.rglob("image-*.json")):
            break
    (file,) = notes.rglob("image-*.json")
    chosen = json.loads(file.read_text("utf-8"))["pictures_a_pass"]
    again = load_dual_encoder(tiny_source.name, options)
    again.encode_images(pictures[:1])
    assert isinstance(again, OpenVinoEncoder)
    assert again.pictures_a_pass == chosen


def test_pictures_may_be_strided_and_read_only(encoder: DualEncoder) -> None:
    """Views are read as they look, and no argument is changed."""
    pictures = blobs(6, encoder.space.input)
    pictures.flags.writeable = False
    expected = encoder.encode_images(np.ascontiguousarray(pictures[::-2]))
    np.testing.assert_array_equal(encoder.encode_images(pictures[::-2]), expected)


def test_threads_share_an_encoder(encoder: DualEncoder) -> None:
    """Concurrent calls, as a server makes them, do not mix their rows."""
    texts = [["a dog", "a cat"], ["the beach"], ["two red cars on a street", "snow", "grass"]] * 4
    expected = [encoder.encode_texts(some) for some in texts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(encoder.encode_texts, texts))
    for ours, plain in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-5)


def test_very_long_text_is_cut(encoder: DualEncoder) -> None:
    """What lies beyond the context length changes nothing."""
    long, longer = encoder.encode_texts(["a dog " * 1000, "a dog " * 1000 + "on the beach"])
    np.testing.assert_array_equal(long, longer)


@pytest.mark.parametrize("damage", ["manifest.json", "text-*.blob"])
def test_damaged_cache_is_made_anew(
    encoder: DualEncoder, tiny_source: ModelSource, cache: Path, tmp_path: Path, damage: str
) -> None:
    """A truncated file in the cache costs time, never the answer."""
    expected = encoder.encode_texts(["a dog"])
    copy = Path(shutil.copytree(cache, tmp_path / "cache"))
    for file in _export(copy, encoder).glob(damage):
        file.write_bytes(file.read_bytes()[:40])
    fresh = load_dual_encoder(tiny_source.name, EncoderOptions(copy, "cpu", "fp32"))
    np.testing.assert_allclose(fresh.encode_texts(["a dog"]), expected, atol=1e-5)


def test_unwritable_cache_is_one_line(tiny_source: ModelSource, tmp_path: Path) -> None:
    """A file where the cache should be: what to do about it."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(ModelError, match=r"cannot be written .*MMSEARCH_CACHE"):
        load_dual_encoder(tiny_source.name, EncoderOptions(tmp_path / "taken", "cpu"))


def test_missing_gpu_is_one_line(tiny_source: ModelSource, cache: Path) -> None:
    """Device 'cuda' is not silently replaced."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ModelError, match="no usable GPU"):
        load_dual_encoder(tiny_source.name, EncoderOptions(cache, "cuda"))
