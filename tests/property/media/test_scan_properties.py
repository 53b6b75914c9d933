"""A scan finds exactly the pictures a naive walk finds, in one order."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.media.scan import PICTURE_SUFFIXES, SKIPPED_FOLDERS, ScannedFile, ScanOptions, scan

NAMES = st.sampled_from(["a", "b.jpg", "B.JPG", "c.png", ".h", ".i.jpg", "@eaDir", "x y", "t.txt"])
TREES = st.recursive(
    st.none(), lambda inner: st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)


def build(folder: Path, tree: object) -> None:
    assert isinstance(tree, dict)
    for name, inner in tree.items():
        if inner is None:
            (folder / name).write_bytes(b"x")
        else:
            (folder / name).mkdir()
            build(folder / name, inner)


def naive(root: Path, *, include_hidden: bool) -> set[bytes]:
    found = set()
    for folder, _, files in os.walk(root):
        for name in files:
            relative = (Path(folder) / name).relative_to(root)
            hidden = any(part.startswith(".") for part in relative.parts)
            skipped = any(part in SKIPPED_FOLDERS for part in relative.parts[:-1])
            left_out = skipped or (hidden and not include_hidden)
            if relative.suffix.lower() in PICTURE_SUFFIXES and not left_out:
                found.add(os.fsencode(relative.as_posix()))
    return found


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, TREES, max_size=5), st.booleans())
def test_scan_finds_what_a_naive_walk_finds(tree: dict[str, object], include_hidden: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        build(root, tree)
        items = list(scan(root, ScanOptions(include_hidden=include_hidden)))
        assert all(isinstance(item, ScannedFile) for item in items)
        found = [item.relative for item in items]
        assert len(found) == len(set(found))
        assert set(found) == naive(root, include_hidden=include_hidden)
        assert found == [item.relative for item in scan(root, ScanOptions((), include_hidden))]
