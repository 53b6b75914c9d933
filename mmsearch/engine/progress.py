"""What a run of the indexer tells whoever watches; the engine itself never prints."""

from __future__ import annotations

from typing import Protocol


class ProgressListener(Protocol):
    """Told of an indexing run as it goes; called from the thread that called `index`."""

    def on_scan(self, found: int) -> None:
        """`found` files seen so far."""

    def on_read(self, done: int, total: int) -> None:
        """`done` of the `total` files whose bytes may be known already are read."""

    def on_model(self, name: str) -> None:
        """Model `name` is about to be loaded; the first time it may be exported."""

    def on_progress(self, done: int, total: int, failed: int) -> None:
        """`done` of the `total` files that need the encoder are over, `failed` of them badly."""

    def on_captions(self, done: int, total: int) -> None:
        """`done` of `total` captions are embedded."""

    def on_warning(self, message: str) -> None:
        """One line about something that was left out: an offline root, a closed folder."""


class SilentProgress:
    """A listener that does nothing; subclass it to watch only some events."""

    def on_scan(self, found: int) -> None:
        """Ignore."""

    def on_read(self, done: int, total: int) -> None:
        """Ignore."""

    def on_model(self, name: str) -> None:
        """Ignore."""

    def on_progress(self, done: int, total: int, failed: int) -> None:
        """Ignore."""

    def on_captions(self, done: int, total: int) -> None:
        """Ignore."""

    def on_warning(self, message: str) -> None:
        """Ignore."""
