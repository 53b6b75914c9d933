"""The table of targets, and the inputs each of them is known by."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KEPT = Path(__file__).with_name("kept")
"""A folder a target: inputs that failed once."""


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of the package that takes bytes from outside.

    `instruments` are the packages whose branches lead the search; `mutations` is how many
    damaged seeds a plain test run tries.
    """

    name: str
    instruments: tuple[str, ...] = ("mmsearch",)
    max_bytes: int = 4096
    mutations: int = 60

    @property
    def check(self) -> Callable[[bytes], None]:
        """What must not fail, whatever the bytes."""
        check: Callable[[bytes], None] = self._module("check")
        return check

    @property
    def words(self) -> tuple[bytes, ...]:
        """Bytes that mean something to what is tested."""
        words: tuple[bytes, ...] = self._module("WORDS")
        return words

    def seeds(self) -> list[bytes]:
        """Small inputs that are sound, or nearly."""
        made: list[bytes] = self._module("seeds")()
        return made

    def shared_seeds(self) -> list[bytes]:
        """More of them, where the shared data are."""
        module = importlib.import_module(f"tests.fuzz.{self.name}")
        return list(module.shared_seeds()) if hasattr(module, "shared_seeds") else []

    def kept(self) -> list[Path]:
        """Files of inputs that failed once."""
        return sorted(path for path in (KEPT / self.name).glob("*") if path.is_file())

    def _module(self, attribute: str):  # type: ignore[no-untyped-def]  # as the module has it
        return getattr(importlib.import_module(f"tests.fuzz.{self.name}"), attribute)


TARGETS = {
    target.name: target
    for target in (
        Target("decode", ("mmsearch.media", "PIL"), max_bytes=8193, mutations=150),
        Target("exif", ("mmsearch.media", "PIL"), max_bytes=1024, mutations=100),
        Target("captions", ("mmsearch.datasets",)),
        Target(
            "query", ("mmsearch.engine", "mmsearch.encoders", "mmsearch.catalogue", "mmsearch.cli")
        ),
        Target("request", ("mmsearch.engine", "mmsearch.server"), mutations=100),
        Target("config", ("mmsearch.config", "mmsearch.server.options", "tomllib"), mutations=100),
        Target("manifest", ("mmsearch.vectors",), mutations=150),
        Target("model", ("mmsearch.encoders",)),
        Target("reranker", ("mmsearch.rerank",)),
        Target("backup", ("mmsearch.engine.upkeep",), mutations=100),
    )
}
