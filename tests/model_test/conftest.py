"""One process that forks, for all model tests of a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.model_test.zygote import Zygote


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Where operations run that are killed; its start takes two seconds."""
    with Zygote() as zygote:
        yield zygote
