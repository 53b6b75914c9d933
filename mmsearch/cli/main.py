"""Where `mmsearch` starts: everything heavy waits until a command needs it."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """The exit code of one run of the command line."""
    # NumPy's other threads would go on spinning for a while after each product, on the cores that
    # the models need: a reranked question took 74 ms instead of 43.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from mmsearch.cli.app import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # before the commands' own error report is in place
        sys.stderr.write("mmsearch: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
