"""Ctrl-C as a question asked at safe points, not an exception that strikes anywhere.

Python raises `KeyboardInterrupt` between any two instructions of the main thread: inside
SQLAlchemy it closes the connection, inside a destructor it is lost.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from mmsearch.engine.progress import ProgressListener


class InterruptibleProgress:
    """A listener that passes everything on, and raises a waiting Ctrl-C when work is at rest.

    Used as a context: inside it the first Ctrl-C waits for the next `on_scan`, `on_read`,
    `on_progress` or `on_captions`, which the indexer calls between transactions; a second one
    strikes at once.
    Where Ctrl-C has another meaning already, or outside the main thread, nothing changes.
    """

    def __init__(self, listener: ProgressListener) -> None:
        self._listener = listener
        self._asked = False
        self._installed = False

    def __enter__(self) -> InterruptibleProgress:
        on_main = threading.current_thread() is threading.main_thread()
        if on_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._installed = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._installed = False

    def on_scan(self, found: int) -> None:
        """Pass on; a safe point."""
        self._listener.on_scan(found)
        self._check()

    def on_read(self, done: int, total: int) -> None:
        """Pass on; a safe point."""
        self._listener.on_read(done, total)
        self._check()

    def on_model(self, name: str) -> None:
        """Pass on."""
        self._listener.on_model(name)

    def on_progress(self, done: int, total: int, failed: int) -> None:
        """Pass on; a safe point."""
        self._listener.on_progress(done, total, failed)
        self._check()

    def on_captions(self, done: int, total: int) -> None:
        """Pass on; a safe point."""
        self._listener.on_captions(done, total)
        self._check()

    def on_warning(self, message: str) -> None:
        """Pass on."""
        self._listener.on_warning(message)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def _check(self) -> None:
        """Raise a Ctrl-C that waits, once."""
        if self._asked:
            self._asked = False
            raise KeyboardInterrupt
