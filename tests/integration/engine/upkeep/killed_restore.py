"""Restores a backup in a process that dies just before its n-th change of the disk.

`python -m … CATALOGUE BACKUP N`: exit 9 when it died, 0 when there were fewer changes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mmsearch.engine.upkeep.findings import SilentUpkeep
from mmsearch.engine.upkeep.restore import restore

CHANGES = frozenset(
    ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect")
)
KILLED = 9


def die_before(number: int) -> None:
    """End this process, as `kill -9` would, in place of change `number`, counted from 1."""
    left = number

    def look(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and arguments[1] not in ("r", "rb", None)
        if event in CHANGES or writes:
            left -= 1
            if left == 0:
                os._exit(KILLED)

    sys.addaudithook(look)


if __name__ == "__main__":
    die_before(int(sys.argv[3]))
    restore(Path(sys.argv[1]), "default", Path(sys.argv[2]), SilentUpkeep())
