"""Whatever a tree was and is, nothing is gone that could not be looked for."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.catalogue import KnownFailure, KnownFile
from mmsearch.engine.diff import Need, diff_scope
from mmsearch.engine.mass_removal import is_mass_removal
from mmsearch.engine.scopes import Scope
from mmsearch.media.scan import ScannedFile, ScanProblem

ROOT = Path("/photos")
NAMES = st.sampled_from(["a", "b", "a.jpg", "a2"])
PLACES = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
STAMPS = st.tuples(st.integers(1, 2), st.integers(1, 2))
TREES = st.dictionaries(PLACES, STAMPS, max_size=12)
"""Files by path, with size and time."""
CLOSED = st.dictionaries(st.one_of(st.just(""), PLACES), st.booleans(), max_size=3)
"""Places that cannot be looked into, and whether they are likely to hold pictures."""
UNDER = st.sampled_from(["", "a", "a/b"])


def _is_hidden(place: str, closed: dict[str, bool]) -> bool:
    above = {"" if str(one) == "." else str(one) for one in PurePosixPath(place).parents}
    return bool(({place} | above) & closed.keys())


def _below(prefix: str, place: str) -> str:
    return f"{prefix}/{place}" if prefix and place else prefix or place


@settings(max_examples=100, deadline=None)
@given(TREES, TREES, TREES, CLOSED, UNDER)
def test_what_is_gone_is_known_not_seen_and_not_hidden(
    before: dict[str, tuple[int, int]],
    bad_before: dict[str, tuple[int, int]],
    now: dict[str, tuple[int, int]],
    closed: dict[str, bool],
    under: str,
) -> None:
    scope = Scope(1, ROOT / under, under.encode())
    known = {
        path: KnownFile(number, number, path, *stamp)
        for number, (path, stamp) in enumerate(
            (_below(under, place).encode(), stamp) for place, stamp in before.items()
        )
    }
    failures = {
        path: KnownFailure(path, *stamp, "truncated: too short")
        for path, stamp in (
            (_below(under, place).encode(), stamp) for place, stamp in bad_before.items()
        )
    }
    seen = {place: stamp for place, stamp in now.items() if not _is_hidden(place, closed)}
    items: list[ScannedFile | ScanProblem] = [
        ScannedFile(ROOT / under / place, place.encode(), *stamp) for place, stamp in seen.items()
    ]
    items += [
        ScanProblem(ROOT / under / place, "closed", place.encode(), likely)
        for place, likely in closed.items()
    ]
    diff = diff_scope(scope, items, known, failures, lambda _: True)

    def gone(places: dict[str, tuple[int, int]]) -> set[bytes]:
        left = {place for place in places.keys() - seen.keys() if not _is_hidden(place, closed)}
        return {_below(under, place).encode() for place in left}

    assert {row.relative for row in diff.vanished} == gone(before)
    assert set(diff.resolved) == gone(bad_before)
    as_before = {place for place in seen if before.get(place) == seen[place]}
    still_bad = {place for place in seen if bad_before.get(place) == seen[place]}
    good = {place for place in as_before if place not in bad_before}
    assert (diff.unchanged, diff.failed) == (len(good), len(still_bad))
    assert {file.relative for file in diff.pending} == {
        _below(under, place).encode() for place in seen.keys() - good - still_bad
    }
    assert all((file.need is Need.NEW) == (file.media_id is None) for file in diff.pending)
    assert diff.n_known == len(before)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_removal_that_waits_is_of_more_than_what_stays(n_gone: int, n_left: int) -> None:
    """And of ten at least; with more left, or fewer gone, it does not begin to wait."""
    waits = is_mass_removal(n_gone, n_gone + n_left)
    assert waits == (n_gone > n_left and n_gone >= 10)
