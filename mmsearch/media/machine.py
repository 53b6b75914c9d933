"""How much memory this process may use: the machine's, or the container's where that is less."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ASSUMED_BYTES = 8 << 30
"""Where the system does not tell."""


def memory_bytes(root: Path = Path("/")) -> int:
    """The least of physical memory and the limits of this process's control groups.

    Not what is free just now: a picture is not to be refused today and read tomorrow. `root` is
    where the system's own files lie, another folder in tests.
    """
    return min((_physical_bytes(root), *_group_limits(root)))


def _physical_bytes(root: Path) -> int:
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal":
            return int(value.split()[0]) << 10
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows has none of it
        return ASSUMED_BYTES


def _group_limits(root: Path) -> Iterator[int]:
    """Memory limits of the control groups this process is in, version 2 and 1, and those above.

    A container may see its own group as the top, under a path that is the host's: so the top is
    looked at in any case.
    """
    groups = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top, name = groups, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = groups / "memory", "memory.limit_in_bytes"
        else:
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for folder in {inside, *inside.parents, PurePosixPath()}:
            value = _text(top / folder / name).strip()
            if value.isdigit():  # "max" is none
                yield int(value)


def _text(file: Path) -> str:
    """The content of one of the system's files; empty where there is none."""
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
