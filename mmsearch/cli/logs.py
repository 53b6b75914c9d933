"""Logging, configured once: warnings of our own on stderr, more with -v, all with -vv."""

from __future__ import annotations

import logging
import sys


class StderrLine(logging.Handler):
    """Writes `mmsearch: warning: …` to whatever stderr is at that moment.

    A live progress display replaces `sys.stderr`; looking it up late keeps both intact.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as one line."""
        try:
            level = record.levelname.lower()
            sys.stderr.write(f"mmsearch: {level}: {self.format(record)}\n")
        except Exception:  # noqa: BLE001 - logging must never end a run; this is its own protocol
            self.handleError(record)


def configure_logging(*, quiet: bool, verbosity: int) -> None:
    """Set levels for this run: ours by the options, other libraries' only with -vv."""
    ours = logging.ERROR if quiet else {0: logging.WARNING, 1: logging.INFO}.get(verbosity, 10)
    theirs = logging.DEBUG if verbosity > 2 else logging.INFO if verbosity == 2 else logging.ERROR
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers = [StderrLine()]
    root.setLevel(theirs)
    logging.getLogger("mmsearch").setLevel(ours)
