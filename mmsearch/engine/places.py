"""Folders that mmsearch writes to: whether it can, what room there is, what kind of disk it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from mmsearch.errors import reason_of

_MOUNTS = Path("/proc/mounts")
_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs")
)


def nearest_folder(path: Path) -> Path:
    """The folder itself, or the first above it that is there."""
    return next((place for place in (path, *path.parents) if place.is_dir()), path)


def write_problem(path: Path) -> str | None:
    """Why nothing can be written below `path`, which is tried; None where it can."""
    try:
        with tempfile.TemporaryFile(dir=nearest_folder(path)) as file:
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as exc:
        return reason_of(exc)
    return None


def free_bytes(path: Path) -> int:
    """What is free for this user on the disk of `path`."""
    return shutil.disk_usage(nearest_folder(path)).free


def size_bytes(folder: Path) -> int:
    """What all files below a folder take; 0 where there is none."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - quicker
            except FileNotFoundError:
                continue  # another process removed it meanwhile
    return total


def network_kind(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The kind of network file system that `path` lies on; None: on none, or that is not known."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    place = nearest_folder(path).resolve()
    best, kind = -1, ""
    for fields in (line.split() for line in lines):
        mount = Path(fields[1].replace("\\040", " "))
        if place.is_relative_to(mount) and len(mount.parts) >= best:
            best, kind = len(mount.parts), fields[2]
    return kind if kind in _NETWORK or kind.startswith("fuse.sshfs") else None
