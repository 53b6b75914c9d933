"""Whether searches can be answered at once: model and index are loaded ahead of questions."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from mmsearch.errors import CatalogueError, MmsearchError

if TYPE_CHECKING:
    from mmsearch.engine.library import Library

_LOG = logging.getLogger(__name__)
_FIRST_QUESTION = "a photo"
_AGAIN_S = 1.0


class Readiness:
    """Asks a first question in a thread, again and again until it is answered."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._reason = "the model and the index are being loaded"
        self._thread: threading.Thread | None = None

    @property
    def reason(self) -> str | None:
        """Why the server is not ready; None: it is."""
        return None if self._ready.is_set() else self._reason

    def start(self) -> None:
        """Begin to load."""
        self._thread = threading.Thread(target=self._load, name="readiness", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Whether all is loaded within the timeout."""
        return self._ready.wait(timeout_s)

    def stop(self) -> None:
        """Stop trying; wait for a try that runs."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _load(self) -> None:
        last = ""
        while not self._stop.is_set():
            try:
                self._library.query(_FIRST_QUESTION, k=1)
            except MmsearchError as exc:
                self._reason = str(exc)
                if self._reason != last and not isinstance(exc, CatalogueError):
                    _LOG.warning("not ready: %s", exc)
                last = self._reason
                self._stop.wait(_AGAIN_S)
            except Exception:  # noqa: BLE001 - the server lives on, and says so
                self._reason = "loading failed: the server's log says why"
                _LOG.exception("not ready")
                self._stop.wait(_AGAIN_S * 30)
            else:
                self._ready.set()
                return
