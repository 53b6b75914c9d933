"""What there is to filter by, counted."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from mmsearch.catalogue import CatalogueBatch, facets
from mmsearch.types import (
    Facets,
    FolderCount,
    FormatCount,
    MediaMetadata,
    Orientation,
    OrientationCount,
)
from tests.catalogue_rows import dated_file, make_space


def test_an_empty_catalogue_offers_nothing(catalogue):
    assert catalogue.facets() == Facets(0, (), (), None, None, (), 0)


def test_files_are_counted_by_format_shape_day_and_folder(catalogue, root):
    noon = int(datetime(2020, 6, 15, 12).timestamp()) * 10**9
    entries = (
        dated_file("a.jpg", "a", MediaMetadata(4, 3, "JPEG", datetime(1999, 1, 2, 3, 4))),
        dated_file("trip/b.jpg", "b", MediaMetadata(4, 3, "JPEG", datetime(2001, 1, 2, 3, 4))),
        dated_file("trip/one/c.png", "c", MediaMetadata(3, 3, "PNG"), noon),
        dated_file("trip/one/d.png", "d", MediaMetadata(3, 4, "PNG"), noon - 86_400 * 10**9),
    )
    catalogue.apply(CatalogueBatch(root.root_id, entries, space=make_space()))
    empty = catalogue.add_root(Path("/empty"))
    assert catalogue.facets() == Facets(
        n_files=4,
        formats=(FormatCount("JPEG", 2), FormatCount("PNG", 2)),
        orientations=(
            OrientationCount(Orientation.LANDSCAPE, 2),
            OrientationCount(Orientation.PORTRAIT, 1),
            OrientationCount(Orientation.SQUARE, 1),
        ),
        first_date=date(1999, 1, 2),
        last_date=date(2020, 6, 15),
        folders=(
            FolderCount(empty.path, 0),
            FolderCount(Path("/photos"), 4),
            FolderCount(Path("/photos/trip"), 3),
            FolderCount(Path("/photos/trip/one"), 2),
        ),
        n_folders=4,
    )


def test_of_very_many_folders_the_largest_are_told(catalogue, root, monkeypatch):
    monkeypatch.setattr(facets, "MOST_FOLDERS", 3)
    about = MediaMetadata(4, 3, "JPEG")
    entries = [dated_file(f"{n}/x", f"{n}", about) for n in range(5)]
    entries += [dated_file(f"3/{n}", f"3 {n}", about) for n in range(4)]
    entries += [dated_file("1/more", "1 more", about)]
    catalogue.apply(CatalogueBatch(root.root_id, tuple(entries), space=make_space()))
    told = catalogue.facets()
    assert told.n_folders == 6
    assert told.folders == (
        FolderCount(Path("/photos"), 10),
        FolderCount(Path("/photos/1"), 2),
        FolderCount(Path("/photos/3"), 5),
    )
