"""Where `mmsearch` starts and ends: everything heavy waits until a command needs it."""

from __future__ import annotations

import gc
import logging
import os
import sys

_ALLOCATIONS_A_COLLECTION = 100_000
"""Python's 700 has the collector look at the same hundred thousand objects of imported modules
again and again: a question took 50 ms longer."""


def main() -> int:
    """The exit code of one run of the command line."""
    # NumPy's other threads would go on spinning for a while after each product, on the cores that
    # the models need: a reranked question took 74 ms instead of 43.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Pydantic would read the metadata of all installed packages to find plugins: 5 ms here.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(_ALLOCATIONS_A_COLLECTION)
    kept: list[object] = []
    try:
        from mmsearch.cli.app import run

        code = run(sys.argv[1:], kept)
    except KeyboardInterrupt:  # before the commands' own error report is in place
        sys.stderr.write("mmsearch: interrupted\n")
        return 130
    if code == 0 and kept and "torch" not in sys.modules:
        _leave()
    return code


def _leave() -> None:
    """End the process here, successfully.

    A command has closed all it had opened by now. To take compiled models, modules and FAISS apart
    piece by piece, as Python would, makes who asked wait for another fifth of a second.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
