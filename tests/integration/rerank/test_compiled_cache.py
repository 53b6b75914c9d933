"""Compilations that are kept: mapped from the cache, the same as those just made."""

from __future__ import annotations

import gc
import logging
from pathlib import Path

import numpy as np
import pytest

from mmsearch.runtime.compiled import CompileOptions, compile_tower
from mmsearch.runtime.quiet import import_openvino

OPTIONS = CompileOptions("fp32", threads=1)
WEIGHTS = np.random.default_rng(0).normal(size=(512, 256)).astype(np.float32)
ROWS = np.random.default_rng(1).normal(size=(3, 512)).astype(np.float32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A tower that multiplies its rows with half a megabyte of weights."""
    ov = import_openvino()
    from openvino import opset8

    rows = opset8.parameter([-1, 512], np.float32)
    product = opset8.matmul(rows, opset8.constant(WEIGHTS), transpose_a=False, transpose_b=False)
    path = tmp_path / "tower.xml"
    ov.save_model(ov.Model([product], [rows]), str(path), compress_to_fp16=False)
    return path


def blobs(file: Path) -> list[Path]:
    return list(file.parent.glob("*.blob"))


def test_a_tower_from_the_cache_gives_what_the_compiled_one_gave(file: Path) -> None:
    (compiled,) = compile_tower(file, OPTIONS).run([ROWS])
    assert len(blobs(file)) == 1
    (kept,) = compile_tower(file, OPTIONS).run([ROWS])
    np.testing.assert_array_equal(kept, compiled)
    np.testing.assert_allclose(kept, ROWS @ WEIGHTS, atol=1e-3)


def test_a_tower_keeps_the_memory_of_its_weights_when_the_cache_is_emptied(file: Path) -> None:
    compile_tower(file, OPTIONS)
    tower = compile_tower(file, OPTIONS)
    for blob in blobs(file):
        blob.unlink()
    gc.collect()
    scratch = [np.full(WEIGHTS.shape, np.nan, np.float32) for _ in range(20)]
    np.testing.assert_allclose(tower.run([ROWS])[0], ROWS @ WEIGHTS, atol=1e-3)
    assert len(scratch) == 20


@pytest.mark.parametrize("data", [b"", b"no compilation", b"\0" * 100_000])
def test_a_damaged_compilation_is_made_anew(
    file: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    compile_tower(file, OPTIONS)
    (blob,) = blobs(file)
    blob.write_bytes(data)
    with caplog.at_level(logging.WARNING, "mmsearch"):
        tower = compile_tower(file, OPTIONS)
    assert "is damaged" in caplog.text
    np.testing.assert_allclose(tower.run([ROWS])[0], ROWS @ WEIGHTS, atol=1e-3)
    assert blob.stat().st_size > len(data)
