"""Any files and any filters: SQL lets pass what a plain reading of the filters does."""

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.catalogue import Catalogue, CatalogueBatch
from mmsearch.types import Filters, MediaMetadata, MediaRecord, Orientation
from tests.catalogue_rows import dated_file, make_space

FOLDERS = (Path("/"), Path("/x"), Path("/photos/b"), Path("/photos/b/1"))
PLACES = ("a", "b", "b/1", "b/c/2", "d")
days = st.dates(date(2019, 12, 30), date(2020, 1, 3))
moments = st.builds(
    lambda day, seconds: datetime.combine(day, datetime.min.time()) + timedelta(seconds=seconds),
    days,
    st.integers(0, 86_399),
)
pictures = st.builds(
    MediaMetadata,
    width=st.integers(1, 3),
    height=st.integers(1, 3),
    format=st.sampled_from(["JPEG", "PNG"]),
    taken_at=st.none() | moments,
)
filters = st.builds(
    Filters,
    under=st.none()
    | st.sampled_from([Path("/x"), Path("/photos/b"), Path("/photos/b/1"), Path("/")]),
    taken_from=st.none() | days,
    taken_to=st.none() | days,
    formats=st.sampled_from([(), ("jpg",), ("PNG",), ("jpeg", "png"), ("gif",)]),
    orientation=st.none() | st.sampled_from(list(Orientation)),
)


def passes(media: MediaRecord, asked: Filters) -> bool:
    """The plain reading."""
    about, day = media.metadata, media.date
    assert day is not None
    shape = (about.width > about.height) - (about.width < about.height)
    shapes = {Orientation.LANDSCAPE: 1, Orientation.SQUARE: 0, Orientation.PORTRAIT: -1}
    names = {name.upper().replace("JPG", "JPEG") for name in asked.formats}
    return (
        (asked.under is None or media.path.is_relative_to(asked.under))
        and (asked.taken_from is None or day >= asked.taken_from)
        and (asked.taken_to is None or day <= asked.taken_to)
        and (not names or about.format in names)
        and (asked.orientation is None or shape == shapes[asked.orientation])
    )


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(PLACES), st.tuples(pictures, moments)),
    st.lists(filters, min_size=1, max_size=5),
)
def test_what_passes_is_what_should(files, asked_for):
    with (
        tempfile.TemporaryDirectory() as folder,
        Catalogue.open(Path(folder) / "c.sqlite3", create=True) as catalogue,
    ):
        catalogue.add_space(make_space())
        root = catalogue.add_root(Path("/photos"))
        entries = tuple(
            dated_file(place, place, about, int(written.timestamp()) * 10**9)
            for place, (about, written) in files.items()
        )
        catalogue.apply(CatalogueBatch(root.root_id, entries, space=make_space()))
        ids = catalogue.allowed_contents()
        everything = catalogue.media_for_contents(ids)
        assert len(everything) == len(files)
        for asked in asked_for:
            expected = {item for item, media in everything.items() if passes(media, asked)}
            assert set(catalogue.allowed_contents(asked).tolist()) == expected
            assert set(catalogue.media_for_contents(ids, asked)) == expected
