"""Camera photos of 7 to 22 megapixels, each copy with bytes of its own."""

from __future__ import annotations

from pathlib import Path

from benchmarks.captioned import DATA

LARGE = DATA / "photos_large"
"""Where they lie if nobody says otherwise."""


def large_photos(folder: Path = LARGE) -> list[Path]:
    """The photos in `folder`.

    Raises:
        SystemExit: There are none: only real camera files are worth measuring.
    """
    found = sorted(folder.glob("*.jpg"))
    if not found:
        raise SystemExit(f"skipped: no large photos in {folder}")
    return found


def copies(photos: list[Path], folder: Path, count: int) -> None:
    """Write `count` files, the photos in turn, each with its number behind the picture's end."""
    folder.mkdir(parents=True, exist_ok=True)
    data = [photo.read_bytes() for photo in photos]
    for number in range(count):
        content = data[number % len(data)] + f"\n{number}".encode()
        (folder / f"{number:05d}.jpg").write_bytes(content)
