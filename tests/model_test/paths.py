"""What a path says of a file, as indexing takes it."""

from __future__ import annotations

from pathlib import Path


def name_of(path: str) -> str:
    return path.rpartition("/")[2]


def is_picture(path: str) -> bool:
    return path.endswith((".png", ".jpg", ".bmp"))


def is_empty_folder(path: str) -> bool:
    return Path(path).is_dir() and not any(Path(path).iterdir())


def place_in_scan(path: str) -> tuple[tuple[bool, str], ...]:
    """A folder's files come before its folders, each by name."""
    *folders, name = path.split("/")
    return (*((True, folder) for folder in folders), (False, name))
