"""Towers of several inputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mmsearch.runtime.compiled import CompiledTower, CompileOptions, Inputs, compile_tower
from mmsearch.runtime.quiet import import_openvino


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> CompiledTower:
    """Gives sum and product of two arrays; two batches are under way at once."""
    ov = import_openvino()
    from openvino import opset8

    left, right = (opset8.parameter([-1, 3], np.float32) for _ in range(2))
    outputs = [opset8.add(left, right), opset8.multiply(left, right)]
    file = tmp_path_factory.mktemp("tower") / "tower.xml"
    ov.save_model(ov.Model(outputs, [left, right]), str(file))
    return compile_tower(file, CompileOptions("fp32", threads=1, parallel=2))


def batches(count: int) -> list[Inputs]:
    rng = np.random.default_rng(0)
    pairs = [rng.normal(size=(2, rows + 1, 3)).astype(np.float32) for rows in range(count)]
    return [(left, right) for left, right in pairs]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_every_batch_gives_all_outputs_in_order(tower: CompiledTower, count: int) -> None:
    """Whether there are more batches than places to run them or fewer."""
    made = batches(count)
    found = tower.run_all(iter(made))
    assert len(found) == count
    for (left, right), (total, product) in zip(made, found, strict=True):
        np.testing.assert_allclose(total, left + right, atol=1e-6)
        np.testing.assert_allclose(product, left * right, atol=1e-6)


def test_a_batch_that_cannot_be_made_breaks_only_its_own_run(tower: CompiledTower) -> None:
    """The tower answers the next caller as ever."""

    def failing() -> Iterator[Inputs]:
        yield from batches(3)
        raise LookupError("gone")

    with pytest.raises(LookupError):
        tower.run_all(failing())
    assert len(tower.run_all(batches(4))) == 4
