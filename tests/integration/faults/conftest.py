"""One warm process under the shim for all tests of faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults import shim
from tests.faults.server import Client, warm_process


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Who tries faults."""
    if reason := shim.why_not():
        pytest.skip(reason)
    with warm_process(tmp_path_factory.mktemp("faults")) as client:
        yield client
